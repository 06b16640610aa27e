"""The errors of a host's agent, in addition to lifecycle.domain.errors.

LifecycleError
├── StoreUnreachable       the ledger or the artifact bucket did not answer; a retry may succeed
├── EventsRefused          CloudWatch Logs takes a batch never; it is left out
├── ServiceFailed          the service did not stop, start, stay up or pass its self-test
│   └── LeftBehind         a process of an earlier start did not end
├── NoPort                 the host has no port, and the service serves HTTP
├── LacksCommands          the host lacks a command that the version needs
├── PortTaken              another process listens on the service's port
├── ConfigUnreadable       the configuration cannot be read, or lacks what the version requires
├── HomeInUse              another agent uses the same folder
└── NoServiceAccount       the service cannot run as the user that was named
"""

import errno
from collections.abc import Sequence

from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.listing import listed

FULL_ERRORS = (errno.ENOSPC, errno.EDQUOT)
FULL_DISK = "the disk of this host is full: make room, then retry"


class StoreUnreachable(LifecycleError):
    """A store that did not answer, or answered that it cannot now; the same call may succeed later."""

    def __init__(self, store: str, cause: object) -> None:
        super().__init__(f"{store} could not be reached: {cause}; the agent retries")


class EventsRefused(LifecycleError):
    """A batch of log lines that CloudWatch refuses for its content; the same call fails again."""


class ServiceFailed(LifecycleError):
    """A service that does not behave as its manifest declares."""


class LeftBehind(ServiceFailed):
    """A process of an earlier start that does not end; `version` is the one whose start left it, if that is known."""

    def __init__(self, found: str, version: str, seconds: float) -> None:
        self.version = version
        of = f"the start of {version}" if version else "an earlier start of the service"
        super().__init__(
            f"{found}, which {of} left, did not end within {seconds:g} s of SIGKILL; "
            "find what it waits for with ps, then retry"
        )


class PortTaken(LifecycleError):
    """A port that another process than the service holds; `pid` is 0 when this user may not see it."""

    def __init__(self, address: str, port: int, holder: str, pid: int = 0) -> None:
        self.pid = pid
        super().__init__(f"{address}:{port} is taken by {holder}; stop it, or give the host another port")


class NoPort(LifecycleError):
    """A host without a port, which cannot run a service that serves HTTP; nothing was changed."""

    def __init__(self, host: str, version: str) -> None:
        super().__init__(f"{version} serves HTTP, and {host} has no port: start its agent with --port")


class LacksCommands(LifecycleError):
    """A host without a command that the version needs; nothing was changed."""

    def __init__(self, host: str, version: str, missing: Sequence[str]) -> None:
        how = "install it on the host (`packages` of its cluster in cdk.json), then retry"
        super().__init__(f"{host} lacks {listed(missing)}, which {version} needs (run.needs): {how}")


class ConfigUnreadable(LifecycleError):
    """A configuration that this host cannot read, or that lacks a name; nothing was changed for it."""


class HomeInUse(LifecycleError):
    """A folder that another agent uses; two agents would undo each other's work."""

    def __init__(self, home: str, holder: str) -> None:
        super().__init__(f"an agent (pid {holder}) already runs in {home}; stop it first, or use another --home")


class NoServiceAccount(LifecycleError):
    """A user as whom the service cannot run."""

    def __init__(self, name: str, found: str, mend: str) -> None:
        super().__init__(f"--service-user: expected a user for an agent of root, found {name!r}: {found}; {mend}")


def in_words(error: Exception) -> str:
    """Return what an error says to people; the system's own words for a full disk name no way out."""
    full = isinstance(error, OSError) and error.errno in FULL_ERRORS
    return f"{FULL_DISK} ({error})" if full else str(error)
