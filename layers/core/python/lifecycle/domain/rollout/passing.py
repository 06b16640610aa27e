"""Blockers that pass by themselves: a freeze, an agent whose last report is old, hosts that are down now.

Used by the plan for automatic deployments (application/rollout/wait.py). Nobody reads their refusal and asks again,
so they wait.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from lifecycle.domain.fleet.host import unreachable_among
from lifecycle.domain.rollout.capacity import Floor, first_refusal, without_dead
from lifecycle.domain.rollout.deployment import Override, Request
from lifecycle.domain.rollout.plan_facts import Observed
from lifecycle.domain.rollout.preflight import blockers, unreachable_blockers


def passing_blockers(
    request: Request, observed: Observed, order: Sequence[str], now: datetime, heartbeat_timeout: timedelta
) -> list[str]:
    """Return why the deployment may not begin now, if nothing but time is needed; else nothing.

    `order` is the order of the hosts that would be updated.
    """
    unreachable = unreachable_among(observed.reports, now, heartbeat_timeout)
    floor = Floor.of(observed.policy(request), observed.cluster_members, frozenset(observed.skipped_hosts))
    refused = first_refusal(order, without_dead(observed.rotation, observed.reports, unreachable), floor)
    passing = {*unreachable_blockers(request, observed, unreachable), refused}
    not_frozen = replace(request, overrides=(*request.overrides, Override.FREEZE))
    lasting = [why for why in blockers(not_frozen, observed, order, now, heartbeat_timeout) if why not in passing]
    return [] if lasting else blockers(request, observed, order, now, heartbeat_timeout)
