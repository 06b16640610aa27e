"""Pushes: turn an event into one delivery, a run of the delivery state machine.

Called by functions/delivery/receive_push, for GitHub's signed push event (github_push.py) and for CodeCommit's
EventBridge event. Each push moves its branch, whose record has the head (domain/delivery/branch.py). A run belongs to
a repository and a commit. Its input has the id of the delivery that started it. So a repeated delivery finds it for
as long as Step Functions keeps it: 90 days.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import Enum, auto
from typing import Any, assert_never

from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.executions import Executions
from lifecycle.application.ports.repositories import Repositories
from lifecycle.domain.delivery.branch import NOTHING, Branch, Move
from lifecycle.domain.delivery.clone_url import codecommit_url
from lifecycle.domain.delivery.delivery_name import DeliveryName, next_delivery_name
from lifecycle.domain.delivery.skip_marker import skipped_because
from lifecycle.domain.identity import pusher_name
from lifecycle.domain.record_time import is_storable
from lifecycle.domain.rollout.deployment import CLOCK_SKEW

# A commit's runs that pushes may start, the failed ones included; a person may start more of them.
MOST_RUNS = 5
# The fields of a push that most pushes do not have.
_OPTIONAL = ("skip", "folder", "again", "pushed", "service", "version", "head_read", "read_seconds")
# The record of the branch has them, and a run needs none.
_UNSENT = ("before", "at", "forced")
_MOST_NAMES = 100
_LONGEST_PUSHER = 200  # the end of an ARN has the name
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer."""

    status: int
    body: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Push:
    """One push to a repository's default branch.

    `skip` is the marker in the head commit's message that asks for no build. `again` says that a person repeats the
    build and wants it anyway. `folder` is that of the one service that a run is for; empty for the whole push.
    `pushed` is then the start of the push's own run, so that snapshots of a service have the order of the pushes.
    `before` is the commit that the branch left, and `at` when it was pushed, as the event says. `service` and
    `version` name the snapshot that an earlier run made of this commit. `head_read` is when somebody read the commit
    from the repository, as the head of the branch; empty for an event. `read_seconds` is for how long that was known
    when the run was started, by one clock. `forced`: the commit does not contain the one before it.
    """

    repository: str
    name: str
    commit: str
    branch: str
    pusher: str
    delivery: str
    skip: str = ""
    folder: str = ""
    again: bool = False
    pushed: str = ""
    before: str = ""
    at: str = ""
    service: str = ""
    version: str = ""
    head_read: str = ""
    read_seconds: int = 0
    forced: bool = False

    def move(self, received: datetime) -> Move:
        """Return what the push says about its branch."""
        at = datetime.fromisoformat(self.at) if self.at else received
        if at > received + CLOCK_SKEW:
            at = received  # It would be the newest push for as long.
        pusher = pusher_name(self.pusher)
        return Move(self.before or NOTHING, self.commit, self.delivery, at, self.skip, self.forced, received, pusher)

    def read_at(self, started: datetime) -> datetime:
        """Return when the head was read, by the clock of this account, which has `started` the run.

        The clock of the machine that read it may be wrong. An input that is older than that was copied.
        """
        said = datetime.fromisoformat(self.head_read)
        if self.read_seconds and abs(said - started) <= CLOCK_SKEW:
            return started - timedelta(seconds=self.read_seconds)
        return min(said, started)

    @property
    def execution(self) -> str:
        """The name of the first delivery of this commit."""
        return str(DeliveryName.of(self.name, self.commit))


def checked_commit(text: Any) -> str:
    """Return a commit; raise ValueError for anything else."""
    if not isinstance(text, str) or not _COMMIT.fullmatch(text):
        message = f"a commit must have 40 hex digits, found {text!r:.60}"
        raise ValueError(message)
    return text


def codecommit_push(event: dict[str, Any], repositories: Repositories) -> Push | str:
    """Return the push in EventBridge's event CodeCommit Repository State Change, or why there is none.

    The event does not say which branch is the default one.
    """
    detail = event["detail"]
    name, region = str(detail["repositoryName"]), str(event["region"])
    kind, branch = f"{detail.get('referenceType')}", str(detail.get("referenceName", ""))
    if detail.get("event") not in ("referenceCreated", "referenceUpdated") or kind != "branch":
        return f"ignored: {detail.get('event')} of the {kind} {branch}"
    if branch != (default := repositories.default_branch(name)):
        return f"ignored: {branch} is not the default branch {default} of {name}"
    return Push(
        repository=codecommit_url(region, name),
        name=name,
        commit=checked_commit(detail["commitId"]),
        branch=branch,
        pusher=str(detail.get("callerUserArn", "unknown"))[-_LONGEST_PUSHER:],
        delivery=str(event.get("id", "")),
        before=checked_commit(detail.get("oldCommitId") or NOTHING),
        at=time_of(event.get("time")),
    )


def time_of(found: Any) -> str:
    """Return the time of a push, which events have as seconds or as text; empty for none, or for another form.

    A time that no record can hold is none.
    """
    try:
        at = datetime.fromtimestamp(found, UTC) if isinstance(found, int) else datetime.fromisoformat(str(found))
    except (OverflowError, OSError, ValueError):
        return ""
    return at.isoformat() if is_storable(at) else ""


