"""The console's errors; the page shows each message as one line."""

from apps.local.errors import LaptopError


class AwsRefused(LaptopError):
    """AWS refused a call, or a function failed."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")


class NoDashboard(LaptopError):
    """The control plane is not deployed, or not yet."""

    def __init__(self, name: str) -> None:
        super().__init__(f"dashboard {name!r} not found; it comes with `lifecycle local up`")


class AwsUnreachable(LaptopError):
    """The embedded AWS does not answer."""

    def __init__(self) -> None:
        super().__init__("the embedded AWS does not answer; restart it: lifecycle local up")
