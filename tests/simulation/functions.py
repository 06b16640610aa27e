"""What each function of functions/ calls, by the name of its folder; the events are parsed by the real models."""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from lifecycle.application import operator_command
from lifecycle.application.context import World
from lifecycle.application.convergence import converge
from lifecycle.application.fleet import quarantine, remove_host
from lifecycle.application.ports.metrics import Metrics
from lifecycle.application.rollout import (
    decide,
    diagnose,
    finish,
    freeze,
    next_step,
    plan,
    rollback,
    stages,
    task_tokens,
)
from lifecycle.application.rollout.test_bed import end
from lifecycle.application.rollout.test_bed.analyse import analyse as judged
from lifecycle.domain.rollout.decision import Answer
from lifecycle.entrypoints import events

Function = Callable[[World, Mapping[str, Any]], Any]

# Seconds that a Lambda may run (infra/stacks/control_plane.py), then it is killed.
LIMITS = {
    "drain": 900,
    "install": 900,
    "self_test": 900,
    "register": 900,
    "await_alive": 900,
    "diagnose": 900,
    "end_bake": 900,
}
LIMIT = 60


def _plan(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.Deploy.model_validate(given)
    return plan.begin(world, asked.request(), asked.execution)


def _next_step(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.InDeployment.model_validate(given)
    return next_step.decide_next(
        world, asked.cluster, asked.deployment, asked.execution, undiagnosed=asked.undiagnosed
    )


def _diagnose(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.OnHost.model_validate(given)
    return diagnose.diagnose(world, asked.task())


def _end_bake(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.EndOfTestBed.model_validate(given)
    return end.end_bake(world, asked.bake(), asked.bed, asked.outcome, asked.reason)


def analyse(world: World, metrics: Metrics, given: Mapping[str, Any]) -> Any:
    """What functions/rollout/analyse calls; it is the only one that measures."""
    return judged(world, metrics, events.OfTestBed.model_validate(given).bake())


def _stage(run: Callable[..., Any]) -> Function:
    def bound(world: World, given: Mapping[str, Any]) -> Any:
        asked = events.OnHost.model_validate(given)
        return run(world, asked.task(), asked.execution)

    return bound


def _await_human(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.AskHuman.model_validate(given)
    return task_tokens.wait_for(world, asked.deployment, asked.question, asked.token)


def _roll_back(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.HandOver.model_validate(given)
    return rollback.hand_over(world, asked.cluster, asked.deployment, asked.reason)


def _finish(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.Close.model_validate(given)
    return finish.finish(world, asked.cluster, asked.deployment, asked.outcome, asked.reason)


def _decide(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.Decide.model_validate(given)
    answer = Answer(asked.choice, asked.by, asked.why, world.clock.now())
    if asked.host:
        return decide.decide(world, asked.cluster, asked.deployment, asked.host, asked.attempt, answer)
    return decide.told(world, asked.cluster, asked.deployment, answer)


def _approve(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.Decide.model_validate(given)
    answer = Answer(asked.choice, asked.by, asked.why, world.clock.now())
    return decide.approve(world, asked.cluster, asked.deployment, answer)


def _converge(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.Converge.model_validate({n: v for n, v in given.items() if n != "suffix"})
    return converge.converge_all(world, given["suffix"], asked.requested_by, asked.only())


def _freeze(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.SetFreeze.model_validate(given)
    by = operator_command.By(asked.by, asked.why)
    if asked.lift:
        return freeze.unfreeze(world, asked.scope, by)
    return freeze.freeze(world, asked.scope, by, asked.until)


def _quarantine(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.SetQuarantine.model_validate(given)
    act = quarantine.lift_quarantine if asked.lift else quarantine.quarantine
    return act(world, asked.cluster, asked.name, operator_command.By(asked.by, asked.why))


def _remove_host(world: World, given: Mapping[str, Any]) -> Any:
    asked = events.RemoveHost.model_validate(given)
    by = operator_command.By(asked.by, asked.why)
    return remove_host.remove_host(world, asked.cluster, asked.host, by, terminated=asked.terminated)


FUNCTIONS: Mapping[str, Function] = {
    "plan": _plan,
    "next_step": _next_step,
    "drain": _stage(stages.drain),
    "install": _stage(stages.install),
    "self_test": _stage(stages.self_test),
    "register": _stage(stages.register),
    "await_alive": _stage(stages.await_alive),
    "await_human": _await_human,
    "roll_back": _roll_back,
    "finish": _finish,
    "diagnose": _diagnose,
    "end_bake": _end_bake,
    "freeze": _freeze,
    "quarantine": _quarantine,
    "remove_host": _remove_host,
    "decide": _decide,
    "approve": _approve,
    "converge": _converge,
}


def plain(result: Any) -> Any:
    """A result as the state machine gets it: the fields of a record by name."""
    if is_dataclass(result) and not isinstance(result, type):
        return {field.name: getattr(result, field.name) for field in fields(result)}
    return result
