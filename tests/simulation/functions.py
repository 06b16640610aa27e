"""The handlers of functions/, by the name of their folder.

Each parses its event with the real model, and calls the same use case as the real handler.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from lifecycle.application import operator_command
from lifecycle.application.context import Context
from lifecycle.application.convergence import converge, full_pass
from lifecycle.application.fleet import end_host, forget_cluster, quarantine, remove_host
from lifecycle.application.ports.metrics import Metrics
from lifecycle.application.rollout import (
    decide,
    diagnose,
    finish,
    freeze,
    next_step,
    refuse,
    release_command,
    requested,
    requests,
    rollback,
    stages,
    supersede,
)
from lifecycle.application.rollout.test_bed import end
from lifecycle.application.rollout.test_bed.analyse import analyse as judged
from lifecycle.domain.rollout.decision import Answer
from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source
from lifecycle.entrypoints import events, fleet_events

Function = Callable[[Context, Mapping[str, Any]], Any]

# Seconds after which a Lambda is killed (infra/stacks/control_plane.py); LIMIT is for all others.
LIMITS = {
    "drain": 900,
    "install": 900,
    "self_test": 900,
    "register": 900,
    "await_alive": 900,
    "release_command": 900,
    "diagnose": 900,
    "end_bake": 900,
    "host_terminating": 900,
    "cluster_deleted": 300,
}
LIMIT = 60


def _plan(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.Start.model_validate(given)
    return requested.begin_requested(context, event.deployment, event.execution)


def _request(context: Context, given: Mapping[str, Any]) -> Any:
    request = events.RequestDeployment.model_validate(given).request()
    requests.record_request(context.requests, RecordedRequest(request, Source.OPERATOR, context.clock.now()))


def _next_step(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.InDeployment.model_validate(given)
    return next_step.decide_next(context, event.cluster, event.deployment, event.execution, event.round)


def _diagnose(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.OnHost.model_validate(given)
    return diagnose.diagnose(context, event.task())


def _release_command(context: Context, given: Mapping[str, Any]) -> Any:
    return release_command.run_release_command(context, events.OnHost.model_validate(given).task())


def _end_bake(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.EndOfTestBed.model_validate(given)
    return end.end_bake(context, event.bake(), event.bed, event.outcome, event.reason)


def analyse(context: Context, metrics: Metrics, given: Mapping[str, Any]) -> Any:
    """Analyse a test bed as functions/rollout/analyse does; only this function gets the port Metrics."""
    return judged(context, metrics, events.OfTestBed.model_validate(given).bake())


def _stage(run: Callable[..., Any]) -> Function:
    def bound(context: Context, given: Mapping[str, Any]) -> Any:
        event = events.OnHost.model_validate(given)
        return run(context, event.task())

    return bound


def _await_human(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.AskHuman.model_validate(given)
    return supersede.await_human(context, event.deployment, event.question, event.token)


def _roll_back(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.HandOver.model_validate(given)
    return rollback.hand_over(context, event.cluster, event.deployment, event.reason)


def _finish(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.Close.model_validate(given)
    if event.unplanned:
        return refuse.refuse_unplanned(context, event.deployment, event.reason)
    return finish.finish(context, event.cluster, event.deployment, event.outcome, event.reason, event.execution)


def _decide(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.Decide.model_validate(given)
    answer = Answer(event.choice, event.by, event.why, context.clock.now())
    if event.host:
        return decide.decide(context, event.cluster, event.deployment, event.host, event.attempt, answer)
    return decide.answer_deployment(context, event.cluster, event.deployment, answer)


def _approve(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.Decide.model_validate(given)
    answer = Answer(event.choice, event.by, event.why, context.clock.now())
    return decide.approve(context, event.cluster, event.deployment, answer)


def _converge(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.Converge.model_validate({n: v for n, v in given.items() if n != "suffix"})
    suffix, by, ended = given["suffix"], event.requested_by, event.ended()
    if named := event.named():
        return converge.converge_some(context, suffix, by, named, ended)
    return full_pass.converge_every(context, suffix, by)


def _freeze(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.SetFreeze.model_validate(given)
    by = operator_command.RequestedBy(event.by, event.why)
    if event.lift:
        return freeze.unfreeze(context, event.scope, by)
    return freeze.freeze(context, event.scope, by, event.until)


def _quarantine(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.SetQuarantine.model_validate(given)
    act = quarantine.lift_quarantine if event.lift else quarantine.quarantine
    return act(context, event.cluster, event.name, operator_command.RequestedBy(event.by, event.why))


def _remove_host(context: Context, given: Mapping[str, Any]) -> Any:
    event = events.RemoveHost.model_validate(given)
    by = operator_command.RequestedBy(event.by, event.why)
    return remove_host.remove_host(context, event.cluster, event.host, by, terminated=event.terminated)


def _host_terminating(context: Context, given: Mapping[str, Any]) -> Any:
    event = fleet_events.HostTerminating.model_validate(given)
    return end_host.end_host(context, event.cluster, event.host)


def _cluster_deleted(context: Context, given: Mapping[str, Any]) -> Any:
    cluster = fleet_events.StackDeleted.model_validate(given).cluster_or_none()
    assert cluster is not None
    return forget_cluster.forget_hosts_of_deleted(context, cluster)


FUNCTIONS: Mapping[str, Function] = {
    "request": _request,
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
    "release_command": _release_command,
    "diagnose": _diagnose,
    "end_bake": _end_bake,
    "freeze": _freeze,
    "quarantine": _quarantine,
    "remove_host": _remove_host,
    "host_terminating": _host_terminating,
    "cluster_deleted": _cluster_deleted,
    "decide": _decide,
    "approve": _approve,
    "converge": _converge,
}


def plain(result: Any) -> Any:
    """Return a result as the state machine gets it: a dataclass as a dictionary of its fields."""
    if is_dataclass(result) and not isinstance(result, type):
        return {field.name: getattr(result, field.name) for field in fields(result)}
    return result
