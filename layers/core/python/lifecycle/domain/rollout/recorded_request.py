"""Recorded requests: a deployment begins only if its request is on record, by somebody who may make it.

The input of an execution is a deployment's id. Everybody who may start executions could write anything else into it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from lifecycle.domain.rollout.deployment import Kind, Override, Request

# An execution begins seconds after its request. A deployment that waits is on record by then.
VALID_FOR = timedelta(minutes=15)


class Source(StrEnum):
    """The part of Lifecycle that recorded a request; each may write its own partition of the ledger only."""

    OPERATOR = "OPERATOR"  # functions/rollout/request, which knows who called
    CONSOLE = "CONSOLE"  # functions/console/act, which does not
    DELIVERY = "DELIVERY"  # functions/delivery/record_snapshot
    CONVERGENCE = "CONVERGENCE"  # functions/convergence/converge


_KINDS = {
    Source.OPERATOR: (Kind.DEPLOY, Kind.ROLLBACK),
    Source.CONSOLE: (Kind.DEPLOY, Kind.ROLLBACK),
    Source.DELIVERY: (Kind.DEPLOY,),
    Source.CONVERGENCE: (Kind.CONVERGE,),
}


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """A request, the part that recorded it, and when. `caller` is the ARN of the person behind it, if known."""

    request: Request
    source: Source
    at: datetime
    caller: str = ""

    def is_valid(self, now: datetime) -> bool:
        """Return whether a deployment may still begin by it."""
        return now - self.at <= VALID_FOR


def not_allowed(request: Request, source: Source) -> str:
    """Return why this part of Lifecycle may not make such a request; empty if it may."""
    allowed, kind, undone = _KINDS[source], request.kind, request.rollback_of
    overrides = {Override.FREEZE, Override.STAGING} & set(request.overrides)
    rules = {
        f"expected {' or '.join(allowed)} from {source.lower()}, found {kind}: only convergence repairs, by "
        f"`lifecycle converge {request.service}`": kind not in allowed,
        f"a rollback names the deployment that it undoes: `lifecycle rollback {request.service}`": (
            kind is Kind.ROLLBACK and not undone
        ),
        f"a deployment that undoes {undone} is a rollback: `lifecycle rollback {request.service}`": (
            kind is not Kind.ROLLBACK and bool(undone)
        ),
        f"expected no hosts in a {kind}, found {', '.join(request.only)[:200]}": (
            bool(request.only) and kind is not Kind.CONVERGE
        ),
        "overriding a freeze or staging needs a reason, which the audit log records": (
            bool(overrides) and not request.reason.strip()
        ),
        f"delivery deploys to staging only, found {request.environment}": (
            source is Source.DELIVERY and request.environment != "staging"
        ),
    }
    return next((why for why, broken in rules.items() if broken), "")


def how_to_request(request_of: str, service: str, environment: str) -> str:
    """Return the sentence for an execution that was started without a recorded request."""
    how = f"lifecycle deploy {service} VERSION --environment {environment}"
    again = f"lifecycle converge {service}"
    return (
        f"no request for {request_of} is on record, so nobody is known to have made it: update the command line, and "
        f"deploy with `{how}`, "
        f"roll back with `lifecycle rollback {service} --environment {environment}`, repair with `{again}`"
    )
