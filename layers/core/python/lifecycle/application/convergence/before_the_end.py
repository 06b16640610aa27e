"""The targets of hosts before their service ended: read from the attempts, as a host may report anything.

Called by converge.py. A host that is out of rotation, and that no deployment left out, served: it booted with another
address, say.
"""

from collections.abc import Collection, Sequence

from lifecycle.application.context import Context
from lifecycle.application.rollout.observe import verifies
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.hosts import target_of
from lifecycle.domain.service.target import Target


def targets_before(context: Context, hosts: Collection[str], recent: Sequence[Deployment]) -> dict[str, Target]:
    """Return what each of the hosts was given last, without those that a deployment left out of rotation.

    Left out are hosts whose newest attempt did not end ALIVE, or that a human skipped. A deployment
    that verified a version gave it to every host, and those before it do not count.
    """
    unknown, found = set(hosts), dict[str, Target]()
    began = (each for each in recent if each.epoch)
    for each in sorted(began, key=lambda each: each.epoch, reverse=True):  # names are by somebody's clock
        if not unknown:
            break
        if not each.request.only or unknown & set(each.request.only):
            last = _last_attempts(context, each, unknown)
            alive = {host: try_ for host, try_ in last.items() if try_.state is AttemptState.ALIVE}
            skipped = set(each.skipped_hosts)
            found |= {host: target_of(each, try_.group) for host, try_ in alive.items() if host not in skipped}
            unknown -= skipped | set(last)
        if verifies(each):
            found |= dict.fromkeys(unknown, each.target)
            break
    return found


def _last_attempts(context: Context, deployment: Deployment, hosts: Collection[str]) -> dict[str, HostAttempt]:
    tries = [each for each in context.deployments.attempts(deployment.id) if not each.release and each.host in hosts]
    return {each.host: each for each in sorted(tries, key=lambda each: each.number)}
