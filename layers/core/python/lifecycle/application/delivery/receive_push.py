"""Pushes: turn an event into one delivery, a run of the delivery state machine.

Called by functions/delivery/receive_push, for GitHub's signed push event (github_push.py) and for CodeCommit's
EventBridge event. A run belongs to a repository and a commit. Its input has the id of the delivery that started it.
So a repeated delivery finds it for as long as Step Functions keeps it: 90 days.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum, auto
from typing import Any, assert_never

from lifecycle.application.ports.executions import Executions
from lifecycle.domain.delivery.delivery_name import DeliveryName, next_delivery_name
from lifecycle.domain.delivery.skip_marker import skipped_because

# A commit's runs that pushes may start, the failed ones included; a person may start more of them.
MOST_RUNS = 5
# The fields of a push that most pushes do not have.
_OPTIONAL = ("skip", "folder", "again", "pushed")
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


def codecommit_push(event: dict[str, Any]) -> Push | str:
    """Return the push in EventBridge's event CodeCommit Repository State Change, or why there is none."""
    detail = event["detail"]
    branch = str(detail.get("referenceName", ""))
    if detail.get("event") not in ("referenceCreated", "referenceUpdated") or branch not in ("main", "master"):
        return f"ignored: {detail.get('event')} of {branch}"
    name, region = str(detail["repositoryName"]), str(event["region"])
    return Push(
        repository=f"https://git-codecommit.{region}.amazonaws.com/v1/repos/{name}",
        name=name,
        commit=checked_commit(detail["commitId"]),
        branch=branch,
        pusher=str(detail.get("callerUserArn", "unknown"))[:100],
        delivery=str(event.get("id", "")),
    )


def start(push: Push, executions: Executions) -> Response:
    """Start the delivery of a commit, once; a commit whose delivery failed is delivered again by a new push event.

    The delivery of a commit that asks for no build is started too: it records that, and ends.
    """
    run, outcome = start_once(executions, push.execution, payload_of(push))
    match outcome:
        case Outcome.STARTED:
            return Response(202, {"message": skipped_because(push.skip) if push.skip else "started", "run": run})
        case Outcome.KNOWN:
            message = "this commit was pushed before; its delivery is running or has succeeded"
            return Response(202, {"message": message, "run": run})
        case Outcome.REPEATED:
            message = "this push was delivered before, and its run failed"
            return Response(202, {"message": f"{message}; {_again(run)}", "run": run})
        case Outcome.LIMIT:
            message = f"expected at most {MOST_RUNS} runs of a commit, and all of them failed"
            return Response(409, {"error": f"{message}; {_again(run)}", "run": run})
        case _:
            assert_never(outcome)


def _again(run: str) -> str:
    return f"push a new commit, or repeat the build with `lifecycle build --again {run}`"


class Outcome(Enum):
    """The result of start_once: a run that it started, or one that stands in its place."""

    STARTED = auto()
    KNOWN = auto()  # it runs, or it has succeeded
    REPEATED = auto()  # it has failed, and this very delivery started it
    LIMIT = auto()  # too many have failed


def start_once(executions: Executions, run: str, payload: Mapping[str, Any]) -> tuple[str, Outcome]:
    """Start a delivery, or the next one after those that failed; return its name, and what was done.

    A run of another repository may have the same name, as those of two owners' `shop` at one commit. The next name is
    taken then.
    """
    failed = 0
    while not executions.start_delivery(run, payload):
        earlier = executions.earlier_run(run)
        if earlier is None or (earlier.repository == payload["repository"] and not earlier.failed):
            return run, Outcome.KNOWN
        if earlier.repository == payload["repository"]:
            failed += 1
            if earlier.delivery and earlier.delivery == payload["delivery"]:
                return run, Outcome.REPEATED
            if failed == MOST_RUNS:
                return run, Outcome.LIMIT
        run = next_delivery_name(run)
    return run, Outcome.STARTED


def payload_of(push: Push) -> dict[str, Any]:
    """Return the input of a delivery; what is not set is left out."""
    return {name: value for name, value in asdict(push).items() if value or name not in _OPTIONAL}
