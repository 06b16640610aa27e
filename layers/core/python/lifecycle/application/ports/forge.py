"""The port to the forge: where developers see the status of a commit."""

from typing import Protocol

from lifecycle.domain.delivery.forge_status import CommitStatus, ForgeDeployment


class Forge(Protocol):
    """A site that has repositories, such as GitHub; a repository is named like acme/shop.

    Each call raises ForgeFailed, in seconds, for whatever the forge does. No call is repeated.
    """

    def serves(self, repository: str) -> bool:
        """Return whether statuses of this repository can be sent, which needs a token."""

    def set_status(self, repository: str, commit: str, status: CommitStatus) -> None:
        """Add a status to a commit."""

    def create_deployment(self, repository: str, commit: str, deployment: ForgeDeployment) -> int:
        """Create a deployment of a commit, without a state; returns its number."""

    def set_deployment_state(self, repository: str, number: int, deployment: ForgeDeployment) -> None:
        """Add a state to a deployment."""
