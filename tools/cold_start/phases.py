"""The memory of each function, and the services that its role lets it call, from the synthesised templates."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from lifecycle import names

Resources = Mapping[str, Mapping[str, Any]]
# Prefixes of IAM's actions that boto3 calls otherwise.
_CLIENTS = {"elasticloadbalancing": "elbv2", "states": "stepfunctions"}
# The runtime writes the log, and a role is passed by its name in another service's call.
_NO_CLIENT = ("logs:CreateLogStream", "logs:PutLogEvents", "iam:PassRole")


@dataclass(frozen=True, slots=True)
class Phase:
    """A function: its memory, and the clients that its first call may make."""

    name: str
    megabytes: int
    clients: tuple[str, ...]


def phases(control_plane: Resources) -> dict[str, Phase]:
    """Return the functions of the control plane's template by name."""
    found = {}
    for each in control_plane.values():
        if each["Type"] != "AWS::Lambda::Function":
            continue
        properties = each["Properties"]
        name = properties["FunctionName"].removeprefix(names.function("")).replace("-", "_")
        role = control_plane[properties["Role"]["Fn::GetAtt"][0]]["Properties"]
        clients = sorted({_client(action) for action in _actions(role) if action not in _NO_CLIENT})
        found[name] = Phase(name, int(properties.get("MemorySize", 128)), tuple(clients))
    return found


def _client(action: str) -> str:
    prefix = action.partition(":")[0]
    return _CLIENTS.get(prefix, prefix)


def _actions(role: Mapping[str, Any]) -> Iterator[str]:
    for policy in role.get("Policies", ()):
        for statement in policy["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            yield from [actions] if isinstance(actions, str) else actions
