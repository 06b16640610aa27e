"""The phases that the console calls, in memory: the phases themselves."""

from collections.abc import Sequence

from lifecycle.application.context import Context
from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.delivery.promote import Gate, promote
from lifecycle.application.delivery.staging_gate import StagingGate
from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.phases import Converged, Promoted, Removed
from lifecycle.domain.fleet.cluster import Cluster
from tests.fakes.signer import SIGNER


class MemoryPhases:
    """The phases; `promote` with its signer, and with the gate of staging unless a test gives another one."""

    def __init__(self, context: Context, catalogue: Catalogue, gate: Gate | None = None) -> None:
        self._context = context
        self._catalogue = catalogue
        self._gate = gate

    def promote(self, service: str, snapshot: str, by: str) -> Promoted:
        gate = self._gate or StagingGate(self._context, by)
        return promote(self._catalogue, self._context.artifacts, SIGNER, service, snapshot, by, gate)

    def converge(self, cluster: Cluster, by: str) -> Sequence[Converged]:
        found = converge_all(self._context, "c0de", by, cluster)
        return tuple(Converged(each.cluster, each.kind, each.reason, each.deployment) for each in found)

    def remove_host(self, cluster: Cluster, host: str, by: str, why: str) -> Removed:
        done = remove_host(self._context, cluster, host, RequestedBy(by, why))
        return Removed(done.message, done.clusters)
