"""The ELBv2 endpoint: it forwards every call to the emulator, and completes the answers that need the balancer.

An answer of the emulator other than 200 is returned unchanged, and changes nothing here.
"""

import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from apps.local.aws import proxied_call
from apps.local.aws.proxy import Forward, failure
from apps.local.dispatcher import query_protocol
from apps.local.dispatcher.balancer import Balancer
from apps.local.dispatcher.elbv2 import Listener
from apps.local.dispatcher.envoy_configuration import FixedResponse
from apps.local.dispatcher.target_groups import Group, Tally
from apps.local.dispatcher.targets import Address
from apps.local.http_server import Request, Response

STATE_PATH = "/_lifecycle/state"
_TARGETS = ("RegisterTargets", "DeregisterTargets")
_LISTENERS = ("CreateListener", "ModifyListener")
_CHANGES = ("Create", "Delete", "Modify", "Set")


class Endpoint:
    """Answers calls for one balancer."""

    def __init__(self, balancer: Balancer, emulator: str) -> None:
        self._balancer, self._emulator = balancer, emulator

    def answer(self, request: Request, forward: Forward) -> Response:
        if request.method == "GET" and request.path == STATE_PATH:
            body = json.dumps(self.state(), indent=1).encode()
            return Response(200, body, (("Content-Type", "application/json"),))
        if problem := proxied_call.refusal(request, "elasticloadbalancing"):
            return failure(request, 403, "AccessDenied", problem)
        given = query_protocol.parameters(request)
        action = given.get("Action", "")
        if action in _TARGETS:
            return self._change_targets(action, given, request, forward)
        if action in _LISTENERS:
            return self._change_listener(action, given, request, forward)
        answer = forward(request)
        return self._complete(action, given, request, answer) if answer.status == 200 else answer

    def _complete(
        self, action: str, given: query_protocol.Parameters, request: Request, answer: Response
    ) -> Response:
        if action == "DescribeTargetHealth":
            return self._target_health(given, request)
        if action == "DescribeListeners":
            return query_protocol.with_weights(answer, self._balancer.weights())
        if action.startswith(_CHANGES):
            self._balancer.request_sync()
        return answer

    def _change_targets(
        self, action: str, given: query_protocol.Parameters, request: Request, forward: Forward
    ) -> Response:
        arn = given.get("TargetGroupArn", "")
        with self._balancer.mutation():
            answer = forward(request)
            if not query_protocol.answers(action, answer) or (group := self._balancer.group(arn)) is None:
                return answer
            addresses = query_protocol.targets(given, group.settings.port)
            if action == "RegisterTargets":
                self._balancer.register(arn, addresses)
            else:
                self._balancer.deregister(arn, addresses)
        return answer

    def _change_listener(
        self, action: str, given: query_protocol.Parameters, request: Request, forward: Forward
    ) -> Response:
        with self._balancer.mutation():
            answer = forward(request)
            found = re.search(rb"<ListenerArn>([^<]+)</ListenerArn>", answer.body)
            if not query_protocol.answers(action, answer) or found is None:
                return answer
            if any(name.startswith("DefaultActions.") for name in given):
                self._balancer.set_weights(found[1].decode(), query_protocol.weights(given))
        self._balancer.synchronise()
        return query_protocol.with_weights(answer, self._balancer.weights())

    def _target_health(self, given: query_protocol.Parameters, request: Request) -> Response:
        arn = given.get("TargetGroupArn", "")
        group = self._balancer.group(arn)
        if group is None:
            return failure(request, 503, "ServiceUnavailable", f"target group {arn} is not known yet")
        addresses = query_protocol.targets(given, group.settings.port)
        return query_protocol.target_health(
            self._balancer.explained_health(arn, addresses), group.settings.check.port
        )

    def state(self) -> dict[str, Any]:
        """Return the whole state as JSON, for the command line and for tests."""
        balancer = self._balancer
        described = {arn: balancer.health(arn, ()) for arn in list(balancer.groups)}
        with balancer.lock:
            return {
                "envoy": {"pid": balancer.envoy.pid, "restarts": balancer.envoy.restarts}
                | {"admin": str(Path(balancer.envoy.admin).resolve())},
                "emulator": {"url": self._emulator, "reachable": balancer.read_at > 0},
                "load_balancers": [
                    asdict(each)
                    | {
                        "listeners": [
                            self._listener(o) for o in balancer.elbv2.listeners if o.load_balancer == each.arn
                        ]
                    }
                    for each in balancer.elbv2.load_balancers
                ],
                "target_groups": [
                    self._group(group, described.get(arn, [])) for arn, group in balancer.groups.items()
                ],
                "problems": sorted(balancer.problems.values()),
            }

    def _listener(self, listener: Listener) -> dict[str, Any]:
        fixed = isinstance(listener.action, FixedResponse)
        return {
            "arn": listener.arn,
            "port": listener.port,
            "url": f"http://{self._balancer.files.address}:{listener.port}",
            "forward": [] if fixed else [asdict(part) for part in listener.action],  # type: ignore[union-attr]
            "problem": self._balancer.problems.get(listener.arn, ""),
        }

    def _group(self, group: Group, described: list[tuple[Address, Any]]) -> dict[str, Any]:
        settings = group.settings
        targets = []
        for address, health in described:
            tally = group.tallies.get(address, Tally())
            requests, failed = tally.requests
            targets.append(
                {"id": address.ip, "port": address.port, **health._asdict(), "active": tally.host.active}
                | {"requests": requests, "failed": failed}
            )
        return {
            "arn": settings.arn,
            "name": settings.name,
            "cluster": settings.cluster,
            "used": self._balancer.used(settings.arn),
            "deregistration_delay": settings.delay,
            "fails_open": bool(group.open),
            "targets": targets,
        }
