"""Bad builds: their self-test fails on one host or on all. Deployed under load, halted, and rolled back.

The self-test checks the name of its host. The service itself is the unchanged example, so its answers name
their version and host.
"""

import re
import time
from dataclasses import dataclass
from typing import Any

from apps.local.errors import LaptopError
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind
from tools.bench.envoy import compared, counters
from tools.bench.laboratory import Laboratory, say
from tools.bench.load import QUICK, SLOW, Load
from tools.bench.replies import Reply, figures, served_by
from tools.demo.phases import EXAMPLE

EVERYWHERE = "every host"
_SELF_TEST = re.compile(r"^self_test = .*$", re.MULTILINE)
_SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class BadBuildRun:
    """The rollout of one bad build: where it halted, and the hosts that had passed before."""

    version: str
    halted_at: str
    blame: str
    passed: tuple[str, ...]
    rolled_back: bool


def bad_builds(lab: Laboratory, version: str, rate: float) -> dict[str, Any]:
    """Measure a bad build for each host and one for all; `version` runs before and after each."""
    hosts = tuple(host.name for host in lab.production.hosts)
    patterns = {**{host: host for host in hosts}, EVERYWHERE: "production-*"}
    found = []
    for number, (fails_on, pattern) in enumerate(patterns.items(), start=1):
        say(f"bad build {number} of {len(patterns)}: its self-test fails on {fails_on}")
        bad = _release(lab, pattern)
        expected = fails_on if fails_on in hosts else hosts[0]
        before = counters(lab.ports)
        with Load(lab.production.address, rate) as load:
            time.sleep(_SETTLE_SECONDS)
            bad_build = _halt_and_roll_back(lab, bad, version)
            time.sleep(_SETTLE_SECONDS)
        envoy = compared(before, counters(lab.ports), len(load.every))
        found.append({"self_test_fails_on": fails_on, **judged(bad_build, expected, load.replies), "envoy": envoy})
    _restore_example(lab)
    return {"builds": found, **summary(found)}


def judged(bad_build: BadBuildRun, expected: str, replies: dict[str, list[Reply]]) -> dict[str, Any]:
    """Return the figures of one build; only hosts that passed its self-test may answer with it."""
    every = [each for kind in replies.values() for each in kind]
    served = served_by(every, bad_build.version)
    return {
        "version": bad_build.version,
        "halted_at": bad_build.halted_at,
        "halted_where_expected": bad_build.halted_at == expected,
        "blame": bad_build.blame,
        "answers_by_hosts_that_passed": {host: served.get(host, 0) for host in bad_build.passed},
        "answers_by_other_hosts": sum(count for host, count in served.items() if host not in bad_build.passed),
        "rolled_back": bad_build.rolled_back,
        "failed": sum(bool(each.failure) for each in every),
        "requests": figures(replies[QUICK]),
        "slow_requests": figures(replies[SLOW]),
    }


def summary(found: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the totals over all builds, which verdict.py judges."""
    return {
        "halted_each_time": all(each["halted_where_expected"] for each in found),
        "rolled_back_each_time": all(each["rolled_back"] for each in found),
        "failed": sum(each["failed"] for each in found),
        "answers_of_a_bad_build_by_a_host_where_it_failed": sum(each["answers_by_other_hosts"] for each in found),
        "answers_of_the_build_that_is_bad_everywhere": sum(
            sum(each["answers_by_hosts_that_passed"].values()) + each["answers_by_other_hosts"]
            for each in found
            if each["self_test_fails_on"] == EVERYWHERE
        ),
    }


def with_failing_self_test(service_file: str, pattern: str) -> str:
    """Return a lifecycle.toml with a self-test that fails on the hosts that a shell pattern matches."""
    command = f'case "$LIFECYCLE_HOST" in {pattern}) echo "a bad build"; exit 1;; esac'
    changed, count = _SELF_TEST.subn(
        lambda _: f"self_test = {{ command = '{command}', timeout_seconds = 10 }}", service_file, count=1
    )
    if not count:
        raise LaptopError(
            "the example's lifecycle.toml has no line that starts with 'self_test ='; the bench needs one"
        )
    return changed


def _release(lab: Laboratory, pattern: str) -> str:
    file = lab.working_copy / "lifecycle.toml"
    file.write_text(with_failing_self_test(file.read_text(), pattern))
    return lab.release()


def _restore_example(lab: Laboratory) -> None:
    file = lab.working_copy / "lifecycle.toml"
    original = (EXAMPLE / "lifecycle.toml").read_text()
    if found := _SELF_TEST.search(original):
        file.write_text(_SELF_TEST.sub(lambda _: found[0], file.read_text(), count=1))


def _halt_and_roll_back(lab: Laboratory, bad: str, good: str) -> BadBuildRun:
    """Deploy, wait for the halt, and decide ROLL_BACK after a second."""
    halted = lab.settled(lab.start(bad), DeploymentState.HALTED)
    question = lab.question(halted.id)
    time.sleep(_SETTLE_SECONDS)
    blame, passed = _attempts(lab, halted, question.host)
    lab.decide(question, Choice.ROLL_BACK, "a bad build of the bench")
    back = lab.newest(lab.cluster, good)
    rolled_back = back.request.kind is Kind.ROLLBACK and back.request.rollback_of == halted.id
    return BadBuildRun(bad, question.host, blame, passed, rolled_back)


def _attempts(lab: Laboratory, of: Deployment, host: str) -> tuple[str, tuple[str, ...]]:
    """Return the blame for the failure on this host, and the hosts where the version passed."""
    attempts = lab.connection().context.deployments.attempts(of.id)
    blame = next((str(each.blame) for each in attempts if each.host == host), "")
    return blame, tuple(each.host for each in attempts if each.state is AttemptState.ALIVE)
