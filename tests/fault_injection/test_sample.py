"""A sample of the fault-injection suite; `make fault-injection` runs all of it."""

from collections.abc import Iterator

import pytest

from apps.local.ports import Ports
from apps.local.progress import Progress
from tests.fault_injection import restart_cases, rollout_cases
from tests.fault_injection.__main__ import Suite, prepared_suite
from tests.fault_injection.cases import Case
from tests.fault_injection.environment import PLAIN, running_environment
from tests.fault_injection.functions import PHASES

pytestmark = pytest.mark.emulator

SAMPLE = (
    "install: killed after",
    "plan: killed between (2)",
    "agent install: killed before",
    "control plane SIGKILL in drain",
)
CASES = {case.name: case for case in (*rollout_cases.cases(), *restart_cases.cases())}


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    with running_environment(Progress(quiet=True), Ports.free(), PLAIN) as env, prepared_suite(env) as found:
        yield found


@pytest.mark.parametrize("case", [CASES[name] for name in SAMPLE], ids=SAMPLE)
def test_a_sampled_case_passes(suite: Suite, case: Case) -> None:
    ended = suite.run(case)
    assert not ended.problems, ended
    assert ended.requests > 20


def test_a_fault_that_never_fires_fails_its_case(suite: Suite) -> None:
    ended = suite.run(Case("nowhere", CASES[SAMPLE[0]].fault, rollout_cases.plain))
    assert ended.problems == ("the fault never fired",)


def test_every_phase_that_a_case_names_is_behind_the_faults() -> None:
    named = {case.where for case in CASES.values() if not case.where.startswith(("agent", "nowhere"))}
    assert named <= set(PHASES)
