"""A button of the console: what it asks for, done by the same code that the commands use, or refused by it.

Called by functions/console/act. A button was drawn a while ago: it carries the ids of what it was drawn from, and is
refused when another question, host or attempt stands there now, or another version, deployment or freeze.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from lifecycle.application.delivery.promote import promote
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.queries.clusters import ClusterState, look
from lifecycle.application.queries.context import Console
from lifecycle.application.rollout.decide import answer_deployment, approve, decide
from lifecycle.application.rollout.freeze import freeze, unfreeze
from lifecycle.application.rollout.observe import deployment as recorded
from lifecycle.application.rollout.plan import preview
from lifecycle.application.rollout.requests import payload
from lifecycle.application.rollout.rollback import rollback_target
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.decision import CONSEQUENCES, Answer, Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request, deployment_id
from lifecycle.domain.rollout.freezes import Freeze, named


class Action(StrEnum):
    """What a button does; `decide` gives the choice that it names."""

    PROMOTE = "promote"
    DEPLOY = "deploy"
    APPROVE = "approve"
    REJECT = "reject"
    DECIDE = "decide"
    ROLL_BACK = "roll_back"
    PAUSE = "pause"
    RESUME = "resume"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"


# Whoever looks at the trail later wants to know why; the commands ask for it too.
_EXPLAINED = frozenset(
    {Action.APPROVE, Action.REJECT, Action.PAUSE, Action.RESUME, Action.FREEZE, Action.UNFREEZE}
)


@dataclass(frozen=True, slots=True)
class Press:
    """One press: who, why, and the ids of what was on the button; those that an action does not need are empty."""

    action: Action
    by: str
    why: str = ""
    service: str = ""
    environment: str = ""
    version: str = ""
    deployment: str = ""
    question: str = ""
    host: str = ""
    attempt: int = 0
    choice: Choice | None = None
    scope: str = ""
    seen: str = ""  # what the button was drawn from: a cluster's `state.token`, or when a freeze was made

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.environment, self.service)

    @property
    def who(self) -> RequestedBy:
        return RequestedBy(self.by, self.why)


@dataclass(frozen=True, slots=True)
class Pressed:
    """What was done, in one sentence; and the deployment to look at, if there is one."""

    told: str
    deployment: str = ""


def press(console: Console, asked: Press, suffix: str) -> Pressed:
    """Do it, or raise Refused, Unknown, InvalidName; `suffix` makes the names of new deployments unique."""
    acts: Mapping[Action, Callable[[], Pressed]] = {
        Action.PROMOTE: lambda: _promote(console, asked),
        Action.DEPLOY: lambda: _deploy(console, asked, suffix),
        Action.APPROVE: lambda: _answer(console, asked, Choice.APPROVE),
        Action.REJECT: lambda: _answer(console, asked, Choice.REJECT),
        Action.DECIDE: lambda: _answer(console, asked, asked.choice),
        Action.ROLL_BACK: lambda: _roll_back(console, asked, suffix),
        Action.PAUSE: lambda: _tell(console, asked, Choice.PAUSE),
        Action.RESUME: lambda: _answer(console, asked, Choice.RESUME),
        Action.FREEZE: lambda: _freeze(console, asked),
        Action.UNFREEZE: lambda: _unfreeze(console, asked),
    }
    if asked.action in _EXPLAINED and not asked.why.strip():
        raise Refused(
            asked.action.replace("_", " "), ["expected a reason, found none: write one beside the button"]
        )
    return acts[asked.action]()


def _promote(console: Console, asked: Press) -> Pressed:
    made = promote(console.catalogue, console.context.artifacts, asked.service, asked.version, asked.by)
    done = "is now" if made.created else "was promoted before, and is"
    return Pressed(
        f"{made.service} {made.snapshot} {done} release {made.release}. Nothing is deployed by that."
    )


def _freeze(console: Console, asked: Press) -> Pressed:
    """A new freeze; one that stands is somebody's, and stays."""
    if found := _standing(console, asked.scope):
        why = f"it is frozen already, by {found.by}: {found.why}; lift that one first"
        raise Refused(f"the freeze of {named(asked.scope)}", [why])
    return Pressed(freeze(console.context, asked.scope, asked.who).told)


def _unfreeze(console: Console, asked: Press) -> Pressed:
    """Lift the freeze that the button was drawn from, and no other."""
    found = _standing(console, asked.scope)
    made = datetime.fromisoformat(asked.seen) if asked.seen else None
    if found and made is None:
        raise Refused(f"the end of the freeze of {named(asked.scope)}", ["it does not say which: look again"])
    return Pressed(unfreeze(console.context, asked.scope, asked.who, made).told)


def _standing(console: Console, scope: str) -> Freeze | None:
    now = console.context.clock.now()
    found = (each for each in console.context.freezes.standing() if each.scope == scope)
    return next((each for each in found if each.stands(now)), None)


def _deploy(console: Console, asked: Press, suffix: str) -> Pressed:
    """What the confirmation told must still hold: nobody consents to a downgrade that is not named."""
    now = look(console, [asked.cluster], console.sights.held([asked.cluster]), 1)[0].state
    before = ClusterState.parse(asked.seen)
    if before != now:
        drawn = (
            f"it was drawn when {before.in_words(asked.cluster)}"
            if before
            else "it does not say when it was drawn"
        )
        why = f"the page is an old one: {drawn}; now {now.in_words(asked.cluster)}"
        raise Refused(f"the deployment of {asked.version}", [why])
    return _start(console, _request(console, asked, asked.version, suffix))


