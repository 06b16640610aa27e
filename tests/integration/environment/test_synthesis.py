"""A synthesis in the background ends with its block, and leaves nothing that is unfinished."""

from pathlib import Path

import psutil
import pytest

from apps.local.aws.assembly import Synthesis
from apps.local.paths import REPOSITORY


class Interrupted(Exception):
    pass


def unfinished() -> list[Path]:
    return list((REPOSITORY / "build").glob("unfinished-*"))


def interrupt() -> None:
    with Synthesis({"poll_seconds": "0.125"}) as synthesis:
        assert not synthesis.cached
        raise Interrupted


def test_interrupted_synthesis_ends_and_leaves_nothing() -> None:
    with pytest.raises(Interrupted):
        interrupt()
    # A zombie has ended, and has no command line.
    left = [each for each in psutil.Process().children() if each.status() != psutil.STATUS_ZOMBIE]
    assert not [each for each in left if "infra/app.py" in " ".join(each.cmdline())]
    assert unfinished() == []
