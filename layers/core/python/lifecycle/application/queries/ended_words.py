"""Hosts whose service has ended, in words: how it ended, how long ago, and what follows.

Read by `lifecycle status`; reads only.
"""

from collections.abc import Mapping

from lifecycle.application.context import Context
from lifecycle.application.queries.clusters import ClusterView
from lifecycle.application.queries.hosts import HostView
from lifecycle.application.rollout.observe import recent_deployments
from lifecycle.domain.convergence.crash_loop import CrashLoop, crash_loops
from lifecycle.domain.rollout.deployment import Kind
from lifecycle.domain.time_format import ago, lasting


def ended_words(context: Context, view: ClusterView, hosts: tuple[HostView, ...]) -> Mapping[str, str]:
    """Return a sentence for each host whose service has ended; its repairs are read only if there is one."""
    ended = {each.report.host: each for each in hosts if each.report.ended and not each.report.running}
    if not ended:
        return {}
    reports = {host: each.report for host, each in ended.items()}
    recent = recent_deployments(context, view.cluster)
    loops = crash_loops(reports, recent, context.minute)
    return {host: _sentence(context, view, each, loops.get(host)) for host, each in ended.items()}


def _sentence(context: Context, view: ClusterView, host: HostView, loop: CrashLoop | None) -> str:
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
    if loop and (left := (loop.due - now).total_seconds()) > 0:
        return f"{what}; next try in {lasting(left)}"
    return f"{what}; convergence repairs it"
