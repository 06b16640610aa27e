"""What can go wrong on a host, beside the errors of lifecycle.domain.errors.

LifecycleError
├── StoreUnreachable       the ledger or the artifact bucket did not answer; worth another try
├── ServiceFailed          the service did not stop, start, stay up or pass its self-test
├── PortTaken              something else listens where the service has to
└── HomeInUse              another agent works in the same folder
"""

from lifecycle.domain.errors import LifecycleError


class StoreUnreachable(LifecycleError):
    """The store did not answer, or said that it cannot now; the same call may succeed later."""

    def __init__(self, what: str, why: object) -> None:
        super().__init__(f"{what} could not be reached: {why}; it is tried again")


class ServiceFailed(LifecycleError):
    """The service did not do what its manifest says that it does."""


class PortTaken(LifecycleError):
    """The service's port is held by a process that is not the service."""

    def __init__(self, address: str, port: int, holder: str) -> None:
        super().__init__(f"{address}:{port} is taken by {holder}; stop it, or give the host another port")


class HomeInUse(LifecycleError):
    """Two agents in one folder would undo each other."""

    def __init__(self, home: str, holder: str) -> None:
        super().__init__(f"an agent (pid {holder}) already works in {home}; stop it first")
