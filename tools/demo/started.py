"""The deployment that the demo started, by its id: on a slow machine another one may be the newest.

Used by phases.py and test_beds.py.
"""

from dataclasses import dataclass

from lifecycle.application.context import Context
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind

TOO_BUSY = "this machine is too busy for a verdict"
_READ = 50
_NEVER_BEGAN = (DeploymentState.QUEUED, DeploymentState.REFUSED, DeploymentState.SUPERSEDED)


@dataclass(slots=True)
class Started:
    """The demo's deployment of `version`. `before` are the ids of the deployments before it; `id` is found once."""

    context: Context
    cluster: Cluster
    version: str
    before: frozenset[str]
    id: str = ""

    @classmethod
    def begin(cls, context: Context, cluster: Cluster, version: str) -> "Started":
        """Note the deployments before the demo starts its own."""
        return cls(context, cluster, version, frozenset(each.id for each in _recent(context, cluster)))

    def deployment(self) -> Deployment | None:
        """Return the record of the demo's deployment; None if it was refused before it had one."""
        self.id = self.id or next((each.id for each in self._new() if self._is_ours(each)), "")
        return self.context.deployments.get(self.cluster, self.id) if self.id else None

    def rollback(self) -> Deployment | None:
        """Return the rollback of the demo's deployment, if there is one."""
        return next((each for each in self._new() if self.id and each.request.rollback_of == self.id), None)

    def unreachable_agents(self) -> list[str]:
        """Return the hosts whose agents do not report in time, which is what a plan is refused for here."""
        now, timeout = self.context.clock.now(), self.context.heartbeat_timeout
        reports = self.context.fleet.reports(self.cluster)
        return [host for host, report in sorted(reports.items()) if report.unreachable_since(now, timeout)]

    def failure(self) -> str:
        """Say what became of the demo's deployment, and never of another one."""
        found = self.deployment()
        if found and found.state not in _NEVER_BEGAN:
            return f"{found.id} is {found.state}: {found.reason}"
        why = found.reason if found else "see the blockers above"
        refused = f"{self.version} was refused and never began: {why}"
        if unreachable := self.unreachable_agents():
            return f"{refused}; {TOO_BUSY}: the agents of {listed(unreachable)} do not report in time"
        return refused

    def _new(self) -> list[Deployment]:
        return [each for each in _recent(self.context, self.cluster) if each.id not in self.before]

    def _is_ours(self, each: Deployment) -> bool:
        return each.request.version == self.version and each.request.kind is Kind.DEPLOY


def _recent(context: Context, cluster: Cluster) -> list[Deployment]:
    return list(context.deployments.recent_without_hosts(cluster, _READ))
