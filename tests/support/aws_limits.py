"""The limits that AWS checks and an emulator may not: a client made `strict` refuses what AWS would refuse.

Lengths, patterns, enumerations and ranges come from botocore's own model of each service. What the model does not say
is in `_RULES`, from the services' documentation.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from botocore.exceptions import ClientError
from botocore.model import OperationModel, Shape

_ITEM = 409_600
_EVENTS = 262_144
_NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")


def strict(client: Any) -> Any:
    """Make a client of botocore raise a ValidationException for each call that AWS would refuse; returns it."""
    service = client.meta.service_model.service_id.hyphenize()
    client.meta.events.register(f"provide-client-params.{service}.*", _check, unique_id="aws-limits")
    return client


def _check(params: Mapping[str, Any], model: OperationModel, **_: Any) -> None:
    if wrong := list(problems(model, params)):
        answer: Any = {"Error": {"Code": "ValidationException", "Message": "; ".join(wrong)}}
        raise ClientError(answer, model.name)


def problems(model: OperationModel, params: Mapping[str, Any]) -> Iterator[str]:
    """Yield everything that AWS would refuse in a call's parameters."""
    if model.input_shape is not None:
        yield from _of_shape(model.input_shape, params, model.name)
    if rule := _RULES.get(model.name):
        yield from rule(params)


def _of_shape(shape: Shape, value: Any, where: str) -> Iterator[str]:
    yield from _of_value(shape, value, where)
    if shape.type_name == "structure" and isinstance(value, Mapping):
        for name, member in value.items():
            if name in shape.members:
                yield from _of_shape(shape.members[name], member, f"{where}.{name}")
    elif shape.type_name == "list":
        for number, member in enumerate(value):
            yield from _of_shape(shape.member, member, f"{where}[{number}]")
    elif shape.type_name == "map":
        for name, member in value.items():
            yield from _of_shape(shape.value, member, f"{where}.{name}")


def _of_value(shape: Shape, value: Any, where: str) -> Iterator[str]:
    known = shape.metadata
    size = value if isinstance(value, int | float) else len(value) if hasattr(value, "__len__") else None
    if size is not None and not known.get("min", size) <= size <= known.get("max", size):
        yield f"{where} has {size}, allowed: {known.get('min', 0)} to {known.get('max', 'any')}"
    if isinstance(value, str):
        if "enum" in known and value not in known["enum"]:
            yield f"{where} is {value!r}, allowed: {', '.join(known['enum'])}"
        pattern = known.get("pattern", "")
        if pattern and r"\p" not in pattern and not re.search(f"^(?:{pattern})$", value):
            yield f"{where} is {value!r}, allowed: {pattern}"


def _key(key: Mapping[str, Any]) -> Iterator[str]:
    for name, most in (("pk", 2048), ("sk", 1024)):
        if name in key and not 0 < len(key[name]["S"].encode()) <= most:
            yield f"the key {name} has {len(key[name]['S'])} bytes, allowed: 1 to {most}"


def _item(item: Mapping[str, Any]) -> Iterator[str]:
    yield from _key(item)
    size = sum(len(name) + len(next(iter(value.values())).encode()) for name, value in item.items())
    if size > _ITEM:
        yield f"the item has {size} bytes, allowed: {_ITEM}"


def _keys(params: Mapping[str, Any]) -> Iterator[str]:
    for table in params["RequestItems"].values():
        if len({str(each) for each in table["Keys"]}) < len(table["Keys"]):
            yield "the same key twice"
        for key in table["Keys"]:
            yield from _key(key)


def _transaction(params: Mapping[str, Any]) -> Iterator[str]:
    for each in params["TransactItems"]:
        yield from _item(each["Put"]["Item"])


def _query(params: Mapping[str, Any]) -> Iterator[str]:
    values = params["ExpressionAttributeValues"]
    yield from _key({name.removeprefix(":"): value for name, value in values.items()})
    if not params.get("Limit", 1) >= 1:
        yield "Limit must be at least 1"


def _object(params: Mapping[str, Any]) -> Iterator[str]:
    if len(params["Key"].encode()) > 1024:
        yield "the object's key has more than 1024 bytes"


