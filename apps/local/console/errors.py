"""What the console answers when it does not do what the page asked; each is one line that a person reads."""

from apps.local.errors import LaptopError


class AwsSaidNo(LaptopError):
    """AWS refused a call, or a function failed."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why}")


class NoDashboard(LaptopError):
    """The control plane is not deployed, or not yet."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no dashboard {name!r} yet; it comes with `lifecycle local up`")


class AwsAway(LaptopError):
    """The embedded AWS does not answer."""

    def __init__(self) -> None:
        super().__init__("the embedded AWS does not answer; start it again: lifecycle local up")
