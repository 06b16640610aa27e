"""Hosts that a deployment left out of rotation: read which of some hosts are among them.

Called by converge.py about hosts whose service ended. A host that is out of rotation for another reason served:
it booted with another address, say.
"""

from collections.abc import Collection, Sequence

from lifecycle.application.context import Context
from lifecycle.application.rollout.observe import verifies
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.deployment import Deployment


def left_out_of_rotation(context: Context, hosts: Collection[str], recent: Sequence[Deployment]) -> frozenset[str]:
    """Return those of the hosts whose newest attempt did not end ALIVE, or that a human skipped.

    `recent` begins with the newest deployment. Those before the last one that verified a version do not count.
    """
    unknown, left_out = set(hosts), set[str]()
    for each in recent:
        if not unknown:
            break
        if each.epoch and (not each.request.only or unknown & set(each.request.only)):
            tries = [try_ for try_ in context.deployments.attempts(each.id) if not try_.release]
            last = {try_.host: try_ for try_ in sorted(tries, key=lambda try_: try_.number) if try_.host in unknown}
            failed = {host for host, attempt in last.items() if attempt.state is not AttemptState.ALIVE}
            left_out |= failed | unknown & set(each.skipped_hosts)
            unknown -= left_out | set(last)
        if verifies(each):
            break
    return frozenset(left_out)