def start(push: Push, executions: Executions, catalogue: Catalogue, now: datetime) -> Response:
    """Record where the branch is, and start the delivery of the commit, once for each delivery of an event.

    A commit whose delivery failed is delivered again by a new push event. One that was built is deployed again if the
    branch was moved back to it. The delivery of a commit that asks for no build is started too: it records that, and
    ends.
    """
    move = push.move(now)
    was = ""

    def moved(before: Branch) -> Branch:
        nonlocal was
        was = before.wanted("", "")
        return before.believed(now).moved(move)

    branch = catalogue.change_branch(push.repository, push.branch, moved)
    # A record that cannot be read stays, and then a run of any branch begins.
    _ = catalogue.change_builds(push.repository, lambda before: before.followed(push.branch, move.at))
    wanted, dropped = branch.wanted("", ""), push.commit in branch.dropped
    is_wanted = wanted in ("", push.commit)
    found = start_once(executions, push.execution, payload_of(push), returned=is_wanted, dropped=dropped)
    answer = _started(push, *found)
    return answer if is_wanted else _not_wanted(answer, branch, push, executions, was)


def start_head(push: Push, executions: Executions, catalogue: Catalogue) -> tuple[str, "Outcome"]:
    """Start the run of a commit that somebody has read as the head of its branch; `push.head_read` is when.

    A run that goes on does, if the ledger wants that commit. Else that run would end as superseded, or as a push that
    asked for no build.
    """
    known = catalogue.branch(push.repository, push.branch).wanted("", "") == push.commit
    return start_once(
        executions, push.execution, payload_of(push), returned=True, dropped=not known, also_skipped=True
    )


def _not_wanted(answer: Response, branch: Branch, push: Push, executions: Executions, was: str) -> Response:
    """Say so, and start the run of the commit that is wanted, if that needs one.

    This push may have shown only now which it is, or it asks for no build of its own. `was` is the one that was
    wanted before this push was known. Its deployment may have ended that of the other.
    """
    wanted = branch.wanted("", "")
    head = replace(push, commit=wanted, skip="")
    dropped = wanted in branch.dropped
    if dropped or was not in ("", wanted) or _needs_a_run(executions, head):
        start_once(executions, head.execution, payload_of(head), returned=True, dropped=dropped)
    if not (late := branch.superseded(push.commit)):
        return answer
    said = {name: f"{text}; {late}" for name, text in answer.body.items() if name in ("message", "error")}
    return Response(answer.status, {**answer.body, **said})


def _needs_a_run(executions: Executions, push: Push) -> bool:
    """Return whether the newest run of a commit did not deliver it, because it was not known to be the head."""
    run, newest = push.execution, None
    while found := executions.earlier_run(run):
        newest = found if found.is_of(push.repository) else newest
        run = next_delivery_name(run)
    return newest is None or newest.superseded


def _started(push: Push, run: str, outcome: "Outcome") -> Response:
    match outcome:
        case Outcome.STARTED:
            return Response(202, {"message": skipped_because(push.skip) if push.skip else "started", "run": run})
        case Outcome.RETURNED:
            message = "the branch is back at this commit, whose snapshot is deployed again"
            return Response(202, {"message": message, "run": run})
        case Outcome.KNOWN:
            message = "this commit was pushed before; its delivery is running or has succeeded"
            return Response(202, {"message": message, "run": run})
        case Outcome.REPEATED:
            message = "this push was delivered before, and its run failed"
            return Response(202, {"message": f"{message}; {_again(run)}", "run": run})
        case Outcome.LIMIT:
            message = f"expected at most {MOST_RUNS} runs of a commit that failed, and {_MOST_NAMES} in all"
            return Response(409, {"error": f"{message}; {_again(run)}", "run": run})
        case _:
            assert_never(outcome)


def _again(run: str) -> str:
    return f"push a new commit, or repeat the build with `lifecycle build --again {run}`"


class Outcome(Enum):
    """The result of start_once: a run that it started, or one that stands in its place."""

    STARTED = auto()
    RETURNED = auto()  # started, for the snapshot of an earlier one
    KNOWN = auto()  # it runs, or it has succeeded
    REPEATED = auto()  # it has failed, and this very delivery started it
    LIMIT = auto()  # too many have failed, or have its names


def start_once(
    executions: Executions,
    run: str,
    payload: Mapping[str, Any],
    *,
    returned: bool = False,
    dropped: bool = False,
    also_skipped: bool = False,
) -> tuple[str, Outcome]:
    """Start a delivery, or the next one after those that failed; return its name, and what was done.

    A run of another repository may have the same name, as those of two owners' `shop` at one commit. So may a run for
    one folder that a person started. The next name is taken then. `returned` says that the branch is at this commit
    now: then the next one is started, too, after one that has succeeded by another delivery. It gets the snapshot
    that was made. `dropped` says that the newest run builds nothing, also if it has not ended yet. `also_skipped`
    starts the next one after a run whose commit asked for no build. A person may have started runs of many names.
    """
    failed, snapshot = 0, dict[str, str]()
    for _ in range(_MOST_NAMES):
        if executions.start_delivery(run, {**payload, **snapshot}):
            return run, Outcome.RETURNED if snapshot else Outcome.STARTED
        earlier = executions.earlier_run(run)
        if earlier is None:
            return run, Outcome.KNOWN
        if earlier.is_of(payload["repository"], payload.get("folder", "")):
            same = bool(earlier.delivery) and earlier.delivery == payload["delivery"]
            over = (dropped or not earlier.running) and (also_skipped or not earlier.wanted_nothing)
            if not earlier.failed and (same or not returned or not over):
                return run, Outcome.KNOWN
            failed += earlier.failed
            if same:
                return run, Outcome.REPEATED
            if failed == MOST_RUNS:
                return run, Outcome.LIMIT
            snapshot = earlier.snapshot or snapshot
        run = next_delivery_name(run)
    return run, Outcome.LIMIT


def payload_of(push: Push) -> dict[str, Any]:
    """Return the input of a delivery; what is not set is left out."""
    given = {name: value for name, value in asdict(push).items() if name not in _UNSENT}
    return {name: value for name, value in given.items() if value or name not in _OPTIONAL}
