"""Phases called by the console's own function, which has not their rights: a signed command each."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from lifecycle.application.ports.phases import Converged, Promoted, Removed
from lifecycle.domain.errors import CallFailed, LifecycleError
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.foreign_json import parse_json
from lifecycle.gateways.aws.callers import signed_payload
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.serialization import Source, from_json
from lifecycle.names import function, function_log

T = TypeVar("T")


@translated
class LambdaPhases:
    """Calls of functions, each with its answer. `sign` proves that the console's own function makes them."""

    def __init__(self, functions: Any, sign: Callable[[str], Mapping[str, str]]) -> None:
        self._functions = functions
        self._sign = sign

    def promote(self, service: str, snapshot: str, by: str) -> Promoted:
        asked = {"service": service, "snapshot": snapshot, "requested_by": by}
        return self._call("promote", asked, Promoted)

    def converge(self, cluster: Cluster, by: str) -> Sequence[Converged]:
        asked = {"service": cluster.service, "environment": cluster.environment, "requested_by": by}
        return self._call("repair", asked, tuple[Converged, ...])

    def remove_host(self, cluster: Cluster, host: str, by: str, why: str) -> Removed:
        asked = {"service": cluster.service, "environment": cluster.environment, "host": host, "by": by, "why": why}
        return self._call("remove_host", asked, Removed)

    def _call(self, phase: str, asked: Mapping[str, str], kind: type[T]) -> T:
        sent = signed_payload(self._sign, function(phase), asked)
        found = self._functions.invoke(FunctionName=function(phase), Payload=sent)
        text = found["Payload"].read() or b"null"
        answer = parse_json(text)
        if found.get("FunctionError"):
            cause = answer.get("errorMessage", answer) if isinstance(answer, dict) else answer
            words = f"the function {function(phase)} failed: {cause}; see its log group {function_log(phase)}"
            raise CallFailed(words, service="Lambda", operation="Invoke", code="Unhandled", temporary=False)
        if isinstance(answer, dict) and set(answer) == {"error"}:
            raise LifecycleError(str(answer["error"]))
        return from_json(kind, text, Source(f"the answer of {function(phase)}", "Deploy the control plane again."))
