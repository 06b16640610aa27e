"""Agents that are older than a part of lifecycle.toml which a version uses: they would ignore that part.

Used by preflight.py. A deployment is refused; a rollback or a repair is only warned about.
"""

from collections.abc import Collection, Mapping

from lifecycle.domain.fleet.host import Feature, HostReport
from lifecycle.domain.listing import listed
from lifecycle.domain.service.manifest import Manifest


def ignored_parts(manifest: Manifest, reports: Mapping[str, HostReport], members: Collection[str]) -> list[str]:
    """Return a sentence for each part of the version that the agents of these hosts do not know."""
    texts = []
    for feature, table in _used(manifest).items():
        if hosts := [host for host in sorted(members) if feature not in reports[host].features]:
            texts.append(f"{manifest.version} has {table}, which the agent of {listed(hosts)} is too old to run")
    return texts


def _used(manifest: Manifest) -> dict[Feature, str]:
    used = {Feature.PROCESSES: "[processes]"} if manifest.processes else {}
    return used | ({Feature.SCHEDULES: "[schedules]"} if manifest.schedules else {})