def _request(console: Console, asked: Press, version: str, suffix: str, rollback_of: str = "") -> Request:
    return Request(
        deployment=deployment_id(asked.cluster, console.context.clock.now(), suffix),
        service=asked.service,
        environment=asked.environment,
        version=version,
        requested_by=asked.by,
        reason=asked.why,
        kind=Kind.ROLLBACK if rollback_of else Kind.DEPLOY,
        rollback_of=rollback_of or None,
    )


def _start(console: Console, request: Request) -> Pressed:
    """Start it as `lifecycle deploy` does: after a look at the plan, which lists every reason not to."""
    context = console.context
    found = preview(context, request)
    what = f"{request.version} to {request.cluster}"
    if found.blockers:
        raise Refused(what, found.blockers)
    desired = context.registry.desired(request.cluster)
    stands = desired is not None and desired.version == request.version
    if found.nothing_to_do and stands and request.kind is not Kind.ROLLBACK:
        return Pressed(f"Nothing to do: every host of {request.cluster} serves {request.version} already.")
    if not context.executions.start_rollout(request.deployment, payload(request)):
        raise Refused(f"the start of {request.deployment}", ["an execution of that name exists; press again"])
    waits = f" It waits for {found.waits_for}." if found.waits_for else ""
    loses = f" {found.supersedes}, which waited, is superseded." if found.supersedes else ""
    hosts = ", ".join(each.host for each in found.hosts)
    verb = "Rolling back" if request.kind is Kind.ROLLBACK else "Started"
    return Pressed(f"{verb}: {what}, in this order: {hosts or 'no host'}.{waits}{loses}", request.deployment)


def _roll_back(console: Console, asked: Press, suffix: str) -> Pressed:
    """What runs is rolled back before its next host; what has ended, by a deployment of the version before it."""
    ended = recorded(console.context, asked.cluster, asked.deployment)
    if not ended.state.final:
        return _tell(console, asked, Choice.ROLL_BACK)
    if ended.state is DeploymentState.ROLLED_BACK:
        raise Refused(f"the rollback of {ended.id}", [f"it was rolled back already: {ended.reason}"])
    if holder := console.context.leases.current(asked.cluster).deployment:
        why = f"{ended.id} has ended: {ended.state}; {holder} runs there now: look at that one"
        raise Refused(f"the rollback of {ended.id}", [why])
    back = rollback_target(console.context, asked.cluster)
    if back.bad.id != ended.id:
        why = (
            f"it is not what {asked.cluster} runs any more: that is {back.bad.id}, {back.bad.target.version}"
        )
        raise Refused(f"the rollback of {ended.id}", [why])
    return _start(console, _request(console, asked, back.version, suffix, ended.id))


def _tell(console: Console, asked: Press, choice: Choice) -> Pressed:
    """What is said of a whole deployment, unasked."""
    answer = Answer(choice, asked.by, asked.why, console.context.clock.now())
    answer_deployment(console.context, asked.cluster, asked.deployment, answer)
    return Pressed(_recorded(choice, asked, CONSEQUENCES[choice]), asked.deployment)


def _answer(console: Console, asked: Press, choice: Choice | None) -> Pressed:
    """The answer to exactly the question that the button was drawn from."""
    if choice is None:
        raise Refused("the decision", ["expected a choice, found none: look again, and press again"])
    context, cluster = console.context, asked.cluster
    current = recorded(context, cluster, asked.deployment)
    question = _bound(console, current, asked)
    answer = Answer(choice, asked.by, asked.why, context.clock.now())
    if question.kind is QuestionKind.DECISION:
        decide(context, cluster, current.id, question.host, question.attempt, answer)
    elif question.kind is QuestionKind.RESUME:
        answer_deployment(context, cluster, current.id, answer)
    else:
        approve(context, cluster, current.id, answer)
    return Pressed(_recorded(choice, asked, question.effects.get(choice) or CONSEQUENCES[choice]), current.id)


def _bound(console: Console, current: Deployment, asked: Press) -> Question:
    """The question that the button names, if it is the one that stands; a used one is told with its answer."""
    every = {each.id: each for each in console.context.deployments.questions(current.id)}
    question = every.get(asked.question)
    if question is None:
        raise Unknown("question", f"{asked.question} of {current.id}", "look again: the page is an old one")
    what = f"the answer to {question.id}"
    if question.answer:
        given = question.answer
        said = f"{given.by} answered {given.choice} at {given.at:%Y-%m-%d %H:%M:%S} UTC"
        raise Refused(what, [f"{said}{f': {given.why}' if given.why else ''}"])
    if (asked.host, asked.attempt) != (question.host, question.attempt):
        about = f"{question.host or 'no host'}, attempt {question.attempt}"
        raise Refused(
            what, [f"it asks about {about}, not {asked.host or 'no host'}, attempt {asked.attempt}"]
        )
    return question


def _recorded(choice: Choice, asked: Press, effect: str) -> str:
    return f"Recorded: {choice} of {asked.deployment} by {asked.by}: {effect}."