def _parameter(params: Mapping[str, Any]) -> Iterator[str]:
    version = "" if "Value" in params else r"(:[0-9]+)?"
    if not re.fullmatch(rf"(/[A-Za-z0-9_.-]+)+{version}", params["Name"]) or params["Name"].count("/") > 15:
        yield f"the parameter's name is {params['Name']!r}"
    most = 4096 if params.get("Tier", "Standard") == "Standard" else 8192
    if "Value" in params and not 1 <= len(params["Value"].encode()) <= most:
        yield f"the parameter has more than {most} bytes, or none"
    if "{{" in params.get("Value", ""):
        yield "two opening braces name another parameter"


def _execution(params: Mapping[str, Any]) -> Iterator[str]:
    if not _NAME.fullmatch(params.get("name", "any")):
        yield f"the execution's name is {params['name']!r}"


def _output(params: Mapping[str, Any]) -> Iterator[str]:
    json.loads(params["output"])
    yield from ()


def _targets(params: Mapping[str, Any]) -> Iterator[str]:
    for target in params["Targets"]:
        try:
            ip_address(target["Id"])
        except ValueError:
            yield f"the target {target['Id']!r} is no IP address"


def _listener(params: Mapping[str, Any]) -> Iterator[str]:
    for action in params["DefaultActions"]:
        groups = action["ForwardConfig"]["TargetGroups"]
        if not 1 <= len(groups) <= 5:
            yield "an action has 1 to 5 target groups"
        yield from (f"the weight {each['Weight']}" for each in groups if not 0 <= each["Weight"] <= 999)


def _alarm_names(params: Mapping[str, Any]) -> Iterator[str]:
    if not params.get("AlarmNames", ["any"]):
        yield "no name selects every alarm"


def _metric_data(params: Mapping[str, Any]) -> Iterator[str]:
    queries = params["MetricDataQueries"]
    if not 1 <= len(queries) <= 500:
        yield f"GetMetricData takes 1 to 500 queries, found {len(queries)}"
    if params["StartTime"] >= params["EndTime"]:
        yield "StartTime must be before EndTime"
    for query in queries:
        if not re.fullmatch(r"[a-z][A-Za-z0-9_]*", query["Id"]):
            yield f"the id {query['Id']!r}"
        metric = query["MetricStat"]["Metric"]
        if len(metric["Dimensions"]) > 30 or not 1 <= len(metric["Namespace"]) <= 255:
            yield f"the metric {metric}"


def _events(params: Mapping[str, Any]) -> Iterator[str]:
    size = 0
    for entry in params["Entries"]:
        json.loads(entry["Detail"])
        if not 1 <= len(entry["Source"]) <= 256 or not 1 <= len(entry["DetailType"]) <= 128:
            yield "Source has 1 to 256 characters, DetailType 1 to 128"
        size += 14 + sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))
    if size > _EVENTS:
        yield f"the entries have {size} bytes, allowed: {_EVENTS}"


def _publish(params: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch(r"[A-Za-z0-9!-/:-@\[-`{-~][ -~]{0,99}", params["Subject"]):
        yield f"the subject {params['Subject']!r} has 1 to 100 printable ASCII characters, none of them a newline"
    if not 1 <= len(params["Message"].encode()) <= _EVENTS:
        yield "the message has 1 to 262144 bytes"
    for name, attribute in params.get("MessageAttributes", {}).items():
        if not attribute["StringValue"]:
            yield f"the attribute {name} is empty"


def _build(params: Mapping[str, Any]) -> Iterator[str]:
    if not params.get("idempotencyToken", "any"):
        yield "idempotencyToken is empty"


_Rule = Callable[[Mapping[str, Any]], Iterator[str]]
_RULES: Mapping[str, _Rule] = {
    "GetItem": lambda params: _key(params["Key"]),
    "DeleteItem": lambda params: _key(params["Key"]),
    "PutItem": lambda params: _item(params["Item"]),
    "BatchGetItem": _keys,
    "TransactWriteItems": _transaction,
    "Query": _query,
    "GetObject": _object,
    "HeadObject": _object,
    "PutObject": _object,
    "DeleteObject": _object,
    "GetParameter": _parameter,
    "PutParameter": _parameter,
    "StartExecution": _execution,
    "SendTaskSuccess": _output,
    "RegisterTargets": _targets,
    "DeregisterTargets": _targets,
    "ModifyListener": _listener,
    "DescribeAlarms": _alarm_names,
    "GetMetricData": _metric_data,
    "PutEvents": _events,
    "Publish": _publish,
    "StartBuild": _build,
}
