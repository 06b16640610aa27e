"""The verdict of staging, read before a promotion and before a plan of production.

Used by application/delivery/promote.py and application/rollout/observe.py.
"""

from datetime import datetime
from functools import partial

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.domain.errors import InvalidName
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import CLOCK_SKEW, requested_at
from lifecycle.domain.rollout.earlier_environment import Records, Verdict, Wanted, deciding, verdict
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.policy import After
from lifecycle.domain.service.version import SnapshotVersion

STAGING, PRODUCTION = "staging", "production"
_RECENT_LIMIT = 50
_HISTORY_LIMIT = 5_000


def read_verdict(context: Context, environment: str, manifest: Manifest) -> Verdict | None:
    """Return what the environment before this one says of a version; None if none comes before it."""
    after = manifest.policy(environment).after
    before = Cluster(STAGING, manifest.service)
    if environment != PRODUCTION or after is After.NONE:
        return None
    if after is not After.STAGING and not context.registry.has(before):
        return None
    version = manifest.snapshot or manifest.version
    command = f"lifecycle deploy {manifest.service} {version} --environment {STAGING}"
    wanted = Wanted(frozenset({version, manifest.version}), manifest.digest, command)
    records = _records(context, before, wanted, manifest)
    found = deciding(wanted, records.deployments)
    attempts, _ = readable(lambda: context.deployments.attempts(found.id) if found else (), ())
    return verdict(STAGING, wanted, records, attempts, after)


def _records(context: Context, cluster: Cluster, wanted: Wanted, manifest: Manifest) -> Records:
    """Read the deployments of a cluster, back to the one that decides, or to the time of the build."""
    quarantined = tuple(context.fleet.quarantined(cluster).items())
    limit = _RECENT_LIMIT
    while True:
        found, unreadable = readable(partial(context.deployments.recent_without_hosts, cluster, limit), ())
        oldest = min((requested_at(each.id) for each in found), default=None)
        whole = len(found) + len(unreadable) < limit
        since_build = whole or (oldest is not None and oldest < _built_at(manifest) - CLOCK_SKEW)
        if since_build or deciding(wanted, found) or limit >= _HISTORY_LIMIT:
            return Records(found, unreadable, since_build, quarantined)
        limit *= 10


def _built_at(manifest: Manifest) -> datetime:
    try:
        return SnapshotVersion.parse(manifest.snapshot or manifest.version).built_at
    except InvalidName:
        return manifest.built_at
