"""Answers that no emulator gives, put into real clients of botocore: their retries, and their parsers, stay."""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError
from botocore.retries import standard

from apps.local.aws.clients import Clients
from tests.support.aws_limits import strict
from tests.support.json_service import response

_TRIES = 6
# For services in memory, which check no signature.
NOBODY = {"AccessKeyId": "nobody", "SecretAccessKey": "nobody"}


@dataclass(frozen=True, slots=True)
class Fault:
    """An answer of AWS, or none: `code` answers with an error of that status; `more` are fields of its body.

    Without a code, no answer comes back: after the call was carried out, if it is `done`.
    """

    code: str = ""
    status: int = 400
    more: Mapping[str, Any] = field(default_factory=dict)
    done: bool = False


THROTTLED, BROKEN = Fault("ThrottlingException"), Fault("InternalServerError", 500)
UNSENT, LOST = Fault(), Fault(done=True)
DENIED, EXPIRED = Fault("AccessDeniedException"), Fault("ExpiredTokenException")


class FaultyAws(Clients):
    """Clients of the emulator, and of services in memory, that can be given faults; they retry without pauses."""

    def __init__(self, url: str, credentials: Mapping[str, str] = NOBODY) -> None:
        super().__init__(url, credentials, retries={"mode": "standard", "total_max_attempts": _TRIES})
        self._known: dict[str, Any] = {}
        self._plan: Callable[[str], Fault | None] = _no_fault
        self.calls: Counter[str] = Counter()

    def client(self, service: str) -> Any:
        if service not in self._known:
            self.take(service, strict(super().client(service)))
        return self._known[service]

    def take(self, service: str, client: Any) -> None:
        """Give faults to a client that another one made."""
        self._known[service] = client
        client.meta.events.register_first(
            "before-send", lambda request, event_name, **_: self._answer(client, request, event_name)
        )

    @contextmanager
    def once(self, fault: Fault, *operations: str) -> Iterator[None]:
        """Give the fault to the first call of each operation."""
        given: set[str] = set()

        def plan(operation: str) -> Fault | None:
            if operation in given or (operations and operation not in operations):
                return None
            given.add(operation)
            return fault

        with self._planned(plan):
            yield

    @contextmanager
    def always(self, fault: Fault, *operations: str) -> Iterator[None]:
        """Give the fault to every call, or to every call of these operations."""
        with self._planned(lambda operation: fault if not operations or operation in operations else None):
            yield

    @contextmanager
    def _planned(self, plan: Callable[[str], Fault | None]) -> Iterator[None]:
        for client in self._known.values():
            _retry_at_once(client)
        self.calls.clear()
        self._plan = plan
        try:
            yield
        finally:
            self._plan = _no_fault

    def _answer(self, client: Any, request: AWSPreparedRequest, event_name: str) -> Any:
        operation = event_name.rpartition(".")[2]
        self.calls[operation] += 1
        fault = self._plan(operation)
        if fault is None:
            return None
        if fault.code:
            return _error(client, request, fault)
        if fault.done:
            client._endpoint.http_session.send(request)
            raise ReadTimeoutError(endpoint_url=request.url)
        raise ConnectTimeoutError(endpoint_url=request.url)


def _no_fault(operation: str) -> None:
    del operation


def _retry_at_once(client: Any) -> None:
    """Replace a client's retries by new ones without pauses, with a full quota of retries."""
    events, name = client.meta.events, client.meta.service_model.service_id.hyphenize()
    event, unique_id = f"needs-retry.{name}", f"retry-config-{name}"
    events.unregister(event, unique_id=unique_id)
    handler = standard.register_retry_handler(client, _TRIES)
    events.unregister(event, unique_id=unique_id)
    events.register(event, lambda **given: None if handler.needs_retry(**given) is None else 0, unique_id=unique_id)


def _error(client: Any, request: AWSPreparedRequest, fault: Fault) -> Any:
    protocol = client.meta.service_model.resolved_protocol
    words = "as injected"
    if protocol in ("json", "rest-json"):
        body = json.dumps({"__type": fault.code, "message": words, **fault.more})
        return response(request, fault.status, body)
    inner = f"<Code>{fault.code}</Code><Message>{words}</Message>"
    if protocol == "query":
        inner = f"<Error><Type>Sender</Type>{inner}</Error>"
        return response(request, fault.status, f"<ErrorResponse>{inner}</ErrorResponse>", "text/xml")
    return response(request, fault.status, f"<Error>{inner}</Error>", "application/xml")
