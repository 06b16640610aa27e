"""Read synthesised templates: resources by type, and what a role is allowed."""

import json
import re
from collections.abc import Iterator
from typing import Any

_PREFIX = re.compile(r"arn:\$\{AWS::Partition\}:|\$\{AWS::Region\}:\$\{AWS::AccountId\}:")


def resources(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    """Return the properties of every resource of a type, by logical id."""
    return {
        name: found.get("Properties", {})
        for name, found in template["Resources"].items()
        if found["Type"] == f"AWS::{kind}"
    }


def only(template: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the properties of the only resource of a type."""
    (found,) = resources(template, kind).values()
    return found


def rule(template: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the properties of the EventBridge rule of that name."""
    (found,) = (each for each in resources(template, "Events::Rule").values() if each["Name"] == name)
    return found


def statements(properties: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every statement of a role or managed policy."""
    if "PolicyDocument" in properties:
        yield from properties["PolicyDocument"]["Statement"]
    for policy in properties.get("Policies", []):
        yield from policy["PolicyDocument"]["Statement"]


def allowed(properties: dict[str, Any]) -> dict[str, set[str]]:
    """Return the resources of each allowed action, without the parts that all ARNs share."""
    found: dict[str, set[str]] = {}
    for statement in statements(properties):
        for action in listed(statement["Action"]):
            found.setdefault(action, set()).update(text(each) for each in listed(statement["Resource"]))
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str:
    """Return a resource as text, without `Fn::Sub` and the parts that all ARNs share."""
    if isinstance(value, dict):
        value = value["Fn::Sub"] if "Fn::Sub" in value else json.dumps(value, sort_keys=True)
    return _PREFIX.sub("", value)


def role_of(template: dict[str, Any], phase: str) -> dict[str, Any]:
    """Return the role of a phase's Lambda."""
    name = f"lifecycle-{phase.replace('_', '-')}"
    (function,) = (f for f in resources(template, "Lambda::Function").values() if f["FunctionName"] == name)
    found: dict[str, Any] = template["Resources"][function["Role"]["Fn::GetAtt"][0]]["Properties"]
    return found


def keys(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each key by its alias, with its retention."""
    aliases = resources(template, "KMS::Alias").values()
    found = {each["AliasName"]: json.dumps(each["TargetKeyId"]) for each in aliases}
    every = {name: each for name, each in template["Resources"].items() if each["Type"] == "AWS::KMS::Key"}
    return {alias: each for alias, at in found.items() for name, each in every.items() if f'"{name}"' in at}
