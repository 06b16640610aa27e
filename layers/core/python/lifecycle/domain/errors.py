"""The errors that operators meet, in one tree.

Each message says what failed, the value found, what is allowed, and the next command if there is one.

LifecycleError
├── InvalidValue           a time, age, count, amount or window of the wrong form
│   ├── InvalidName        a service, environment, host or version of the wrong form
│   ├── InvalidEvent       an event that a function cannot read
│   └── InvalidJson        a text of somebody else that is no JSON, or is too long or too deep
├── Unknown                a service, snapshot, release, cluster or deployment that does not exist
├── LeaseHeld              another deployment of this cluster is running
├── StaleEpoch             a fenced deployment, which must change nothing
├── Refused                a plan, promotion or decision that is not allowed, with the reasons
├── DigestMismatch         bytes that differ from the published ones
├── SignatureRefused       a version whose signature is missing, foreign, or of something else
├── UnsafeArchive          an artifact that would write outside its folder, or too much
├── StoreRefused           an answer of a store that cannot be used
│   ├── ForeignObject      an object with other bytes where a version's artifact or manifest belongs
│   ├── UnreadableRecord   a stored record that cannot be read: its key, and how to mend it
│   └── SomeUnreadable     a list of records of which some cannot be read
├── BuildsFull             a build service that takes no more builds for now
├── ForgeFailed            a call of a forge, such as GitHub, that failed; nothing depends on it
├── CallFailed             a call of AWS that failed; a temporary one may succeed later
│   └── NotAnswered        the same where it ends a task: the state machine repeats it for minutes
└── ConfigDenied           a configuration or a secret that may not be read: both of the two above
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from lifecycle.domain.listing import listed

_NUMBERS = re.compile(r"[0-9]+")


class LifecycleError(Exception):
    """The root of every error that an operator must know about; it is printed without a traceback."""


class InvalidValue(LifecycleError):
    """A value that cannot be used; `what` is a noun without its article, and `allowed` completes "allowed: …"."""

    def __init__(self, what: str, found: str, allowed: str) -> None:
        article = "an" if what[:1].lower() in "aeiou" else "a"
        super().__init__(f"{found!r} is not {article} {what}; allowed: {allowed}")


class InvalidName(InvalidValue):
    """A name that does not have the form it needs."""


class InvalidEvent(InvalidValue):
    """An event that a function cannot read; `problems` names each wrong field."""

    def __init__(self, problems: str, found: str) -> None:
        LifecycleError.__init__(self, f"the event is not valid: {problems}; found {found}")


class InvalidJson(InvalidValue):
    """A text of somebody else that cannot be read as JSON; `why` and the message have none of its content."""

    def __init__(self, why: str, allowed: str = "JSON of at most 8 MiB and 64 levels") -> None:
        super().__init__("JSON document", why, allowed)
        self.why = why


class Unknown(LifecycleError):
    """A named thing that does not exist.

    `of` is its owner, `known` the names that exist, and `hint` whole sentences. The one
    known name that is close is proposed.
    """

    def __init__(
        self, kind: str, name: str = "", hint: str = "", *, of: str = "", known: Iterable[str] | None = None
    ) -> None:
        what = " ".join(filter(None, (kind, f"'{name}'" if name else "", f"of {of}" if of else "")))
        names = list(known or ())
        close = _close(name, names)
        meant = f"; did you mean '{close}'?" if close else ""
        others = "" if known is None else f"{' K' if close else '; k'}nown: {listed(names) or 'none'}"
        super().__init__(f"{what} not found{meant}{others}" + (f". {hint}" if hint else ""))


def _close(name: str, known: Sequence[str]) -> str:
    """Return the known name that is meant; empty where none is close, or several are, such as host-1 and host-2.

    Of a cluster, such as production/hello, both parts must be close.
    """

    def is_close(each: str) -> bool:
        ours, theirs = name.split("/"), each.split("/")
        pairs = zip(ours, theirs, strict=False)
        return len(ours) == len(theirs) and all(_is_meant(one, other) for one, other in pairs)

    close = [each for each in known if is_close(each)]
    return close[0] if len(close) == 1 else ""


def _is_meant(typed: str, known: str) -> bool:
    """Return whether a name is close to a known one, or its beginning; two that differ in digits only are two."""
    if _NUMBERS.sub("", typed) == _NUMBERS.sub("", known):
        return typed == known
    return bool(get_close_matches(typed, [known], 1, 0.7)) or (len(typed) > 2 and known.startswith(typed))


class LeaseHeld(LifecycleError):
    """A request for a cluster that another deployment holds."""

    def __init__(self, cluster: str, holder: str, since: datetime) -> None:
        super().__init__(
            f"{holder} has been deploying {cluster} since {since:%Y-%m-%d %H:%M:%S} UTC; "
            "wait for its end, answer its pending decision, or roll it back"
        )
        self.holder = holder
        self.since = since


class StaleEpoch(LifecycleError):
    """An action under an epoch older than the cluster's; the deployment must change nothing."""

    def __init__(self, cluster: str, mine: int, current: int) -> None:
        found = f"epoch {mine} of {cluster} is fenced by epoch {current}; nothing was changed"
        lost = f"the lease of {cluster} was deleted or set back to epoch {current}, but this deployment has {mine}"
        super().__init__(found if current >= mine else f"{lost}; `lifecycle converge` takes it again")


