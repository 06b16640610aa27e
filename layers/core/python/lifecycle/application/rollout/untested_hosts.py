"""Hosts in rotation whose update failed after their drain: await_alive and convergence take them out again.

Nothing can fence the load balancer. A registration that hung until another deployment had the lease puts a
host back that this deployment has drained, perhaps while an untested version runs there.
"""

from collections.abc import Mapping

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.application.rollout.test_bed import traffic_weights
from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import TargetState, state_of
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import latest_attempts
from lifecycle.domain.rollout.deployment import Deployment

# The last states of an attempt that failed while its host was out of rotation.
_DRAINED = (AttemptState.DRAINED, AttemptState.INSTALLED, AttemptState.SELF_TESTED)


def failed_drained(attempt: HostAttempt) -> bool:
    """Return whether an attempt failed while its host was out of rotation, where the host stays."""
    return attempt.state is AttemptState.FAILED and attempt.reached in _DRAINED


def take_out_untested(
    context: Context, holder: Deployment, reports: Mapping[str, HostReport], rotation: Mapping[str, TargetState]
) -> None:
    """Deregister each host that the lease's holder left drained, unless it passed the self-test of the target.

    A failed attempt stays failed, and the next attempt drains the host first. So a delayed call does no harm.
    """
    cluster = holder.cluster
    if not any(state.in_rotation for state in rotation.values()):
        return
    attempts, _ = readable(lambda: context.deployments.attempts(holder.id), ())
    for host, attempt in latest_attempts(tuple(attempts)).items():
        report = reports.get(host)
        if not failed_drained(attempt) or report is None or not state_of(rotation, host).in_rotation:
            continue
        if report.epoch > holder.epoch:
            continue  # the ledger was set back: a later deployment has updated this host since
        untested = drift_reason(report, TargetState.HEALTHY, holder.target)
        if untested and context.leases.current(cluster).is_held_by(holder.id, holder.epoch):
            context.record_action(
                cluster, holder.id, "drain", f"in rotation after its update failed: {untested}", host
            )
            traffic_weights.stop_traffic(context, cluster, report.place)
            context.dispatcher.deregister(cluster, report.place)
