"""Change a cluster's configuration: on the values that it has now, and on those of a writer at the same time.

Used by commands/config.py. The names of a revision are recorded before its values are written. That record also
keeps two command lines apart, because Parameter Store has no conditional write.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from apps.cli.errors import Ambiguous
from apps.cli.ports import Connection
from lifecycle.application.readable import readable
from lifecycle.domain.errors import ConfigDenied, StoreRefused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.configuration import Configuration, Value, difference, document_of, size_of

Values: TypeAlias = Mapping[str, Value]
# Returns the new values of the present ones; it may be called again on other ones.
Edit: TypeAlias = Callable[[Values], Values]

# Seconds. Another command line writes within a second of its claim, unless it has ended in between.
_PATIENCE = 10.0
_PAUSE = 0.5
_MOST_TRIES = 100


@dataclass(frozen=True, slots=True)
class Written:
    """The revision after a change, its names, those that changed, and the bytes of its document."""

    revision: int
    names: tuple[str, ...]
    changed: tuple[str, ...]
    size: int


def change(connection: Connection, cluster: Cluster, edit: Edit, why: str, *, whole: bool = False) -> Written:
    """Write the edited values as the next revision; nothing is written if they are the present ones.

    With `whole`, the edit needs no present values, so they may be unreadable.
    """
    writer = _Writer(connection, cluster, why)
    latest = _present(connection, cluster, whole=whole)
    base, waited, mine = latest.values, 0.0, set[str]()
    for _ in range(_MOST_TRIES):
        wanted = edit(base)
        changed, document = difference(latest.values, wanted), document_of(wanted)
        if not changed:
            return Written(latest.revision, latest.names, tuple(sorted(mine)), size_of(document))
        if not writer.record_names(latest.revision + 1, wanted, changed, replace=waited >= _PATIENCE):
            connection.context.clock.sleep(_PAUSE)
            waited += _PAUSE
            found = _present(connection, cluster, whole=whole)
            if found.revision != latest.revision:
                latest, base, waited = found, found.values, 0.0
            continue
        revision = connection.config_store.write(cluster, wanted, latest.revision)
        mine |= set(difference(base, wanted))
        if revision == latest.revision + 1:
            return Written(revision, tuple(sorted(wanted)), tuple(sorted(mine)), size_of(document))
        # Another writer, which claimed nothing, was replaced: the change goes on top of its document.
        base = connection.config_store.read(cluster, revision - 1).values
        writer.record_names(revision, wanted, difference(base, wanted), replace=True)
        latest, waited = Configuration(revision, wanted), 0.0
    raise Ambiguous(f"many writers change the configuration of {cluster} at once; try again when they have ended")


def _present(connection: Connection, cluster: Cluster, *, whole: bool) -> Configuration:
    try:
        return connection.config_store.read(cluster)
    except ConfigDenied:
        raise
    except StoreRefused:
        if not whole:
            raise
        return Configuration(connection.context.configurations.newest(cluster), {})


def record_as_found(connection: Connection, cluster: Cluster, found: Configuration) -> bool:
    """Record the newest revision if somebody wrote the parameter itself; returns whether it did."""
    known, _ = readable(lambda: connection.context.configurations.recorded(cluster), ())
    if not found.revision or (found.revision, found.names) in {(each.revision, each.names) for each in known}:
        return False
    writer = _Writer(connection, cluster, "written without `lifecycle config`, and recorded when it was read")
    changed = difference(_before(connection, cluster, found), found.values)
    return writer.record_names(found.revision, found.values, changed, replace=True)


def _before(connection: Connection, cluster: Cluster, found: Configuration) -> Values:
    """Return the values of the revision before; none if that cannot be read, so that every name counts as changed."""
    try:
        return connection.config_store.read(cluster, found.revision - 1).values
    except ConfigDenied:
        raise
    except (StoreRefused, Unknown):
        return {}


@dataclass(frozen=True, slots=True)
class _Writer:
    connection: Connection
    cluster: Cluster
    why: str

    def record_names(self, revision: int, values: Values, changed: tuple[str, ...], *, replace: bool) -> bool:
        """Record the names of a revision; returns False if somebody else has recorded one of this number."""
        payload = {
            "service": self.cluster.service,
            "environment": self.cluster.environment,
            "revision": revision,
            "names": sorted(values),
            "changed": list(changed),
            "by": self.connection.by,
            "why": self.why,
            "replace": replace,
        }
        return bool(self.connection.functions.call("record_config", payload)["recorded"])
