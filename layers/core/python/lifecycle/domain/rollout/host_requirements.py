"""Hosts that cannot run a version: an agent that is older than a part of it, or a command that is not installed.

Used by preflight.py. A deployment is refused; a rollback or a repair is only warned about.
"""

from collections.abc import Collection, Mapping

from lifecycle.domain.fleet.host import Feature, HostReport
from lifecycle.domain.listing import listed
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.needs import lacking, sets_path


def ignored_parts(manifest: Manifest, reports: Mapping[str, HostReport], members: Collection[str]) -> list[str]:
    """Return a sentence for each part of the version that the agents of these hosts do not know."""
    texts = []
    for feature, table in _used(manifest).items():
        if hosts := [host for host in sorted(members) if feature not in reports[host].features]:
            texts.append(f"{manifest.version} has {table}, which the agent of {listed(hosts)} is too old to run")
    return texts


def lacking_hosts(manifest: Manifest, reports: Mapping[str, HostReport], members: Collection[str]) -> list[str]:
    """Return a sentence for each of these hosts that lacks a runtime which the version needs.

    A version that names its own PATH is checked by its hosts only, when they prefetch it.
    """
    if sets_path(manifest.run.environment, *manifest.environments.values()):
        return []
    texts = []
    for host in sorted(members):
        missing = lacking(manifest.run.needs, reports[host].commands)
        if missing and Feature.NEEDS in reports[host].features:
            texts.append(f"{host} lacks {listed(missing)}, which {manifest.version} needs (run.needs)")
    return texts


def unchecked_hosts(manifest: Manifest, reports: Mapping[str, HostReport], members: Collection[str]) -> list[str]:
    """Return a sentence about the hosts whose agents are too old to check what the version needs."""
    older = [host for host in sorted(members) if Feature.NEEDS not in reports[host].features]
    if not manifest.run.needs or not older:
        return []
    return [f"{manifest.version} needs {listed(manifest.run.needs)}, which the agent of {listed(older)} cannot check"]


def _used(manifest: Manifest) -> dict[Feature, str]:
    used = {Feature.PROCESSES: "[processes]"} if manifest.processes else {}
    return used | ({Feature.SCHEDULES: "[schedules]"} if manifest.schedules else {})
