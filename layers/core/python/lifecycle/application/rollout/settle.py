"""The settle time: a host that has left the load balancer serves on for a while, before its service may be stopped.

Parts of an ALB may send it requests for seconds after its deregistration, even while no connection is open
(docs/adr/0035). Used by every call that waits for a drain and then lets the host's service be stopped.
"""

from datetime import datetime, timedelta

from lifecycle.application.context import Context
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.deployment import Deployment


def settle(context: Context, deployment: Deployment, report: HostReport, left_at: datetime) -> None:
    """Wait until the policy's settle time is over, from when the host was seen to have left at the latest.

    A service that does not run can answer nothing, so nothing is waited for. Nobody knows when a host left that was
    out already: an earlier call may have taken it out a moment ago.
    """
    if not context.settles or not report.running:
        return
    over = left_at + timedelta(seconds=deployment.policy.settle_seconds)
    if (left := (over - context.clock.now()).total_seconds()) > 0:
        context.clock.sleep(left)
