"""Records of configurations: the names of a revision, before `lifecycle config` writes its values.

Called by functions/fleet/record_config. People write the values with their own permissions, because no function may
decrypt them. They have no permission to write the ledger, so a function does that. It gets no value.
"""

import dataclasses
from dataclasses import dataclass

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.configuration import ConfigRevision


@dataclass(frozen=True, slots=True)
class RecordedConfig:
    """The result: whether the revision is recorded, or another one has its number."""

    recorded: bool


def record_config(context: Context, revision: ConfigRevision, *, replace: bool = False) -> RecordedConfig:
    """Record a revision and an audit entry with its names.

    Without `replace`, a number that is recorded already is refused: another person writes that revision now, or their
    command line has ended in between. Raises Refused for a number that Parameter Store does not give next.
    """
    cluster = Cluster.parse(revision.cluster)
    # Plans read the highest numbers that are recorded, so numbers that nobody wrote would hide all others.
    if revision.revision > (following := context.configurations.newest(cluster) + 1):
        what = f"the record of the configuration revision {revision.revision} of {cluster}"
        raise Refused(what, [f"expected at most {following}, which Parameter Store gives next"])
    if replace:
        context.configurations.record(revision)
    elif not context.configurations.claim(revision):
        return RecordedConfig(recorded=_is_repeat(context, revision))
    context.record(cluster, _in_words(revision), revision.by, revision.why)
    return RecordedConfig(recorded=True)


def _is_repeat(context: Context, revision: ConfigRevision) -> bool:
    """Return whether the same person has recorded the same change: the answer of the first call was lost."""
    known, _ = readable(lambda: context.configurations.recorded(Cluster.parse(revision.cluster)), ())
    return any(dataclasses.replace(each, at=revision.at) == revision for each in known)


def _in_words(revision: ConfigRevision) -> str:
    removed = sorted(set(revision.changed) - set(revision.names))
    put = sorted(set(revision.changed) & set(revision.names))
    parts = (f"set {', '.join(put)}" if put else "", f"remove {', '.join(removed)}" if removed else "")
    return f"configuration revision {revision.revision}: {'; '.join(filter(None, parts)) or 'nothing changed'}"
