"""The checks of the figures. Pure; `make bench` ends with exit code 1 when one fails."""

from collections.abc import Mapping
from typing import Any

_UNDER_TRAFFIC = {
    "the rollout under traffic": ("under_traffic", "rollout"),
    "the rollback under traffic": ("under_traffic", "rollback"),
    "the rollouts under load": ("load",),
    "the bad builds": ("bad_builds",),
}
# Seconds: the median of the kills.
_HEALED_WITHIN = 10.0
# Of one core, on each host.
_MOST_PERCENT_OF_LOGS = 2.0
_NEVER_ANSWERED = (
    "answers_of_a_bad_build_by_a_host_where_it_failed",
    "answers_of_the_build_that_is_bad_everywhere",
)


def problems(found: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each failed check; measurements that were not made are not checked."""
    failures = []
    for what, keys in _UNDER_TRAFFIC.items():
        if (part := _part(found, *keys)) is not None:
            failures += _of_requests(what, part)
    control = _part(found, "under_traffic", "control_without_drain")
    if control is not None and not control["failed"]:
        failures.append("the control without the drain failed no request, so the zeros of the rollouts prove nothing")
    if (load := _part(found, "load")) is not None and not load["p99_within_1.3"]:
        failures.append(
            f"the rollouts under load: p99 was {load['p99_ratio']} times that without a rollout, expected at most "
            "1.3; if the machine was busy, measure again when it is idle"
        )
    if (bad := _part(found, "bad_builds")) is not None:
        failures += _of_bad_builds(bad)
    if (healed := _part(found, "heal")) is not None and healed["median"] > _HEALED_WITHIN:
        seconds = healed["median"]
        failures.append(f"a killed service served again after {seconds} s, expected at most {_HEALED_WITHIN:g}")
    if (logs := _part(found, "logs")) is not None:
        failures += _of_logs(logs)
    failures += [f"{what}: {why}" for what, why in (_part(found, "peers", "not_measured") or {}).items()]
    for name, tool in (_part(found, "peers", "tools") or {}).items():
        for size, part in tool["hosts"].items():
            failures += _of_requests(f"{name} with {size} hosts", part)
    return failures


def _of_logs(logs: Mapping[str, Any]) -> list[str]:
    if logs["failed"]:
        return ["a service's log was not sent, so its processor time proves nothing"]
    if logs["processor_percent"] > _MOST_PERCENT_OF_LOGS:
        percent = f"{logs['processor_percent']} % of a core"
        return [f"a service's log of 100 lines a second took {percent}, expected at most {_MOST_PERCENT_OF_LOGS:g} %"]
    return []


def _of_requests(what: str, part: Mapping[str, Any]) -> list[str]:
    failures = [f"{what}: {part['failed']} requests failed"] if part["failed"] else []
    counted = [each["envoy"] for each in part.get("builds", [part])]
    if not all(each["each_once"] for each in counted):
        failures.append(f"{what}: not every request went to a service exactly once: {counted}")
    return failures


def _of_bad_builds(bad: Mapping[str, Any]) -> list[str]:
    failures = []
    if not bad["halted_each_time"]:
        failures.append("a bad build did not halt at the host where its self-test fails")
    if not bad["rolled_back_each_time"]:
        failures.append("a bad build was not rolled back")
    return failures + [f"{key.replace('_', ' ')}: {bad[key]}" for key in _NEVER_ANSWERED if bad[key]]


def _part(found: Mapping[str, Any], *keys: str) -> Any:
    for key in keys:
        if key not in found:
            return None
        found = found[key]
    return found
