"""Parts of IAM policies that the emulator does not know, and the roles of Lifecycle need.

embedded.py loads this module in the emulator's own Python, and puts these functions in place of the emulator's.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

_USER = "${aws:userid}"
LEADING_KEYS = "dynamodb:LeadingKeys"
# The members of an entry of TransactWriteItems or BatchWriteItem that have an item or a key.
_ENTRIES = ("Put", "Update", "Delete", "ConditionCheck", "Get", "PutRequest", "DeleteRequest")
_EQUALITY = re.compile(r"([#\w.-]+)\s*=\s*(:\w+)")


def parsed_once(parse: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Keep the statements of a policy's text. Else each call parses all policies of its role, twice."""
    parsed = lru_cache(maxsize=1024)(parse)

    def remembered(document: Any) -> Any:
        return parsed(document) if isinstance(document, str) else parse(document)

    return remembered


def with_variables(first: Callable[..., Any]) -> Callable[..., Any]:
    """Know the policy variable `${aws:userid}` in resources; the emulator knows no variables at all."""

    def matched(context: Any, statements: list[Any], effect: str) -> Any:
        user = str(context.principal_keys.get("aws:userid", ""))
        return first(context, [_for_user(each, user) for each in statements], effect)

    return matched


def _for_user(statement: Any, user: str) -> Any:
    if not any(_USER in each for each in statement.resources):
        return statement
    # A wildcard in a session's name stays a character of it.
    safe = "" if any(each in user for each in "*?") else user
    resources = [each.replace(_USER, safe) for each in statement.resources if safe or _USER not in each]
    return dataclasses.replace(statement, resources=resources)


def with_leading_keys(
    context_of: Callable[[bytes], dict[str, Any]], tables: Mapping[str, Any]
) -> Callable[[bytes], dict[str, Any]]:
    """Know `dynamodb:LeadingKeys`: the partition keys of a call's items, in tables whose hash key `tables` has.

    A transaction has those of all its items. AWS compares each item with the statements of its own action, so a
    transaction over the partitions of two statements is refused here, and allowed there.
    """

    def with_keys(body: bytes) -> dict[str, Any]:
        context = context_of(body)
        try:
            call = json.loads(body or b"{}")
        except ValueError:
            return context
        except RecursionError:  # no policy allows this key
            return context | {LEADING_KEYS: [""]}
        if isinstance(call, dict) and (keys := list(_leading_keys(call, tables))):
            context[LEADING_KEYS] = keys
        return context

    return with_keys


def _leading_keys(call: dict[str, Any], tables: Mapping[str, Any]) -> Iterator[str]:
    """Yield the value of each partition key; an empty one, which no policy allows, where the call does not say it."""
    yield from _keys_of(call, _hash_key(call.get("TableName"), tables))
    for table, asked in _mapping(call.get("RequestItems")).items():
        entries = asked if isinstance(asked, list) else [{"Key": key} for key in _list(_mapping(asked).get("Keys"))]
        for each in entries:
            yield from _keys_of(_entry(each), _hash_key(table, tables))
    for each in _list(call.get("TransactItems")):
        entry = _entry(each)
        yield from _keys_of(entry, _hash_key(entry.get("TableName"), tables))


def _entry(found: Any) -> dict[str, Any]:
    entry = _mapping(found)
    return next((_mapping(entry[name]) for name in _ENTRIES if name in entry), entry)


def _keys_of(call: dict[str, Any], name: str) -> Iterator[str]:
    for member in ("Item", "Key"):
        if member in call:
            yield _text(_mapping(call[member]).get(name))
    if "KeyConditionExpression" in call:
        yield _compared(call, name)
    if "KeyConditions" in call:
        values = _list(_mapping(_mapping(call["KeyConditions"]).get(name)).get("AttributeValueList"))
        yield _text(values[0] if values else None)


def _compared(call: dict[str, Any], name: str) -> str:
    """Return the value that a query compares its partition key with."""
    names, values = _mapping(call.get("ExpressionAttributeNames")), _mapping(call.get("ExpressionAttributeValues"))
    for attribute, value in _EQUALITY.findall(str(call["KeyConditionExpression"])):
        if names.get(attribute, attribute) == name:
            return _text(values.get(value))
    return ""


def _hash_key(table: Any, tables: Mapping[str, Any]) -> str:
    found = tables.get(str(table).rpartition("/")[2]) or {}  # a table may be named by its ARN
    return str(found.get("pk_name", ""))


def _text(value: Any) -> str:
    """Return a key's value: AWS compares numbers and bytes as text, too."""
    return next((str(each) for each in _mapping(value).values()), "")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
