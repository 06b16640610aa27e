"""Check the names that an operator typed before anything is asked or started.

An unknown name raises Unknown, whose message has the known names and the one that was probably meant. The exit code
is 1. tests/unit/cli/test_unknown_names.py walks over the arguments of all commands.
"""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from apps.cli.ports import Connection
from lifecycle.application.readable import readable
from lifecycle.domain.errors import InvalidValue, Unknown
from lifecycle.domain.fleet.cluster import Cluster, service_name
from lifecycle.domain.service.target import named_config
from lifecycle.domain.service.version import ReleaseVersion, SnapshotVersion, parse_version

_MOST_VERSIONS = 5  # in a message


def one_of(kind: str, names: Collection[str], text: str) -> str:
    """Return the one of these names that was typed, in whatever letters; raises Unknown."""
    found = {name.lower(): name for name in names}
    if text.lower() not in found:
        raise Unknown(kind, text, known=names)
    return found[text.lower()]


def known_services(connection: Connection) -> list[str]:
    """Return the services that have a cluster, in order."""
    return sorted({cluster.service for cluster in connection.context.registry.clusters()})


def unknown_service(connection: Connection, service: str) -> Unknown:
    """Return the error for a service of which nothing is known."""
    hint = f"Push a commit of it, or deploy a cluster stack for it; `{connection.command('watch')}` follows a push."
    return Unknown("service", service, hint, known=known_services(connection))


def check_service(connection: Connection, service: str) -> str:
    """Return the name of a service that has a cluster, a version or an owner; raises Unknown.

    A record that cannot be read counts as one.
    """
    name, catalogue = service_name(service), connection.catalogue
    if name in known_services(connection):
        return name
    for read in (catalogue.snapshots, catalogue.releases, catalogue.withdrawals, catalogue.owner):
        found, unreadable = readable(partial[Any](read, name), None)
        if found or unreadable:
            return name
    raise unknown_service(connection, name)


def check_version(connection: Connection, service: str, text: str) -> str:
    """Return a version that exists, as the catalogue or its manifest says; raises Unknown."""
    name = service_name(service)
    try:
        version = str(parse_version(text))
    except InvalidValue:
        version = ""
    if version and version in _listed(connection, name, version):
        return version
    if version and _has_manifest(connection, name, version):
        return version
    _ = check_service(connection, name)  # only whether it is known
    raise _unknown_version(connection, name, version, text)


def _has_manifest(connection: Connection, service: str, version: str) -> bool:
    try:
        _ = connection.context.artifacts.manifest(service, version)  # only whether there is one
    except Unknown:
        return False
    return True


def _listed(connection: Connection, service: str, version: str) -> Mapping[str, Any]:
    """Return the versions of this one's kind that the catalogue has."""
    read = connection.catalogue.snapshots if _kind(version) == "snapshot" else connection.catalogue.releases
    return readable(partial[Mapping[str, Any]](read, service), {})[0]


def _kind(version: str) -> str:
    return "snapshot" if isinstance(parse_version(version), SnapshotVersion) else "release"


def _unknown_version(connection: Connection, service: str, version: str, typed: str) -> Unknown:
    if version:
        kind = _kind(version)
        list_command = connection.command(f"{kind}s {service}")
        known = newest_versions(_listed(connection, service, version))
        return Unknown(kind, version, f"See `{list_command}`.", of=service, known=known[:_MOST_VERSIONS])
    every = newest_versions(connection.catalogue.releases(service))[:_MOST_VERSIONS]
    every += newest_versions(connection.catalogue.snapshots(service))[:_MOST_VERSIONS]
    releases, snapshots = (connection.command(f"{kind} {service}") for kind in ("releases", "snapshots"))
    return Unknown("version", typed, f"See `{releases}` and `{snapshots}`.", of=service, known=every)


def newest_versions(versions: Collection[str]) -> list[str]:
    """Return releases or snapshots, the newest first."""

    def order(text: str) -> Any:
        version = parse_version(text)
        return (version.built, text) if isinstance(version, SnapshotVersion) else ReleaseVersion.parse(text)

    return sorted(versions, key=order, reverse=True)


def check_config(connection: Connection, cluster: Cluster, name: str) -> None:
    """Raise Unknown for the name of a configuration, such as config-6, that was never written."""
    newest, unreadable = readable(lambda: connection.context.configurations.newest(cluster), 0)
    if named_config(name) > newest and not unreadable:
        known = [f"config-{each}" for each in range(newest, max(newest - _MOST_VERSIONS, 0), -1)]
        raise Unknown("configuration", name, of=str(cluster), known=known)