class Refused(LifecycleError):
    """A request that is not allowed; every reason is listed."""

    def __init__(self, what: str, reasons: Sequence[str]) -> None:
        super().__init__(f"{what} is refused: " + "; ".join(reasons))
        self.reasons = tuple(reasons)


class DigestMismatch(LifecycleError):
    """Bytes that differ from the published ones."""

    def __init__(self, what: str, expected: str, found: str) -> None:
        super().__init__(
            f"{what} was tampered with or damaged: expected sha256 {expected}, found {found}; "
            "use another version, or restore the earlier object in the versioned bucket"
        )


SIGNATURE = "the signature of"
"""The first words of a SignatureRefused, by which the report of a host shows one."""


class SignatureRefused(LifecycleError):
    """A version that nobody whom the reader trusts has signed for that service and version."""

    def __init__(self, what: str, expected: str, found: str, mend: str) -> None:
        super().__init__(f"{SIGNATURE} {what} is not accepted: expected {expected}, found {found}; {mend}")


class UnsafeArchive(LifecycleError):
    """An artifact that would write outside its folder, make a special file, or unpack to too much."""

    def __init__(self, member: str, why: str) -> None:
        super().__init__(f"artifact refused: {member!r} {why}; correct the build, and push again")


class StoreRefused(LifecycleError):
    """An answer of a store that cannot be used."""


class ForeignObject(StoreRefused):
    """An object with other bytes where a version's artifact or manifest belongs; `key` is its URL."""

    def __init__(self, key: str, expected: str, found: str) -> None:
        super().__init__(
            f"{key} exists with other bytes: expected sha256 {expected[:12]}, found {found[:12] or 'no digest'}; "
            "a version is written once. Find out who wrote the object. Then delete it and repeat the command, "
            "or raise the version in lifecycle.toml and push"
        )
        self.key = key


class CallFailed(LifecycleError):
    """A call of AWS that failed, or whose answer was lost: then it may have been carried out.

    If it is `temporary`, the same call may succeed later. `code` is AWS's word for the error.
    """

    def __init__(self, message: str, *, service: str, operation: str, code: str, temporary: bool) -> None:
        super().__init__(message)
        self.service = service
        self.operation = operation
        self.code = code
        self.temporary = temporary


class NotAnswered(CallFailed):
    """A temporary failure that ends a task; the state machines retry it by this name, for minutes and with jitter."""

    def __init__(self, error: CallFailed) -> None:
        super().__init__(
            str(error), service=error.service, operation=error.operation, code=error.code, temporary=True
        )


class BuildsFull(LifecycleError):
    """A build service that takes no more builds for now: the quota of the account is used up."""


class ForgeFailed(LifecycleError):
    """A call of a forge that failed: a status was not sent. `problem` is why, as a word.

    `pause_seconds` is the time for which the forge asks for no calls; 0 if it does not ask.
    """

    def __init__(self, problem: str, message: str, pause_seconds: float = 0.0) -> None:
        super().__init__(message)
        self.problem = problem
        self.pause_seconds = pause_seconds


class UnreadableRecord(StoreRefused):
    """A stored record that cannot be read.

    `key` is its place: an SSM parameter, an item's pk and sk, an S3 object or a file. `name` is the last part of it,
    such as the name of a deployment. `mend` is one or more whole sentences. `found` is shortened.
    """

    def __init__(self, key: str, expected: str, found: str, mend: str, name: str = "") -> None:
        super().__init__(f"unreadable: {key}: expected {expected}, found {found}. {mend}")
        self.key = key
        self.name = name


class SomeUnreadable(StoreRefused):
    """A list of records of which some cannot be read; `readable` has the others, in the form of the whole answer."""

    def __init__(self, errors: Sequence[UnreadableRecord], readable: Any) -> None:
        more = f"; and {len(errors) - 1} more" if len(errors) > 1 else ""
        super().__init__(f"{errors[0]}{more}")
        self.errors = tuple(errors)
        self.readable = readable


class ConfigDenied(CallFailed, StoreRefused):
    """A configuration or a secret that IAM or KMS does not let the caller read or write; it names the permission."""
