"""ELBv2's Query protocol: parses the parameters of calls, and writes XML answers. Pure."""

import re
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qsl
from uuid import uuid4
from xml.sax.saxutils import escape  # it parses nothing  # nosec B406

from apps.local.dispatcher.envoy_configuration import WeightedGroup
from apps.local.dispatcher.targets import Address, Health
from apps.local.http_server import Refused, Request, Response

Parameters = Mapping[str, str]
_NAMESPACE = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
_XML = (("Content-Type", "text/xml"),)


def parameters(request: Request) -> Parameters:
    """Return a Query call's parameters, from its body; raise Refused if it names one twice.

    The emulator reads the first of two values, and decides about that one.
    """
    named = parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    given = dict(named)
    if len(given) < len(named):
        raise Refused(400, "expected each parameter once; nothing was done")
    return {name: value for name, value in given.items() if value}


def answers(action: str, answer: Response) -> bool:
    """Return True for the answer to a call of this action that succeeded."""
    return answer.status == 200 and f"<{action}Response".encode() in answer.body


def targets(given: Parameters, default_port: int) -> list[Address]:
    """Return the Targets of a call; a target without a port has the target group's."""
    found = []
    for number in range(1, 1001):
        if not (target := given.get(f"Targets.member.{number}.Id")):
            break
        port = given.get(f"Targets.member.{number}.Port", "")
        found.append(Address(target, int(port) if port.isdigit() else default_port))
    return found


def weights(given: Parameters) -> tuple[WeightedGroup, ...]:
    """Return the weighted target groups of the first forward action that has any."""
    prefix = r"DefaultActions\.member\.\d+\.ForwardConfig\.TargetGroups\.member\."
    found: dict[int, dict[str, str]] = {}
    for name, value in given.items():
        if match := re.fullmatch(prefix + r"(\d+)\.(TargetGroupArn|Weight)", name):
            found.setdefault(int(match[1]), {})[match[2]] = value
    return tuple(
        WeightedGroup(part["TargetGroupArn"], int(part.get("Weight", "1")))
        for _, part in sorted(found.items())
        if "TargetGroupArn" in part
    )


def target_health(described: Sequence[tuple[Address, Health]], check_port: int | None) -> Response:
    """Return the answer to DescribeTargetHealth."""
    members = "".join(_described(address, health, check_port) for address, health in described)
    inner = f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>"
    return Response(200, _envelope("DescribeTargetHealth", inner), _XML)


def _described(address: Address, health: Health, check_port: int | None) -> str:
    reason = f"<Reason>{health.reason}</Reason>" if health.reason else ""
    description = f"<Description>{escape(health.description)}</Description>" if health.description else ""
    return (
        f"<member><Target><Id>{escape(address.ip)}</Id><Port>{address.port}</Port></Target>"
        f"<HealthCheckPort>{check_port or address.port}</HealthCheckPort>"
        f"<TargetHealth><State>{health.state}</State>{reason}{description}</TargetHealth></member>"
    )


def with_weights(answer: Response, listeners: Mapping[str, Sequence[WeightedGroup]]) -> Response:
    """Return a DescribeListeners or ModifyListener answer with the weights that the emulator dropped."""
    text = answer.body.decode()
    for listener, parts in listeners.items():
        groups = "".join(
            f"<member><TargetGroupArn>{part.group}</TargetGroupArn><Weight>{part.weight}</Weight></member>"
            for part in parts
        )
        forward = f"<ForwardConfig><TargetGroups>{groups}</TargetGroups></ForwardConfig>"
        start = text.find(f"<ListenerArn>{listener}</ListenerArn>")
        at = text.find("<Type>forward</Type>", start) if start >= 0 else -1
        if at >= 0:
            text = f"{text[:at]}{forward}{text[at:]}"
    return Response(answer.status, text.encode(), answer.headers)


def _envelope(action: str, inner: str) -> bytes:
    return (
        f'<{action}Response xmlns="{_NAMESPACE}"><{action}Result>{inner}</{action}Result>'
        f"<ResponseMetadata><RequestId>{uuid4()}</RequestId></ResponseMetadata></{action}Response>"
    ).encode()
