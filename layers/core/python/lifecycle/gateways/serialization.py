"""Domain records to and from plain JSON values: one converter for DynamoDB, S3, SSM and the agent.

Datetimes become ISO 8601 in UTC, enums their values, tuples lists. An unknown key is refused, a missing
one takes the dataclass's default. Keys and values that older versions wrote are read under their new names.
Keys of theirs that have no meaning any more are dropped.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from cattrs import Converter
from cattrs.errors import BaseValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.strategies import configure_union_passthrough

from lifecycle.domain.analysis.model import Measure, MetricResult
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.rollout.decision import Choice, EvidenceKind, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, Request

T = TypeVar("T")

# Keys that differ from the field's name. lifecycle.toml has them too, and agents of other versions read them.
_KEYS: Mapping[type, Mapping[str, str]] = {
    Measure: {"minimum_effect": "matters", "non_inferiority_margin": "excludes"},
}

# Names in records that were written before version 0.2, with the names of today.
# No entry is ever removed, because records live for years.
_FORMER_KEYS: Mapping[type, Mapping[str, str]] = {
    Request: {"despite": "overrides"},
    Deployment: {"set_aside": "skipped_hosts"},
}
# Keys that records have from versions before 0.2, and that nothing reads any more. No entry is ever removed.
_GONE_KEYS: Mapping[type, frozenset[str]] = {MetricResult: frozenset({"mann_whitney_p", "shift"})}


def _converter() -> Converter:
    converter = Converter(forbid_extra_keys=True)
    converter.register_unstructure_hook(datetime, lambda at: at.astimezone(UTC).isoformat())
    converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    # An amount of hosts is a number or a text such as "25%": JSON tells them apart.
    configure_union_passthrough(int | str, converter)
    for kind, keys in _KEYS.items():
        names: dict[str, Any] = {field: override(rename=key) for field, key in keys.items()}
        converter.register_structure_hook(kind, make_dict_structure_fn(kind, converter, **names))
        converter.register_unstructure_hook(kind, make_dict_unstructure_fn(kind, converter, **names))
    for kind in (*_FORMER_KEYS, *_GONE_KEYS):
        converter.register_structure_hook(kind, _reading(kind, make_dict_structure_fn(kind, converter)))
    for kind, complete in _COMPLETED.items():
        converter.register_structure_hook(kind, _completing(make_dict_structure_fn(kind, converter), complete))
    return converter


def _completing(
    structure: Callable[..., Any], complete: Callable[[Any], Mapping[str, Any]]
) -> Callable[[Any, Any], Any]:
    """Return a hook that adds the fields that a record of version 0.1 did not have, and then calls `structure`."""

    def read(plain: Any, kind: Any) -> Any:
        return structure({**complete(plain), **plain}, kind)

    return read


def _of_a_former_question(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a question of version 0.1 implies; one may wait for its answer during the update."""
    of_a_host = bool(plain.get("host") and plain.get("evidence"))
    return {
        "kind": _former_kind(plain),
        "evidence_kind": EvidenceKind.HOST_LOG if of_a_host else EvidenceKind.NONE,
    }


def _of_a_former_audit_entry(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the kind of an entry of version 0.1, where only a prefix of the sentence marked an alarm."""
    return {"kind": AuditKind.ALARM if plain.get("what", "").startswith("alarm: ") else AuditKind.ACTION}


def _former_kind(plain: Mapping[str, Any]) -> QuestionKind:
    if plain.get("host"):
        return QuestionKind.DECISION
    choices = plain.get("choices", ())
    if Choice.RESUME in choices:
        return QuestionKind.RESUME
    return QuestionKind.ROLLBACK if Choice.ROLL_BACK in choices else QuestionKind.APPROVAL


def _reading(kind: type, structure: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """Return a hook that renames former keys, drops gone ones, and then calls `structure`."""
    former, gone = _FORMER_KEYS.get(kind, {}), _GONE_KEYS.get(kind, frozenset())

    def read(plain: Any, kind: Any) -> Any:
        return structure({former.get(key, key): value for key, value in plain.items() if key not in gone}, kind)

    return read


# What records of version 0.1 lack -> how it is derived from what they have.
_COMPLETED: Mapping[type, Callable[[Any], Mapping[str, Any]]] = {
    Question: _of_a_former_question,
    AuditEntry: _of_a_former_audit_entry,
}

_CONVERTER = _converter()


def to_plain(record: Any) -> Any:
    """Return a record as values that `json.dumps` accepts."""
    return _CONVERTER.unstructure(record)


def from_plain(kind: type[T], plain: Any) -> T:
    """Return the record of such values; raises StoreRefused, whose message shows the values and the error."""
    try:
        return _CONVERTER.structure(plain, kind)
    except (BaseValidationError, KeyError, TypeError, ValueError) as error:
        raise StoreRefused(f"expected a {kind.__name__}, found {plain!r:.300} ({error!r:.300})") from error


def to_json(record: Any) -> str:
    """Return a record as JSON with sorted keys."""
    return json.dumps(to_plain(record), sort_keys=True)


def from_json(kind: type[T], text: str | bytes) -> T:
    """Return the record of a JSON text; raises StoreRefused."""
    try:
        return from_plain(kind, json.loads(text))
    except json.JSONDecodeError as error:
        raise StoreRefused(f"expected JSON of a {kind.__name__}: {error}") from error
