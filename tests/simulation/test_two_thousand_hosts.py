"""A rollout of 2,000 hosts: too long for one execution, so it continues in new ones that fit the limit."""

from collections import Counter
from itertools import pairwise

from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.next_step import HOSTS_PER_EXECUTION
from lifecycle.domain.service.policy import Policy
from tests.integration.statemachines.definitions import per_host, resolved
from tests.support.rollout import CLUSTER, Machine

HOSTS = 2_000
# The history events of a Standard execution at most: docs.aws.amazon.com/step-functions, "Quotas".
EVENTS = 25_000


def test_two_thousand_hosts_are_updated_in_five_executions_that_all_fit_their_history() -> None:
    machine = Machine(HOSTS, Policy(max_unavailable="1%"))
    serving = [HOSTS]
    machine.rotations = Count(serving)
    for host in machine.hosts:
        machine.memory.dispatcher.states[CLUSTER][host.address] = TargetState.HEALTHY
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.0")
    machine.begin(request)
    machine.run(request.deployment, steps=2 * HOSTS)
    record = machine.record(request.deployment)
    assert (record.state, len(machine.serving())) == (DeploymentState.DONE, HOSTS)
    attempts = machine.memory.deployments.attempts(request.deployment)
    assert max(Counter(attempt.host for attempt in attempts).values()) == 1
    per_execution = Counter(attempt.execution for attempt in attempts)
    assert len(per_execution) == HOSTS // HOSTS_PER_EXECUTION
    events, _ = per_host(resolved("rollout"))
    assert max(per_execution.values()) * events < EVENTS * 0.9
    assert min(serving) >= HOSTS - HOSTS // 100


def test_its_order_takes_the_zones_in_turn() -> None:
    machine = Machine(40, Policy(max_unavailable="10%"))
    for host in machine.hosts:
        machine.memory.dispatcher.states[CLUSTER][host.address] = TargetState.HEALTHY
    name = machine.deploy("1.0.0")
    zones = [machine.host(host).zone for host in machine.record(name).hosts]
    assert all(one != other for one, other in pairwise(zones))


class Count(list[dict[str, TargetState]]):
    """A list that stores only the number of healthy targets: 2,000 times 2,000 states would be too many."""

    def __init__(self, serving: list[int]) -> None:
        super().__init__()
        self._serving = serving

    def append(self, states: dict[str, TargetState]) -> None:
        self._serving.append(sum(state is TargetState.HEALTHY for state in states.values()))
