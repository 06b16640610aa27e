"""The recorded requests in memory."""

from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source
from tests.fakes.keys import required


class MemoryRequests:
    """At most one request for each source and deployment."""

    def __init__(self) -> None:
        self._requests: dict[tuple[Source, str], RecordedRequest] = {}

    def put(self, requested: RecordedRequest) -> bool:
        key = (requested.source, required(requested.request.deployment))
        return self._requests.setdefault(key, requested).request == requested.request

    def find(self, deployment: str) -> RecordedRequest | None:
        found = [each for source in Source if (each := self._requests.get((source, deployment)))]
        return found[0] if len(found) == 1 else None
