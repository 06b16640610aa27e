"""One method of one port is refused for ever, once the plan has passed: nothing starts executions without an end.

test_every_task_fails.py breaks whole functions. Here a function works up to one call, so that it leaves half of its
records: a permission that is missing, or a table that takes no writes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import fields

import pytest

from tests.simulation.failures import RAISES, Failing, Failure
from tests.simulation.step_functions import StepFunctions
from tests.simulation.test_every_task_fails import HOURS, MOST_EVENTS, MOST_EXECUTIONS
from tests.support.refusing import refuse
from tests.support.rollout import CLUSTER, Machine


def _methods() -> Iterator[tuple[str, str]]:
    context = Machine(1).context
    for each in fields(context):
        port = type(getattr(context, each.name))
        if port.__module__.startswith("tests.fakes") and each.name != "clock":
            yield from ((each.name, name) for name in dir(port) if not name.startswith("_"))


METHODS = sorted(_methods())


def _world(failing: Failing) -> StepFunctions:
    machine = Machine(4)
    machine.deploy("1.0.0")
    machine.memory.clock.sleep(1)
    return StepFunctions(machine, failing)


@pytest.mark.parametrize(("port", "method"), METHODS)
@pytest.mark.parametrize("failing", [{}, {"NextStep": RAISES}], ids=["all works", "no step works"])
def test_refused_call_starts_no_execution_after_another(
    port: str, method: str, failing: Mapping[str, Failure]
) -> None:
    world = _world(Failing(failing))
    name = world.deploy("1.0.1")
    began = world.memory.deployments

    def planned() -> bool:
        record = began.get(CLUSTER, name)
        return record is not None and record.epoch > 0

    world.machine.context = refuse(world.machine.context, port, method, planned)
    world.run(HOURS)
    assert len(world.by_name) <= MOST_EXECUTIONS
    assert all(each.events <= 2 * MOST_EVENTS for each in world.by_name.values())
