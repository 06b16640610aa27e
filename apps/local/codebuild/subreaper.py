"""A program that becomes the parent of all that it leaves behind, and then another program.

shell.py starts each build's shell with it, as a file and without `site`. The setting survives execve, so the shell is
the top of all processes of its build, daemons included, and cancellation.py finds them.
"""

import ctypes
import os
import sys

_PR_SET_CHILD_SUBREAPER = 36

if __name__ == "__main__":
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.execvpe(sys.argv[1], sys.argv[1:], os.environ)  # noqa: S606 - shell.py made the variables  # nosec B606
