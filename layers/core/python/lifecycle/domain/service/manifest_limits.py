"""The limits of a manifest's values, which are those of lifecycle.toml (servicefile/model.py).

A build writes its manifest itself. So what lifecycle.toml refuses may be in it, and an agent would wait for years.
Called before a snapshot is published, and by plans: an older version of Lifecycle may have published it.
"""

from collections.abc import Iterator

from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.service.cron import check
from lifecycle.domain.service.host_count import parse_host_count
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.policy import Policy

MAXIMUM_ARTIFACT_BYTES = 1024**3
_DAY, _WEEK = 86_400, 604_800


def beyond_limits(manifest: Manifest) -> list[str]:
    """Return each value that lifecycle.toml would refuse, with what is expected."""
    return [
        f"{name}: expected {low:g} to {high:g}, found {value:g}"
        for name, value, low, high in _numbers(manifest)
        if not low <= value <= high  # also for a value that is no number
    ] + list(_texts(manifest))


def _numbers(manifest: Manifest) -> Iterator[tuple[str, float, float, float]]:
    run = manifest.run
    yield "size", manifest.size, 0, MAXIMUM_ARTIFACT_BYTES
    yield "run.port", run.port, 0, 65_535
    yield "run.start_seconds", run.start_seconds, 0, 600
    yield "run.stop_seconds", run.stop_seconds, 0, 300
    yield "is_alive.timeout_seconds", manifest.is_alive.timeout_seconds, 0, 600
    yield "self_test.timeout_seconds", manifest.self_test.timeout_seconds, 0, 600
    if manifest.release:
        yield "release.timeout_seconds", manifest.release.timeout_seconds, 0, _DAY
    for name, process in manifest.processes.items():
        yield f"processes.{name}.stop_seconds", process.stop_seconds, 0, 300
    for name, schedule in manifest.schedules.items():
        yield f"schedules.{name}.timeout_seconds", schedule.timeout_seconds, 0, _DAY
    for name, policy in manifest.policies.items():
        for each, value, high in _of_policy(policy):
            yield f"environments.{name}.{each}", value, 0, high


def _of_policy(policy: Policy) -> Iterator[tuple[str, float, float]]:
    yield "approval_expires_seconds", policy.approval_expires_seconds, _WEEK
    yield "decision_expires_seconds", policy.decision_expires_seconds, _WEEK
    yield "drain_seconds", policy.drain_seconds, 840
    yield "alive_seconds", policy.alive_seconds, 840
    yield "min_alive_seconds", policy.min_alive_seconds, 600
    yield "watch_minutes", policy.watch_minutes, 1440
    yield "bake_minutes", policy.bake_minutes, 1440


def _texts(manifest: Manifest) -> Iterator[str]:
    for name, policy in manifest.policies.items():
        for count in (policy.max_unavailable, policy.min_healthy, policy.max_unreachable):
            try:
                parse_host_count(count)
            except InvalidValue as error:
                yield f"environments.{name}: {error}"
    for name, schedule in manifest.schedules.items():
        try:
            check(schedule.cron)
        except InvalidValue as error:
            yield f"schedules.{name}: {error}"
    environments = {"run.environment": manifest.run.environment}
    environments |= {f"environments.{name}": each for name, each in manifest.environments.items()}
    for where, variables in environments.items():
        if any("\0" in text or not name for name, text in variables.items()):
            yield f"{where}: expected names and values without a null character"
