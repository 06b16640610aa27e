"""Promotions by the function `promote`, whose role alone may sign a release."""

from collections.abc import Callable, Mapping
from typing import Any

from lifecycle.application.ports.promotions import Promoted
from lifecycle.domain.errors import CallFailed, LifecycleError
from lifecycle.domain.foreign_json import parse_json
from lifecycle.gateways.aws.callers import signed_payload
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.serialization import Source, from_json
from lifecycle.names import function, function_log

_PHASE = "promote"


@translated
class LambdaPromotions:
    """Calls of that function, each with its answer. `sign` proves that the console's own function makes them."""

    def __init__(self, functions: Any, sign: Callable[[str], Mapping[str, str]]) -> None:
        self._functions = functions
        self._sign = sign

    def promote(self, service: str, snapshot: str, by: str) -> Promoted:
        asked = {"service": service, "snapshot": snapshot, "requested_by": by}
        sent = signed_payload(self._sign, function(_PHASE), asked)
        found = self._functions.invoke(FunctionName=function(_PHASE), Payload=sent)
        text = found["Payload"].read() or b"null"
        answer = parse_json(text)
        if found.get("FunctionError"):
            cause = answer.get("errorMessage", answer) if isinstance(answer, dict) else answer
            words = f"the function {function(_PHASE)} failed: {cause}; see its log group {function_log(_PHASE)}"
            raise CallFailed(words, service="Lambda", operation="Invoke", code="Unhandled", temporary=False)
        if isinstance(answer, dict) and set(answer) == {"error"}:
            raise LifecycleError(str(answer["error"]))
        return from_json(
            Promoted, text, Source(f"the answer of {function(_PHASE)}", "Deploy the control plane again.")
        )
