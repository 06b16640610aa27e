"""The agents of the hosts, by their reports in the ledger."""

from apps.cli.doctor.facts import Agent, Seen, Unseen
from lifecycle.application.context import Context
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.host import Feature


def agents(context: Context) -> Seen[tuple[Agent, ...]]:
    """Return every host's agent; Unseen where the ledger or the registry cannot be read."""
    found: list[Agent] = []
    try:
        for cluster in context.registry.clusters():
            for host, report in sorted(context.fleet.reports(cluster).items()):
                unknown = tuple(each.value for each in Feature if each not in report.features)
                found.append(Agent(str(cluster), host, unknown, report.skew))
    except LifecycleError as error:
        return Unseen("", str(error))
    return tuple(found)
