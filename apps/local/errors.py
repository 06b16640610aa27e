"""What can go wrong on a laptop, printed without a traceback."""

from collections.abc import Sequence

from lifecycle.domain.errors import LifecycleError


class LaptopError(LifecycleError):
    """The local environment cannot do what was asked; the message says what to do."""


class PortsTaken(LaptopError):
    """Something else listens where a part of the environment would."""

    def __init__(self, taken: Sequence[str]) -> None:
        super().__init__("nothing was started:" + "".join(f"\n  {each}" for each in taken))


class PartFailed(LaptopError):
    """A part of the environment ended, or did not answer, when it should have started."""

    def __init__(self, part: str, why: str, log_end: str = "") -> None:
        tail = "".join(f"\n    {line}" for line in log_end.splitlines()[-15:])
        super().__init__(f"{part} {why}" + (f"; the end of its log:{tail}" if tail else ""))


class DeploymentFailed(LaptopError):
    """CloudFormation refused a template; the resources that failed are named."""

    def __init__(self, stack: str, status: str, reasons: Sequence[str]) -> None:
        lines = "".join(f"\n    {reason}" for reason in reasons)
        super().__init__(f"CloudFormation ended {stack} with {status}:{lines or ' no reason was given'}")


class NotRunning(LaptopError):
    """The environment is not up."""

    def __init__(self) -> None:
        super().__init__(
            "the local environment does not run; start it with `lifecycle local up` or `make run`"
        )
