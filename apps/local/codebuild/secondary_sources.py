"""A project's secondary sources, read from its CloudFormation template.

The emulator's CodeBuild drops them, but its CloudFormation still has the template and the names of the resources.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

_PHYSICAL, _TYPE = "PhysicalResourceId", "AWS::CodeBuild::Project"


class UnresolvedError(Exception):
    """A template's value cannot be resolved here."""


def secondary_sources(cloudformation: Any, project: str, region: str, account: str) -> list[dict[str, str]]:
    """Return the project's SecondarySources in the API's shape; none if no template made the project."""
    for stack in cloudformation.describe_stacks()["Stacks"]:
        if stack["StackStatus"].startswith("DELETE"):
            continue
        name = stack["StackName"]
        resources = cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        for resource in resources:
            if resource["ResourceType"] == _TYPE and resource.get(_PHYSICAL) == project:
                template = _template(cloudformation.get_template(StackName=name)["TemplateBody"])
                declared = template["Resources"][resource["LogicalResourceId"]]["Properties"]
                known = _known(stack, resources, region, account) | _exports(cloudformation)
                return [_source(each, known) for each in declared.get("SecondarySources", [])]
    return []


def _template(body: Any) -> Any:
    if not isinstance(body, str):
        return body
    return json.loads(body) if body.lstrip().startswith("{") else yaml.safe_load(body)


def _known(stack: Mapping[str, Any], resources: Any, region: str, account: str) -> dict[str, str]:
    known = {"AWS::Region": region, "AWS::AccountId": account, "AWS::Partition": "aws"}
    known |= {each["LogicalResourceId"]: each.get(_PHYSICAL, "") for each in resources}
    return known | {
        each["ParameterKey"]: each.get("ResolvedValue") or each.get("ParameterValue", "")
        for each in stack.get("Parameters", [])
    }


def _exports(cloudformation: Any) -> dict[str, str]:
    found = cloudformation.list_exports()["Exports"]
    return {f"export {each['Name']}": each["Value"] for each in found}


def _source(declared: Mapping[str, Any], known: Mapping[str, str]) -> dict[str, str]:
    return {
        "type": resolved(declared["Type"], known),
        "location": resolved(declared.get("Location", ""), known),
        "sourceIdentifier": resolved(declared["SourceIdentifier"], known),
    }


def resolved(value: Any, known: Mapping[str, str]) -> str:
    """Return a string, Ref, Join, Sub or ImportValue as text; raise UnresolvedError for anything else."""
    match value:
        case str():
            return value
        case {"Ref": name} if name in known:
            return known[name]
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(resolved(part, known) for part in parts)
        case {"Fn::Sub": str(text)}:
            return re.sub(r"\$\{([^!}]+)\}", lambda found: resolved({"Ref": found[1]}, known), text)
        case {"Fn::ImportValue": name} if (export := f"export {resolved(name, known)}") in known:
            return known[export]
        case {"Fn::GetAtt": [name, "Arn"]} if name in known:
            return f"arn:aws:s3:::{known[name]}"
    raise UnresolvedError(f"cannot resolve {json.dumps(value)} of a secondary source on a laptop")
