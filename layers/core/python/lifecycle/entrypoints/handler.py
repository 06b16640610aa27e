"""The frame of every function's handler: parse the event, run the use case, log one line, dump the result.

`task` is for states of a state machine: errors are raised, and the state machine retries or catches them.
`command` is for people: expected errors are returned as {"error": "..."}.
"""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from aws_lambda_powertools.logging import Logger
from pydantic import ValidationError

from lifecycle.domain.errors import CallFailed, InvalidEvent, LifecycleError
from lifecycle.entrypoints.events import Command
from lifecycle.gateways.serialization import to_plain

C = TypeVar("C", bound=Command)
Handler: TypeAlias = Callable[[dict[str, Any], Any], Any]

logger = Logger()


def task(kind: type[C]) -> Callable[[Callable[[C], Any]], Handler]:
    """Return a decorator for a handler that raises its errors."""

    def decorate(run: Callable[[C], Any]) -> Handler:
        def handle(event: dict[str, Any], context: Any) -> Any:
            return _run(kind, run, event, context)

        return handle

    return decorate


def command(kind: type[C]) -> Callable[[Callable[[C], Any]], Handler]:
    """Return a decorator for a handler that returns an expected error as {"error": "..."}."""

    def decorate(run: Callable[[C], Any]) -> Handler:
        def handle(event: dict[str, Any], context: Any) -> Any:
            try:
                return _run(kind, run, event, context)
            except CallFailed:
                raise  # Lambda repeats a scheduled call; a person gets the message of the error
            except LifecycleError as error:
                logger.warning("refused", extra={"reason": str(error)})
                return {"error": str(error)}

        return handle

    return decorate


def _run(kind: type[C], run: Callable[[C], Any], event: dict[str, Any], context: Any) -> Any:
    if event.get("warm"):
        logger.info("warm")
        return {}
    request = parse(kind, event)
    logger.append_keys(request=getattr(context, "aws_request_id", ""), **_log_keys(request))
    result = to_plain(run(request))
    logger.info("done", extra={"result": result})
    return result


def _log_keys(request: Command) -> dict[str, Any]:
    logged = ("deployment", "service", "environment", "host", "attempt", "build")
    return {name: value for name in logged if (value := getattr(request, name, None))}


def parse(kind: type[C], event: dict[str, Any]) -> C:
    """Validate an event; raises InvalidEvent, whose message lists every wrong field."""
    try:
        return kind.model_validate(event)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise InvalidEvent(wrong, str(event)[:200]) from error
