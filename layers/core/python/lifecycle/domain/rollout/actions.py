"""Permissions: whether an operator may perform an action on these facts, and if not, why not.

Read by the phases that perform the actions, by the plan, and by the console, which draws its buttons from them. So no
view offers an action that its phase refuses for a reason that the view knows.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.decision import Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Override
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.lease import Lease, UnreadableLease
from lifecycle.domain.rollout.plan import Plan
from lifecycle.domain.rollout.preflight import releases_only
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.withdrawal import Withdrawal


class Action(StrEnum):
    """The kinds of actions of an operator; `decide` records the choice that it names."""

    PROMOTE = "promote"
    DEPLOY = "deploy"
    APPROVE = "approve"
    REJECT = "reject"
    DECIDE = "decide"
    ROLL_BACK = "roll_back"
    PAUSE = "pause"
    RESUME = "resume"
    ABORT = "abort"  # what is queued or paused
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"
    CANCEL = "cancel"  # the run of a push
    QUARANTINE = "quarantine"
    UNQUARANTINE = "unquarantine"
    CONVERGE = "converge"
    REMOVE_HOST = "remove_host"
    ASSIGN = "assign"  # a question, to oneself


# These need a reason, which the audit log keeps; every other action may have one.
_NEED_REASON = frozenset(
    {
        *(Action.APPROVE, Action.REJECT, Action.PAUSE, Action.RESUME, Action.ABORT, Action.CANCEL),
        *(Action.FREEZE, Action.UNFREEZE, Action.QUARANTINE, Action.UNQUARANTINE, Action.REMOVE_HOST),
    }
)


_CHOICES_NEED_REASON = frozenset({Choice.APPROVE, Choice.REJECT, Choice.EXTEND, Choice.RESUME, Choice.ABORT})


def needs_reason(action: Action, choice: Choice | None = None) -> bool:
    """Return whether an action needs a reason; `choice` is the answer of a decision."""
    return action in _NEED_REASON or (action is Action.DECIDE and choice in _CHOICES_NEED_REASON)


class Ruling(StrEnum):
    """The judgement of an action by its facts; the value is the word that people read."""

    ALLOWED = "allowed"
    WAITS = "waits"  # allowed; it begins after what runs
    QUARANTINED = "quarantined"
    FROZEN = "frozen"
    REFUSED = "refused"
    NEEDLESS = "not needed"  # it would change nothing


@dataclass(frozen=True, slots=True)
class Permission:
    """A ruling, and the sentence behind it; empty only for what is allowed without a condition."""

    ruling: Ruling
    why: str = ""
    reasons: tuple[str, ...] = ()  # each of several

    @property
    def allowed(self) -> bool:
        return self.ruling in (Ruling.ALLOWED, Ruling.WAITS)

    @property
    def refusals(self) -> list[str]:
        """The reasons for the error of a phase; empty if the action is allowed."""
        return [] if self.allowed else list(self.reasons) or [self.why]


ALLOWED = Permission(Ruling.ALLOWED)
_RULINGS = {Override.QUARANTINE: Ruling.QUARANTINED, Override.FREEZE: Ruling.FROZEN}


def _refused(why: str) -> Permission:
    return Permission(Ruling.REFUSED, why)


def _needless(why: str) -> Permission:
    return Permission(Ruling.NEEDLESS, why)


@dataclass(frozen=True, slots=True)
class ActionFacts:
    """The facts that actions are judged by. A rule reads few of them; what it does not read may be left out.

    `target` is the version to deploy or to promote, with the configuration that would go out. `deployment` is the one
    that the action is about, and `questions` are its questions. `running` is the record of the lease's holder, and
    `queued` the id of the deployment in the pending slot, `queued_version` its version. `verified` was verified on
    every host last. `last` is the deployment whose version the cluster should run, and `back` what a rollback of it
    would bring. `quarantined` has versions, configurations and hosts. `frozen` has each reason why nothing begins.
    `freeze` is the one that is active in the action's scope. `release` is what the snapshot became, if anything.
    `subject` is the name to quarantine, or the host to remove, and `report` and `state` are that host's.
    """

    now: datetime
    cluster: Cluster | None = None
    target: Target | None = None
    deployment: Deployment | None = None
    questions: Sequence[Question] = ()
    question: Question | None = None
    lease: Lease = field(default_factory=Lease)
    running: Deployment | None = None
    queued: str = ""
    queued_version: str = ""
    verified: Target | None = None
    last: Deployment | None = None
    back: Target | None = None
    quarantined: Mapping[str, str] = field(default_factory=dict)
    frozen: Sequence[str] = ()
    freeze: Freeze | None = None
    release: str = ""
    withdrawn: Withdrawal | None = None
    subject: str = ""
    report: HostReport | None = None
    state: TargetState = TargetState.ABSENT
    unreachable: bool = False
    run_ended: bool = False

    def with_quarantined(self, quarantined: Mapping[str, str]) -> "ActionFacts":
        """Return the facts with these quarantines, which a view reads only where nothing else decides."""
        return replace(self, quarantined=quarantined)


def permission(action: Action, facts: ActionFacts) -> Permission:
    """Return whether the action may be performed on these facts, and why not. Total: every action has a rule."""
    return _RULES[action](facts)


def plan_permission(found: Plan, kind: Kind, *, only: Sequence[str] = ()) -> Permission:
    """Return whether the deployment of a plan may begin now, by everything that the plan has read."""
    if found.blockers:
        ruling = next((_RULINGS[each] for each in found.overridable if each in _RULINGS), Ruling.REFUSED)
        return Permission(ruling, "; ".join(found.blockers))
    if found.nothing_to_do and (found.is_verified or only) and kind is not Kind.ROLLBACK:
        return _needless(f"every host serves {found.target.version} already")
    if found.waits_for:
        return Permission(Ruling.WAITS, _waiting(found.waits_for, found.supersedes))
    return ALLOWED


def _waiting(holder: str, queued: str) -> str:
    return f"it waits for {holder}{f', and supersedes {queued}, which is queued' if queued else ''}"


def _deploy(facts: ActionFacts) -> Permission:
    """Judge by what is cheap to read; the plan reads the rest (plan_permission)."""
    wanted, held = facts.target, facts.lease
    if wanted is None or facts.cluster is None:
        return _needless("there is no version to deploy")
    if there := _already(facts, wanted):
        return _needless(there)
    if why := (
        releases_only(facts.cluster, wanted.version) or (held.why if isinstance(held, UnreadableLease) else "")
    ):
        return _refused(why)
    if why := wanted.quarantined_in(facts.quarantined):
        return Permission(Ruling.QUARANTINED, why)
    if facts.frozen:
        return Permission(Ruling.FROZEN, "; ".join(facts.frozen))
    waits = held.held_by_another("", facts.now)
    return Permission(Ruling.WAITS, _waiting(held.deployment, facts.queued)) if waits else ALLOWED


def _already(facts: ActionFacts, wanted: Target) -> str:
    """Return what serves, deploys or awaits this version already; empty if nothing does."""
    version, running = wanted.version, facts.running.target if facts.running else None
    if facts.running and running and _same(running, wanted):
        return f"{facts.running.id} deploys {version}"
    if version == facts.queued_version:
        return f"{facts.queued} is queued with {version}"
    served = facts.verified and _same(facts.verified, wanted)
    return f"{facts.cluster} serves {wanted.in_words} already" if served else ""


def _same(there: Target, wanted: Target) -> bool:
    """Compare the version and the configuration: a digest is not known to every view."""
    return (there.version, there.config) == (wanted.version, wanted.config)


def _promote(facts: ActionFacts) -> Permission:
    version = facts.target.version if facts.target else ""
    if facts.withdrawn:
        return _refused(f"it was {facts.withdrawn.in_words}; push its commit again")
    return _needless(f"{version} is release {facts.release}") if facts.release else ALLOWED


def _pause(facts: ActionFacts) -> Permission:
    current = facts.deployment
    if current is None:
        return _refused("nothing is being deployed")
    if current.state.final or current.state is DeploymentState.QUEUED:
        return _refused(f"it is {current.state}: {current.reason}")
    if paused := _open_pause(facts):
        return _refused(paused.reason)
    return ALLOWED


def _open_pause(facts: ActionFacts) -> Question | None:
    return next((q for q in facts.questions if q.kind is QuestionKind.RESUME and not q.answer), None)


def _roll_back(facts: ActionFacts) -> Permission:
    """Judge the rollback of a running deployment, else of what the cluster should run now."""
    current = facts.deployment
    if current is None:
        return _refused(f"{facts.cluster} never had a deployment")
    if not current.state.final:
        return _roll_back_running(current)
    if current.state is DeploymentState.ROLLED_BACK:
        return _refused(f"it was already rolled back: {current.reason}")
    if facts.lease.deployment:
        holder = facts.lease.deployment
        return _refused(f"{current.id} has ended: {current.state}; {holder} runs there now: roll that one back")
    if facts.last is None or facts.last.id != current.id:
        now = f", but {facts.last.target.in_words} of {facts.last.id}" if facts.last else ""
        return _refused(f"{facts.cluster} no longer runs it{now}")
    return ALLOWED if facts.back else _refused(no_rollback_target(current.target))


def no_rollback_target(bad: Target) -> str:
    """Return why nothing can be gone back to."""
    return f"no version other than {bad.in_words} was verified there, or all of them are quarantined"


def _roll_back_running(current: Deployment) -> Permission:
    if current.state is DeploymentState.QUEUED:
        return _refused("it is pending and has changed nothing; cancel it instead")
    if current.request.kind is Kind.ROLLBACK:
        return _refused("it is a rollback itself; abort it, and deploy the version that you want")
    if current.previous is None:
        return _refused(f"no version was verified in {current.cluster} before it")
    return ALLOWED


def _resume(facts: ActionFacts) -> Permission:
    current = facts.deployment
    if current is None or current.state.final:
        return _refused(
            f"it has ended: {current.state}, {current.reason}" if current else "nothing is being deployed"
        )
    return ALLOWED if _open_pause(facts) else _refused(f"it is {current.state}, and not paused")


def _abort(facts: ActionFacts) -> Permission:
    current = facts.deployment
    return ALLOWED if current and current.state is DeploymentState.QUEUED else _resume(facts)


def _answer(facts: ActionFacts) -> Permission:
    """Judge an answer to exactly this question."""
    asked, current = facts.question, facts.deployment
    if asked is None:
        return _refused("nothing was asked")
    if given := asked.answer:
        why = f": {given.why}" if given.why else ""
        return _refused(f"{given.by} answered {given.choice} at {given.at:%Y-%m-%d %H:%M:%S} UTC{why}")
    if current is not None and current.state.final:
        return _refused(f"{current.id} has ended: {current.state}, {current.reason}")
    if asked.expired(facts.now):
        again = "decide again, on the new question" if asked.host else "start the deployment again"
        return _refused(f"{asked.id} expired at {asked.expires_at:%Y-%m-%d %H:%M:%S} UTC; {again}")
    return ALLOWED


def _freeze(facts: ActionFacts) -> Permission:
    found = facts.freeze
    return _refused(f"{found.by} froze it already: {found.why}; lift that freeze first") if found else ALLOWED


def _unfreeze(facts: ActionFacts) -> Permission:
    return ALLOWED if facts.freeze else _needless("it is not frozen")


def _cancel(facts: ActionFacts) -> Permission:
    return _refused("it has ended; its snapshot, if it made one, stays") if facts.run_ended else ALLOWED


def _quarantine(facts: ActionFacts) -> Permission:
    if why := facts.quarantined.get(facts.subject):
        return _needless(f"{facts.subject} is quarantined: {why}")
    return ALLOWED


def _unquarantine(facts: ActionFacts) -> Permission:
    return ALLOWED if facts.subject in facts.quarantined else _needless(f"{facts.subject} is not quarantined")


def _converge(facts: ActionFacts) -> Permission:
    return ALLOWED if facts.last or facts.lease.deployment else _needless("no version was ever deployed")


def _remove_host(facts: ActionFacts) -> Permission:
    """Refuse a host that shows a sign of life; its machine must be gone."""
    if facts.report is None:
        return _refused(f"{facts.cluster} has no host {facts.subject}")
    reasons = []
    if not facts.unreachable:
        at = f"{facts.report.seen_at:%H:%M:%S} UTC"
        reasons.append(f"its agent reported at {at}: stop it first, or {facts.subject} would come back")
    if facts.state.serves:
        reasons.append("it is in rotation and healthy: stop its service first")
    return Permission(Ruling.REFUSED, "; ".join(reasons), tuple(reasons)) if reasons else ALLOWED


_RULES: Mapping[Action, Callable[[ActionFacts], Permission]] = {
    Action.PROMOTE: _promote,
    Action.DEPLOY: _deploy,
    Action.APPROVE: _answer,
    Action.REJECT: _answer,
    Action.DECIDE: _answer,
    Action.ASSIGN: _answer,
    Action.ROLL_BACK: _roll_back,
    Action.PAUSE: _pause,
    Action.RESUME: _resume,
    Action.ABORT: _abort,
    Action.FREEZE: _freeze,
    Action.UNFREEZE: _unfreeze,
    Action.CANCEL: _cancel,
    Action.QUARANTINE: _quarantine,
    Action.UNQUARANTINE: _unquarantine,
    Action.CONVERGE: _converge,
    Action.REMOVE_HOST: _remove_host,
}
