"""Cases of every phase of a rollout and every part of the agent, with every fault."""

import time
from collections.abc import Callable, Iterator

from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.test_bed.model import BedState
from tests.fault_injection.agent import PLACES
from tests.fault_injection.cases import (
    Case,
    desired_version,
    failing_self_test,
    other_release,
    remaining_problems,
)
from tests.fault_injection.environment import CLUSTER, Unexpected, wait
from tests.fault_injection.faults import EVERYWHERE, Fault
from tests.fault_injection.operator import Operator
from tests.fault_injection.state_machines import root_dispatcher


def cases() -> Iterator[Case]:
    """Return the cases in the order of the table: by phase, then by fault."""
    for phase, (run, writes) in _phases().items():
        yield from (Case(phase, fault, run) for fault in EVERYWHERE)
        yield from (Case(phase, Fault.BETWEEN, run, count) for count in range(1, writes))
    for part in PLACES:
        yield from (Case(f"agent {part}", fault, plain) for fault in EVERYWHERE)


def _phases() -> dict[str, tuple[Callable[[Operator], str], int]]:
    """Return for each phase the scenario that calls it, and the number of its writes there."""
    return {
        "plan": (plain, 8),
        "next_step": (plain, 4),
        "drain": (plain, 4),
        "install": (plain, 3),
        "self_test": (plain, 1),
        "register": (plain, 3),
        "await_alive": (plain, 2),
        "finish": (plain, 5),
        "await_human": (approved, 1),
        "approve": (approved, 3),
        "diagnose": (decided, 4),
        "decide": (decided, 3),
        "roll_back": (rolled_back, 5),
        "converge": (converged, 2),
        "analyse": (baked, 1),
        "end_bake": (baked, 11),
        "notify": (plain, 1),
    }


def plain(operator: Operator) -> str:
    """Deploy the other version."""
    version = other_release(operator.env)
    return wait_until_done(operator, operator.deploy(version), version)


def approved(operator: Operator) -> str:
    """Deploy a version that waits for an approval before its first host, and approve it."""
    return wait_until_done(operator, *deploy_release(operator, "gate"))


def baked(operator: Operator) -> str:
    """Deploy a version with a test bed whose bake is too short for a verdict, and approve it."""
    name, version = deploy_release(operator, "bed")
    return bed_endings(operator, name, wait_until_done(operator, name, version))


def bed_endings(operator: Operator, name: str, ended: str) -> str:
    """Return how the test beds of a deployment ended, and `ended`; raise Unexpected if one still bakes."""
    beds = operator.env.connection.context.deployments.beds(name)
    if [each for each in beds if each.state is BedState.BAKING] or not beds:
        raise Unexpected(f"{name} is done, but its test beds are {beds}")
    return f"test bed {', '.join(each.state.lower() for each in beds)}, {ended}"


def deploy_release(operator: Operator, release: str) -> tuple[str, str]:
    """Deploy a release, after another one if it is desired already; return the deployment and version."""
    version = operator.env.releases[release]
    if desired_version(operator.env) == version:
        plain(operator)
    return operator.deploy(version), version


def decided(operator: Operator) -> str:
    """Deploy a version that fails its first self-test, and retry it once the version passes."""
    version = other_release(operator.env)
    with failing_self_test(operator.env, version):
        name = operator.deploy(version)
        wait("the halt", lambda: halted(operator, name))
    return wait_until_done(operator, name, version)


def rolled_back(operator: Operator) -> str:
    """Deploy a version that fails its self-test, and roll it back."""
    version, before = other_release(operator.env), desired_version(operator.env)
    with failing_self_test(operator.env, version):
        name = operator.deploy(version)
        ended = operator.finish(name, Choice.ROLL_BACK)
        if ended.state is not DeploymentState.ROLLED_BACK:
            raise Unexpected(f"{name} ended {ended.state}: {ended.reason}")
        wait_until_done(operator, operator.wait_for_rollback(name), before)
    return "rolled back"


def converged(operator: Operator) -> str:
    """Take a host out of rotation by hand, and wait until convergence has registered it again."""
    env, before = operator.env, desired_version(operator.env)
    report = env.connection.context.fleet.reports(CLUSTER)[env.production.hosts[0].name]
    root_dispatcher(env).deregister(CLUSTER, report.address, report.port)
    wait("the drift", lambda: operator.cluster_problems(before))
    until = time.monotonic() + 90
    while wrong := operator.cluster_problems(before):
        operator.converge()
        if time.monotonic() > until:
            raise Unexpected(f"not repaired: {wrong}; {operator.history.convergences}")
        time.sleep(2)
    return "repaired"


def halted(operator: Operator, name: str) -> bool:
    found = operator.record(name)
    return found is not None and found.state is DeploymentState.HALTED


def wait_until_done(operator: Operator, name: str, version: str) -> str:
    """Wait until a deployment is DONE and the cluster has no problems; return how it came there."""
    ended = operator.finish(name)
    if ended.state is not DeploymentState.DONE:
        raise Unexpected(f"{name} ended {ended.state}: {ended.reason}")
    if wrong := remaining_problems(operator, version):
        raise Unexpected(f"{name} is done, but {wrong}")
    return "halted, retried, done" if operator.history.halts else "done"
