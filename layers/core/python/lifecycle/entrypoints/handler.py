"""The frame of every function's handler: parse the event, run the use case, log one line, dump the result.

`task` is for states of a state machine: errors are raised, and the state machine retries or catches them.
`entry` is for its first state, whose input may come from anybody. It answers an event that is not valid, because a
retry would not help, and the emulator gives a state machine no error names.
`command` is for people: expected errors are returned as {"error": "..."}. A command carries a proof of who gives it,
and whatever it says of its author is replaced by what AWS says (gateways/aws/callers.py).
`program` is for AWS's own services, whose events have no proof and no person's name. No person may call it.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from pydantic import ValidationError

from lifecycle.domain.errors import CallFailed, InvalidEvent, LifecycleError, NotAnswered, Refused
from lifecycle.domain.foreign_json import is_deep, object_of, whole_text
from lifecycle.domain.identity import PROGRAMS
from lifecycle.entrypoints import caller
from lifecycle.entrypoints.log import logger
from lifecycle.entrypoints.recordable import Command
from lifecycle.entrypoints.wrong_fields import wrong_fields
from lifecycle.gateways.serialization import to_plain

C = TypeVar("C", bound=Command)
Handler: TypeAlias = Callable[[dict[str, Any], Any], Any]


def task(kind: type[C]) -> Callable[[Callable[[C], Any]], Handler]:
    """Return a decorator for a handler that raises its errors."""

    def decorate(run: Callable[[C], Any]) -> Handler:
        def handle(event: dict[str, Any], context: Any) -> Any:
            return _task(kind, run, event, context)

        return handle

    return decorate


def entry(kind: type[C], refuse: Callable[[Mapping[str, Any], str], Any]) -> Callable[[Callable[[C], Any]], Handler]:
    """Return a decorator for a handler that returns `refuse(event, reason)` for an event that is not valid."""

    def decorate(run: Callable[[C], Any]) -> Handler:
        def handle(event: dict[str, Any], context: Any) -> Any:
            try:
                parse(kind, event)
            except InvalidEvent as error:
                logger.warning("refused", extra={"reason": str(error)})
                return to_plain(refuse(object_of(event), str(error)))
            return _task(kind, run, event, context)

        return handle

    return decorate


def command(kind: type[C], *, for_console: bool = False) -> Callable[[Callable[[C], Any]], Handler]:
    """Return a decorator for a handler that returns an expected error as {"error": "..."}.

    The console's own function may give it where it is `for_console`.
    """

    def decorate(run: Callable[[C], Any]) -> Handler:
        def handle(event: dict[str, Any], context: Any) -> Any:
            event = object_of(event)
            if event.get("warm"):
                return _run(kind, run, event, context)
            who = caller.NOBODY
            try:
                who = caller.of(event, context, for_console=for_console)
                return _run(kind, run, who.signs(kind, event), context)
            except CallFailed:
                raise  # Lambda repeats a scheduled call; a person gets the message of the error
            except LifecycleError as error:
                return _refused(event, context, who, error)

        return handle

    return decorate


def program(kind: type[C]) -> Callable[[Callable[[C], Any]], Handler]:
    """Return a decorator for a handler of events of AWS's services; an expected error is returned, as for people."""

    def decorate(run: Callable[[C], Any]) -> Handler:
        def handle(event: dict[str, Any], context: Any) -> Any:
            try:
                if not (isinstance(event, dict) and event.get("warm")):
                    _check_program(kind, event)
                return _run(kind, run, event, context)
            except CallFailed:
                raise  # Lambda repeats the call
            except LifecycleError as error:
                return _refused(object_of(event), context, caller.NOBODY, error)

        return handle

    return decorate


def _task(kind: type[C], run: Callable[[C], Any], event: dict[str, Any], context: Any) -> Any:
    """Run a task; its error has a name of its own where AWS could not answer for now: it is retried for longer."""
    try:
        return _run(kind, run, event, context)
    except CallFailed as error:
        if not error.temporary:
            raise
        raise NotAnswered(error) from error


def _run(kind: type[C], run: Callable[[C], Any], event: dict[str, Any], context: Any) -> Any:
    if isinstance(event, dict) and event.get("warm"):
        logger.info("warm")
        return {}
    request = parse(kind, event)
    logger.append_keys(request=getattr(context, "aws_request_id", ""), **_log_keys(request))
    result = to_plain(run(request))
    logger.info("done", extra={"result": result})
    return result


def _check_program(kind: type[C], event: dict[str, Any]) -> None:
    """Raise Refused for an event in the name of a person, who has functions that take a proof."""
    found = parse(kind, event).model_dump()
    if (by := found.get("requested_by", PROGRAMS[0])) not in PROGRAMS:
        raise Refused("the command", [f"it is given in the name of {by}, without a proof"])


def _refused(event: dict[str, Any], context: Any, who: caller.Caller, error: LifecycleError) -> dict[str, str]:
    # An error may repeat what it was given.
    why = whole_text(str(error))
    logger.warning("refused", extra={"reason": why, "caller": who.arn})
    caller.record_refusal(event, str(context.function_name), who.name, why)
    return {"error": why}


def _log_keys(request: Command) -> dict[str, Any]:
    logged = ("deployment", "service", "environment", "host", "attempt", "build")
    return {name: value for name in logged if (value := getattr(request, name, None))}


def parse(kind: type[C], event: dict[str, Any]) -> C:
    """Validate an event; raises InvalidEvent, whose message lists every wrong field."""
    try:
        return kind.model_validate(event)
    except ValidationError as error:
        raise InvalidEvent(wrong_fields(error), "too many levels" if is_deep(event) else str(event)[:200]) from error
