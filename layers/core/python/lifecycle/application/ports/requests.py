"""The port to the recorded requests."""

from typing import Protocol

from lifecycle.domain.rollout.recorded_request import RecordedRequest


class Requests(Protocol):
    """The requests for deployments, by the deployment's id. None is ever changed."""

    def put(self, requested: RecordedRequest) -> bool:
        """Record a request; returns False if its source has recorded another one under this id."""

    def find(self, deployment: str) -> RecordedRequest | None:
        """Return the request of a deployment; None if two sources recorded one. Raises UnreadableRecord."""
