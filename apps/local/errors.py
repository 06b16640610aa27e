"""The errors of a laptop's environment; the CLI prints them without a traceback.

LifecycleError
└── LaptopError
├── PortsTaken, PartFailed, DeploymentFailed, NotRunning, ForeignFile
├── Refused              http_server.py
└── AwsRefused, ...      console/errors.py
"""

from collections.abc import Sequence
from pathlib import Path

from lifecycle.domain.errors import LifecycleError


class LaptopError(LifecycleError):
    """A command of the local environment failed; the message says what to do."""


class PortsTaken(LaptopError):
    """Another process listens on a port of the environment."""

    def __init__(self, taken: Sequence[str]) -> None:
        super().__init__("nothing was started:" + "".join(f"\n  {each}" for each in taken))


class PartFailed(LaptopError):
    """A part of the environment ended, or did not answer, while it started."""

    def __init__(self, part: str, why: str, log_end: str = "") -> None:
        tail = "".join(f"\n    {line}" for line in log_end.splitlines()[-15:])
        super().__init__(f"{part} {why}" + (f"; the end of its log:{tail}" if tail else ""))


class DeploymentFailed(LaptopError):
    """CloudFormation did not deploy a template; the message names the resources that failed."""

    def __init__(self, stack: str, status: str, reasons: Sequence[str]) -> None:
        lines = "".join(f"\n    {reason}" for reason in reasons)
        super().__init__(f"CloudFormation ended {stack} with {status}:{lines or ' no reason was given'}")


class NotRunning(LaptopError):
    """The environment is not up."""

    def __init__(self) -> None:
        super().__init__("the local environment is not running; start it with `lifecycle local up` or `make run`")


class ForeignFile(LaptopError):
    """A file of an environment that another user may have written, or that names another user's server."""

    def __init__(self, path: Path, expected: str, found: str, remedy: str = "") -> None:
        super().__init__(
            f"{path} is not believed: expected {expected}, found {found}; nothing was sent. "
            f"{remedy or 'Move it away'}, or name your own environment by LIFECYCLE_HOME, or an AWS by --profile"
        )
