"""`python -m tools.demo`, which `make run` starts."""

import signal
import sys


def start() -> int:
    """Run the demo; return the exit code. Ctrl-C while Python still imports ends the process without a traceback."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from tools.demo.demo import main  # noqa: PLC0415  (it takes half a second)

    signal.signal(signal.SIGINT, signal.default_int_handler)
    return main()


sys.exit(start())
