"""The actions of the console's buttons, performed by the same code as the commands, or refused by it.

Called by functions/console/act. A button carries the ids of the records that it was drawn from. It is refused when
another question, host, attempt, version, deployment or freeze has replaced them.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

from lifecycle.application.confirm_action import (
    EffectConfirmation,
    active_freeze,
    asked_question,
    check_freeze,
    check_quarantine,
    confirm_action,
)
from lifecycle.application.console_action import ActionResult, ConsoleAction
from lifecycle.application.delivery.cancel_run import cancel_run
from lifecycle.application.fleet.quarantine import lift_quarantine, quarantine
from lifecycle.application.queries.clusters import ClusterState, view_cluster
from lifecycle.application.queries.confirmation import Confirmation
from lifecycle.application.queries.context import QueryContext
from lifecycle.application.queries.permissions import rollback_facts
from lifecycle.application.rollout.assign import assign
from lifecycle.application.rollout.decide import answer_deployment, approve, decide
from lifecycle.application.rollout.freeze import freeze, unfreeze
from lifecycle.application.rollout.observe import deployment as recorded
from lifecycle.application.rollout.plan import preview
from lifecycle.application.rollout.requests import payload, record_request
from lifecycle.application.rollout.rollback import RollbackTarget, rollback_target
from lifecycle.domain.errors import Refused
from lifecycle.domain.record_time import parse_time
from lifecycle.domain.rollout.actions import Action, ActionFacts, Ruling, permission, plan_permission
from lifecycle.domain.rollout.decision import CONSEQUENCES, Answer, Choice, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, Kind, Request, deployment_id
from lifecycle.domain.rollout.freeze_end import parse_freeze_end
from lifecycle.domain.rollout.freezes import scope_in_words
from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source


def perform(query: QueryContext, asked: ConsoleAction, suffix: str) -> ActionResult:
    """Perform an action; raises Refused, Unknown, InvalidName.

    `suffix` makes the names of new deployments unique.
    """
    performers: Mapping[Action, Callable[[], ActionResult]] = {
        Action.PROMOTE: lambda: _promote(query, asked),
        Action.DEPLOY: lambda: _deploy(query, asked, suffix),
        Action.APPROVE: lambda: _answer(query, asked, Choice.APPROVE),
        Action.REJECT: lambda: _answer(query, asked, Choice.REJECT),
        Action.DECIDE: lambda: _answer(query, asked, asked.choice),
        Action.ROLL_BACK: lambda: _roll_back(query, asked, suffix),
        Action.PAUSE: lambda: _choose(query, asked, Choice.PAUSE),
        Action.RESUME: lambda: _answer(query, asked, Choice.RESUME),
        Action.FREEZE: lambda: _freeze(query, asked),
        Action.UNFREEZE: lambda: _unfreeze(query, asked),
        Action.ASSIGN: lambda: _assign(query, asked),
        Action.CANCEL: lambda: _cancel(query, asked),
        Action.ABORT: lambda: _choose(query, asked, Choice.ABORT),
        Action.QUARANTINE: lambda: _quarantine(query, asked),
        Action.UNQUARANTINE: lambda: _unquarantine(query, asked),
        Action.CONVERGE: lambda: _converge(query, asked),
        Action.REMOVE_HOST: lambda: _remove_host(query, asked),
    }
    if asked.needs_reason and not asked.why.strip():
        what = str(asked.choice or asked.action).replace("_", " ").lower()
        raise Refused(what, ["a reason is required; write one beside the button"])
    return performers[asked.action]()


def confirm(query: QueryContext, asked: ConsoleAction, suffix: str) -> Confirmation | EffectConfirmation:
    """Return the plan that a second press would start, or else its effect; changes nothing. Raises as `perform`."""
    ended = None
    if asked.action is Action.ROLL_BACK:
        ended = recorded(query.context, asked.cluster, asked.deployment)
    if asked.action is not Action.DEPLOY and not (ended and ended.state.final):
        return confirm_action(query, asked)
    view = view_cluster(query.context, asked.cluster)
    rollback = None
    if ended:
        back = _rollback(query, asked, ended)
        request = _rollback_request(query, asked, back, suffix)
        rollback = rollback_facts(query.context, back.bad, back.to)
    else:
        request = _request(query, asked, asked.version, suffix)
    found = preview(query.context, request)
    may = plan_permission(found, request.kind)
    token = view.state.token
    return Confirmation(asked, request, found, may, view.verified, token, rollback)


def _promote(query: QueryContext, asked: ConsoleAction) -> ActionResult:
    made = query.phases.promote(asked.service, asked.version, asked.by)
    done = "is now" if made.created else "was promoted before, and is"
    said = f" Staging: {made.staging}." if made.staging else ""
    note = f" It {made.note}." if made.note else ""
    return ActionResult(
        f"{made.service} {made.snapshot} {done} release {made.release}.{note}{said} This deploys nothing."
    )


def _freeze(query: QueryContext, asked: ConsoleAction) -> ActionResult:
    """Make a freeze; one that somebody else made is left as it is."""
    check_freeze(query, asked.scope)
    until = parse_freeze_end(asked.until, query.context.clock.now())
    return ActionResult(freeze(query.context, asked.scope, asked.who, until).message)


def _unfreeze(query: QueryContext, asked: ConsoleAction) -> ActionResult:
    """Lift the freeze that the button was drawn from, and no other."""
    found = active_freeze(query, asked.scope)
    made = parse_time(asked.drawn_from) if asked.drawn_from else None
    if found and made is None:
        raise Refused(
            f"lifting the freeze of {scope_in_words(asked.scope)}",
            ["the button does not say which freeze; refresh the page"],
        )
    return ActionResult(unfreeze(query.context, asked.scope, asked.who, made).message)


def _cancel(query: QueryContext, asked: ConsoleAction) -> ActionResult:
    return ActionResult(f"{cancel_run(query.context, query.builds, asked.run, asked.who).message}.")


def _quarantine(query: QueryContext, asked: ConsoleAction) -> ActionResult:
    check_quarantine(query, asked)
    return ActionResult(f"{quarantine(query.context, asked.cluster, asked.subject, asked.who).message}.")


def _unquarantine(query: QueryContext, asked: ConsoleAction) -> ActionResult:
    return ActionResult(f"{lift_quarantine(query.context, asked.cluster, asked.subject, asked.who).message}.")


def _converge(query: QueryContext, asked: ConsoleAction) -> ActionResult:
    found = query.phases.converge(asked.cluster, asked.by)
    said = "; ".join(f"{each.kind}: {each.reason}" for each in found)
    started = next((each.deployment for each in found if each.deployment), "")
    return ActionResult(f"{asked.cluster}: {said or 'nothing to converge, no version was ever deployed'}.", started)


def _remove_host(query: QueryContext, asked: ConsoleAction) -> ActionResult:
    return ActionResult(f"{query.phases.remove_host(asked.cluster, asked.subject, asked.by, asked.why).message}.")


def _deploy(query: QueryContext, asked: ConsoleAction, suffix: str) -> ActionResult:
    """Deploy, if the cluster is still as the confirmation said: an operator agreed to no other change."""
    _check_drawn(query, asked, f"the deployment of {asked.version}")
    return _start(query, _request(query, asked, asked.version, suffix))


def _check_drawn(query: QueryContext, asked: ConsoleAction, what: str) -> None:
    """Raise Refused if the cluster has changed since the button was drawn."""
    now, before = view_cluster(query.context, asked.cluster).state, ClusterState.parse(asked.drawn_from)
    if before != now:
        drawn = "it does not say when it was drawn"
        if before:
            drawn = f"it was drawn when {before.in_words(asked.cluster)}"
        why = f"the page is out of date: {drawn}; now {now.in_words(asked.cluster)}"
        raise Refused(what, [why])


def _request(
    query: QueryContext,
    asked: ConsoleAction,
    version: str,
    suffix: str,
    rollback_of: str = "",
    config: int | None = None,
) -> Request:
    return Request(
        deployment=deployment_id(asked.cluster, query.context.clock.now(), suffix),
        service=asked.service,
        environment=asked.environment,
        version=version,
        requested_by=asked.by,
        reason=asked.why,
        kind=Kind.ROLLBACK if rollback_of else Kind.DEPLOY,
        rollback_of=rollback_of or None,
        config=config,
    )


def _start(query: QueryContext, request: Request) -> ActionResult:
    """Start a deployment as `lifecycle deploy` does, unless its plan has blockers."""
    context = query.context
    found = preview(context, request)
    what, request = f"{found.target.in_words} to {request.cluster}", found.config.pinned(request)
    if found.blockers:
        raise Refused(what, found.blockers)
    if plan_permission(found, request.kind).ruling is Ruling.NEEDLESS:
        return ActionResult(f"Nothing to do: every host of {request.cluster} serves {request.version} already.")
    record_request(context.requests, RecordedRequest(request, Source.CONSOLE, context.clock.now()))
    if not context.executions.start_rollout(request.deployment, payload(request)):
        raise Refused(
            f"the start of {request.deployment}", ["an execution of that name exists; press the button again"]
        )
    queued = f" It waits for {found.waits_for}." if found.waits_for else ""
    superseded = f" {found.supersedes}, which was queued, is superseded." if found.supersedes else ""
    hosts = ", ".join(each.host for each in found.hosts)
    first = (
        f" First the release command runs once, on {found.hosts[0].host}." if found.release and found.hosts else ""
    )
    verb = "Rolling back" if request.kind is Kind.ROLLBACK else "Started"
    return ActionResult(
        f"{verb}: {what}, in this order: {hosts or 'no host'}.{first}{queued}{superseded}", request.deployment
    )


def _roll_back(query: QueryContext, asked: ConsoleAction, suffix: str) -> ActionResult:
    """Roll back a running deployment before its next host, an ended one by deploying the version before it."""
    ended = recorded(query.context, asked.cluster, asked.deployment)
    if not ended.state.final:
        return _choose(query, asked, Choice.ROLL_BACK)
    back = _rollback(query, asked, ended)
    if asked.drawn_from:
        _check_drawn(query, asked, f"the rollback of {ended.id}")
    return _start(query, _rollback_request(query, asked, back, suffix))


def _rollback_request(query: QueryContext, asked: ConsoleAction, back: RollbackTarget, suffix: str) -> Request:
    return _request(query, asked, back.to.version, suffix, back.bad.id, back.to.config)


def _rollback(query: QueryContext, asked: ConsoleAction, ended: Deployment) -> RollbackTarget:
    """Return what a rollback of an ended deployment would bring; raises Refused."""
    context = query.context
    lease = context.leases.current(asked.cluster)
    facts = ActionFacts(
        context.clock.now(), asked.cluster, deployment=ended, lease=lease, last=ended, back=ended.target
    )
    if refusals := permission(Action.ROLL_BACK, facts).refusals:
        raise Refused(f"the rollback of {ended.id}", refusals)
    back = rollback_target(context, asked.cluster)
    facts = replace(facts, last=back.bad, back=back.to)
    if refusals := permission(Action.ROLL_BACK, facts).refusals:
        raise Refused(f"the rollback of {ended.id}", refusals)
    return back


def _choose(query: QueryContext, asked: ConsoleAction, choice: Choice) -> ActionResult:
    """Record a choice about a whole deployment, which no question asked for."""
    answer = Answer(choice, asked.by, asked.why, query.context.clock.now())
    answer_deployment(query.context, asked.cluster, asked.deployment, answer)
    return ActionResult(_recorded(choice, asked, CONSEQUENCES[choice]), asked.deployment)


def _answer(query: QueryContext, asked: ConsoleAction, choice: Choice | None) -> ActionResult:
    """Answer exactly the question that the button was drawn from."""
    if choice is None:
        raise Refused("the decision", ["the button names no choice; refresh the page, and press it again"])
    context, cluster = query.context, asked.cluster
    current = recorded(context, cluster, asked.deployment)
    question = asked_question(query, current, asked)
    answer = Answer(choice, asked.by, asked.why, context.clock.now())
    if question.kind is QuestionKind.DECISION:
        decide(context, cluster, current.id, question.host, question.attempt, answer)
    elif question.kind is QuestionKind.RESUME:
        answer_deployment(context, cluster, current.id, answer)
    else:
        approve(context, cluster, current.id, answer, question.id)
    return ActionResult(_recorded(choice, asked, question.effects.get(choice) or CONSEQUENCES[choice]), current.id)


def _assign(query: QueryContext, asked: ConsoleAction) -> ActionResult:
    context = query.context
    answer = Answer(Choice.ASSIGN, asked.by, asked.why, context.clock.now())
    found = assign(context, asked.cluster, asked.deployment, answer, asked.question)
    return ActionResult(f"Recorded: {asked.by} is on {found.id} of {asked.deployment}.", asked.deployment)


def _recorded(choice: Choice, asked: ConsoleAction, effect: str) -> str:
    return f"Recorded: {choice} of {asked.deployment} by {asked.by}: {effect}."
