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
        found = (self._requests.get((source, deployment)) for source in Source)
        return next((each for each in found if each), None)
