"""The recorded requests in the ledger: an item for each, in a partition of the part that recorded it.

IAM tells partitions apart. So only convergence's role can record a repair, and only the function that knows who
called can record an operator's request.
"""

from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import REQUEST, Table, item, record, request_key


@translated
class DynamoRequests:
    """One read finds a request of any source."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, requested: RecordedRequest) -> bool:
        pk = request_key(requested.source, requested.request.deployment)
        if self._table.put(item(pk, REQUEST, requested), "attribute_not_exists(pk)"):
            return True
        found = self._table.get(pk, REQUEST)
        return found is not None and record(RecordedRequest, found).request == requested.request

    def find(self, deployment: str) -> RecordedRequest | None:
        found = self._table.get_all([(request_key(source, deployment), REQUEST) for source in Source])
        recorded = [record(RecordedRequest, each) for each in found if each]
        return recorded[0] if len(recorded) == 1 else None
