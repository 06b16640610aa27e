"""Hosts that a deployment keeps down: their services ended, and no repair begins while it has the cluster.

Used by application/convergence/services_down.py. A rollout updates such a host next, and asks about one that it has
updated. But it does neither while it waits for a person, or for a test bed.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

from lifecycle.domain.fleet.host import HostReport, ServiceEnd
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind

# In the policy's minutes: a deployment that waits is answered, and one that runs comes to the host, within these.
WHILE_IT_WAITS, WHILE_IT_RUNS = 1, 5


def kept_down(
    reports: Mapping[str, HostReport],
    served: Collection[str],
    bad_hosts: Collection[str],
    holder: Deployment,
    minute: timedelta,
    now: datetime,
) -> dict[str, ServiceEnd]:
    """Return how the service of each such host ended; `served` are hosts that no deployment has left out.

    A host that is quarantined is down because somebody wants that.
    """
    if holder.state.final or holder.request.kind is Kind.CONVERGE:
        return {}
    runs = holder.state in (DeploymentState.RUNNING, DeploymentState.QUEUED)
    patience = minute * (WHILE_IT_RUNS if runs else WHILE_IT_WAITS)
    ended = {host: report.ended for host, report in sorted(reports.items()) if not report.running}
    return {
        host: end
        for host, end in ended.items()
        if end and host in served and host not in bad_hosts and now - end.at >= patience
    }
