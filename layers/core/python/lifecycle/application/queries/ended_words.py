"""Hosts whose service has ended, in words: how it ended, how long ago, and what follows.

Read by `lifecycle status`; reads only.
"""

from collections.abc import Mapping
from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.convergence.converge import cluster_facts
from lifecycle.application.queries.clusters import ClusterView
from lifecycle.application.queries.hosts import HostView
from lifecycle.application.rollout.observe import recent_deployments
from lifecycle.domain.convergence.crash_loop import CrashLoop, crash_loops
from lifecycle.domain.convergence.decide import Converged, Convergence, Hold, Repair, converge
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.rollout.deployment import Kind
from lifecycle.domain.time_format import ago, lasting


def ended_words(context: Context, view: ClusterView, hosts: tuple[HostView, ...]) -> Mapping[str, str]:
    """Return a sentence for each host whose service has ended; its repairs are read only if there is one.

    What follows is what convergence decides now.
    """
    ended = {each.report.host: each for each in hosts if each.report.ended and not each.report.running}
    if not ended:
        return {}
    reports = {host: each.report for host, each in ended.items()}
    recent = recent_deployments(context, view.cluster)
    loops = crash_loops(reports, recent, context.minute)
    found = _decision(context, view)
    return {host: _sentence(context, view, each, loops.get(host), found) for host, each in ended.items()}


def _decision(context: Context, view: ClusterView) -> Convergence:
    """Return what convergence decides now; its schedule fails, too, where the facts cannot be read."""
    try:
        return converge(cluster_facts(context, view.cluster), context.clock.now())
    except LifecycleError as error:
        return Hold({}, str(error))


def _sentence(context: Context, view: ClusterView, host: HostView, loop: CrashLoop | None, found: Convergence) -> str:
    end, now = host.report.ended, context.clock.now()
    if end is None:
        return host.report.not_running
    again = f", after {loop.repairs} repairs in a row" if loop and loop.is_reported else ""
    what = f"{end.in_words} {ago(end.at, now)}{again}"
    if running := view.running:
        repairs = running.request.kind is Kind.CONVERGE and host.report.host in running.request.only
        return f"{what}; being repaired" if repairs else f"{what}; {running.id} has the cluster until it ends"
    if view.lease.deployment:
        return f"{what}; being repaired"
    if host.quarantined:
        return f"{what}; it is quarantined, so nothing repairs it"
    if host.skipped:
        return f"{what}; it was left out by a decision, so nothing repairs it before the next deployment"
    return f"{what}{_next(found, host.report.host, loop, now)}"


def _next(found: Convergence, host: str, loop: CrashLoop | None, now: datetime) -> str:
    """Return what convergence does about a host, by its own decision."""
    match found:
        case Repair() if not found.only or host in found.only:
            return "; convergence repairs it"
        case Hold() | Converged() if not (loop and loop.due > now and loop.reason in found.reason):
            return f"; convergence does not repair it now: {found.reason}"
        case _ if loop and loop.due > now:
            return f"; next try in {lasting((loop.due - now).total_seconds())}"
        case _:
            return f"; something else comes first: {found.reason}"
