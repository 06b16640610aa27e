"""Domain records to and from plain JSON values: one converter for DynamoDB, S3, SSM and the agent.

Datetimes become ISO 8601 in UTC, enums their values, tuples lists. An unknown key is refused, a missing
one takes the dataclass's default. Keys and values that older versions wrote are read under their new names.
Keys of theirs that have no meaning any more are dropped.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

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
Upgrade: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]

# Keys that differ from the field's name. lifecycle.toml has them too, and agents of other versions read them.
_KEYS: Mapping[type, Mapping[str, str]] = {
    Measure: {"minimum_effect": "matters", "non_inferiority_margin": "excludes"},
}


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
    for kind, upgrade in _UPGRADES.items():
        converter.register_structure_hook(kind, _upgrading(make_dict_structure_fn(kind, converter), upgrade))
    return converter


def _upgrading(structure: Callable[..., Any], upgrade: Upgrade) -> Callable[[Any, Any], Any]:
    """Return a hook that brings a record of version 0.1 to the form of today, and then calls `structure`."""
    return lambda plain, kind: structure(upgrade(plain), kind)


def _renamed(former: str, name: str) -> Upgrade:
    return lambda plain: {name if key == former else key: value for key, value in plain.items()}


def _without(*gone: str) -> Upgrade:
    return lambda plain: {key: value for key, value in plain.items() if key not in gone}


def _question(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the kinds that a question of version 0.1 implies; one may wait for its answer during the update."""
    of_a_host = bool(plain.get("host") and plain.get("evidence"))
    evidence = EvidenceKind.HOST_LOG if of_a_host else EvidenceKind.NONE
    return {"kind": _former_kind(plain), "evidence_kind": evidence, **plain}


def _audit_entry(plain: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the kind to an entry of version 0.1, where only a prefix of the sentence marked an alarm."""
    kind = AuditKind.ALARM if plain.get("what", "").startswith("alarm: ") else AuditKind.ACTION
    return {"kind": kind, **plain}


def _former_kind(plain: Mapping[str, Any]) -> QuestionKind:
    if plain.get("host"):
        return QuestionKind.DECISION
    choices = plain.get("choices", ())
    if Choice.RESUME in choices:
        return QuestionKind.RESUME
    return QuestionKind.ROLLBACK if Choice.ROLL_BACK in choices else QuestionKind.APPROVAL


# Record -> its upgrade from version 0.1. Records live for years: no entry is ever removed. A record that another one
# contains stands before it.
_UPGRADES: Mapping[type, Upgrade] = {
    Request: _renamed("despite", "overrides"),
    Deployment: _renamed("set_aside", "skipped_hosts"),
    MetricResult: _without("mann_whitney_p", "shift"),
    Question: _question,
    AuditEntry: _audit_entry,
}

_CONVERTER = _converter()


def to_plain(record: Any) -> Any:
    """Return a record as values that `json.dumps` accepts."""
    return _CONVERTER.unstructure(record)


def from_plain(kind: type[T], plain: Any) -> T:
    """Return the record of such values; raises StoreRefused, whose message shows the values and the error."""
    try:
        return _CONVERTER.structure(plain, kind)
    except (BaseValidationError, AttributeError, KeyError, TypeError, ValueError) as error:
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
