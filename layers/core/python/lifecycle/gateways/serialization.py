"""Domain records to and from plain JSON values: one converter for DynamoDB, S3, SSM and the agent.

Datetimes become ISO 8601 in UTC, enums their values, tuples lists. Every reader names the place of its record, so
that an error says where it is and how to mend it. Nothing is written that could not be read again. Values are never
converted: a number is no text. An unknown key is ignored, and a missing one takes the dataclass's default; ADR 17
says which versions read each other. Keys and values that version 1 wrote are read under their new names. Keys of it
that have no meaning any more are dropped.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias, TypeVar, get_args, get_origin

from cattrs import Converter, transform_error
from cattrs.errors import BaseValidationError
from cattrs.gen import make_dict_structure_fn, make_dict_unstructure_fn, override
from cattrs.strategies import configure_union_passthrough

from lifecycle.domain.analysis.model import Measure, MetricResult
from lifecycle.domain.errors import InvalidJson, InvalidValue, UnreadableRecord
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.epoch import LARGEST_EPOCH, Epoch, is_epoch
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.foreign_json import LARGEST_NUMBER, parse_json, unrecordable
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.record_time import FIRST_YEAR, LAST_YEAR, is_storable, storable
from lifecycle.domain.rollout.decision import Choice, EvidenceKind, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, Request
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.manifest import Manifest, Run
from lifecycle.domain.service.target import Target

T = TypeVar("T")
Upgrade: TypeAlias = Callable[[Mapping[str, Any]], Mapping[str, Any]]
Structure: TypeAlias = Callable[[Any, Any], Any]

# The version of the records that are written now. An item of the ledger says it in its attribute VERSION_KEY. A
# document (a parameter, an object, a file) may say it in a key of that name now: readers of version 1 refused an
# unknown key. A record that says nothing is of any version. Version 3 stores `at_epoch` beside a deployment.
RECORD_VERSION = 3
VERSION_KEY = "v"
# A record of the next version is read too: its unknown keys are ignored.
NEWEST_READABLE = RECORD_VERSION + 1
_SHOWN = 120

# Keys that differ from the field's name. lifecycle.toml has them too, and agents of other versions read them.
_KEYS: Mapping[type, Mapping[str, str]] = {
    Measure: {"minimum_effect": "matters", "non_inferiority_margin": "excludes"},
}

# Fields that are not written at their default: a version of before knows none, so its records are as they were.
# A manifest comes last, because it takes over the hooks of the kinds that it holds.
_OPTIONAL: Mapping[type, tuple[str, ...]] = {
    Target: ("config", "manifest"),
    Desired: ("config", "manifest"),
    Request: ("config",),
    PendingDeployment: ("planned_by",),
    Turn: ("config", "leaving", "manifest", "bakes", "goes_back"),
    Run: ("http", "needs"),
    Manifest: ("config", "environments", "processes", "schedules", "tests", "supersede"),
}

# Keys that every version wrote, although their fields have defaults; without them, a lease would be free.
_REQUIRED: Mapping[type, frozenset[str]] = {Lease: frozenset({"epoch", "deployment"})}


# Digits of a number that may be above LARGEST_NUMBER.
_LARGE = re.compile(r"[\[ ]-?[0-9]{16}")

_PLAIN: Mapping[type, tuple[type, ...]] = {bool: (bool,), int: (int,), float: (int, float)}


@dataclass(frozen=True, slots=True)
class Source:
    """The place of a record, whole sentences that say how to mend it, and the last part of its place."""

    key: str
    mend: str
    name: str = ""

    def unreadable(self, expected: str, found: str, mend: str = "") -> UnreadableRecord:
        """Return the error about the record of this place."""
        return UnreadableRecord(self.key, expected, found, mend or self.mend, self.name)


def _converter() -> Converter:
    converter = Converter()
    converter.register_unstructure_hook(datetime, lambda at: storable(at).isoformat())
    converter.register_structure_hook(datetime, _time)
    for kind, allowed in _PLAIN.items():
        converter.register_structure_hook(kind, _exactly(kind, allowed))
    converter.register_structure_hook_func(lambda kind: kind == Epoch, _epoch(converter.get_structure_hook(int)))
    converter.register_structure_hook(str, _text)
    # The nearest class counts, and a StrEnum is a str, too.
    converter.register_structure_hook(StrEnum, lambda plain, kind: kind(plain))
    # An amount of hosts is a number or a text such as "25%": JSON tells them apart.
    configure_union_passthrough(int | str, converter)
    converter.register_structure_hook_factory(is_dataclass, lambda kind: _record_hook(converter, kind))
    converter.register_structure_hook_factory(_is_tuple, lambda kind: _tuple_hook(converter, kind))
    # Eight fields are stored beside the report (record_kinds.py).
    names = ("ended", "skew", "release_ended", "moves_to", "features", "manifest", "newest", "commands")
    apart = {name: override(omit=True) for name in names}
    hosts = make_dict_unstructure_fn(HostReport, converter, **{**_optional("leftover", "config"), **apart})
    converter.register_unstructure_hook(HostReport, hosts)
    for kind, keys in _KEYS.items():
        converter.register_unstructure_hook(kind, make_dict_unstructure_fn(kind, converter, **_renames(keys)))
    for kind, fields_ in _OPTIONAL.items():
        converter.register_unstructure_hook(kind, make_dict_unstructure_fn(kind, converter, **_optional(*fields_)))
    return converter


def _optional(*names: str) -> Any:
    return {name: override(omit_if_default=True) for name in names}


def _renames(keys: Mapping[str, str]) -> Any:
    return {field: override(rename=key) for field, key in keys.items()}


def _exactly(kind: type, allowed: tuple[type, ...]) -> Structure:
    """Return a hook that takes values of this type only: `bool("false")` would be True."""

    def structure(plain: Any, _: Any) -> Any:
        if not isinstance(plain, allowed) or (isinstance(plain, bool) and kind is not bool):
            raise TypeError(f"expected {kind.__name__}, found {plain!r:.40}")
        if isinstance(plain, int) and abs(plain) > LARGEST_NUMBER:
            raise ValueError(f"expected a number up to {LARGEST_NUMBER}, found {plain!r:.40}")
        return kind(plain)

    return structure


def _epoch(number: Structure) -> Structure:
    """Return a hook that takes the numbers only that a deployment may have as its epoch."""

    def structure(plain: Any, _: Any) -> Any:
        if not is_epoch(found := number(plain, int)):
            raise ValueError(f"expected an epoch from 0 to {LARGEST_EPOCH}, found {found}")
        return found

    return structure


def _text(plain: Any, _: Any) -> str:
    if not isinstance(plain, str):
        raise TypeError(f"expected str, found {plain!r:.40}")
    if not plain.isascii():
        plain.encode()  # JSON may escape half of a character, which nobody could print or store
    return plain


def _time(plain: Any, _: Any) -> datetime:
    at = datetime.fromisoformat(plain)
    if at.tzinfo is None:
        raise ValueError(f"expected a time with its offset from UTC, found {plain!r:.40}")
    if not is_storable(at):
        raise ValueError(f"expected a year from {FIRST_YEAR} to {LAST_YEAR}, found {plain!r:.40}")
    return at


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple and get_args(kind)[1:] == (Ellipsis,)


def _tuple_hook(converter: Converter, kind: Any) -> Structure:
    element = get_args(kind)[0]
    structure = converter.get_structure_hook(element)

    def structure_tuple(plain: Any, _: Any) -> Any:
        if not isinstance(plain, list):
            raise TypeError(f"expected a list, found {plain!r:.40}")
        return tuple(structure(each, element) for each in plain)

    return structure_tuple


def _record_hook(converter: Converter, kind: Any) -> Structure:
    """Return a hook that brings a record of version 1 to the form of today, and then reads it."""
    structure = make_dict_structure_fn(kind, converter, **_renames(_KEYS.get(kind, {})))
    upgrade, required = _UPGRADES.get(kind), _REQUIRED.get(kind, frozenset())

    def structure_record(plain: Any, _: Any) -> Any:
        if not isinstance(plain, dict):
            raise TypeError(f"expected an object, found {plain!r:.40}")
        current = upgrade(plain) if upgrade else plain
        if missing := required - current.keys():
            raise KeyError(min(missing))
        return structure(current, kind)

    return structure_record


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
    kind = AuditKind.ALARM if str(plain.get("what", "")).startswith("alarm: ") else AuditKind.ACTION
    return {"kind": kind, **plain}


def _former_kind(plain: Mapping[str, Any]) -> QuestionKind:
    if plain.get("host"):
        return QuestionKind.DECISION
    choices = plain.get("choices", ())
    if Choice.RESUME in choices:
        return QuestionKind.RESUME
    return QuestionKind.ROLLBACK if Choice.ROLL_BACK in choices else QuestionKind.APPROVAL


# Record -> its upgrade from version 1, which Lifecycle 0.1 wrote. Records live for years: no entry is ever removed.
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


def to_json(record: Any) -> str:
    """Return a record as JSON with sorted keys; raises InvalidValue for one that `from_json` would not read."""
    plain = to_plain(record)
    text = json.dumps(plain, sort_keys=True)
    # Half a character is written as an escape, and so are characters above U+FFFF, which are rare.
    if ("\\ud" in text or _LARGE.search(text)) and (problem := unrecordable(plain)):
        raise InvalidValue(f"{type(record).__name__} to write", problem, "whole characters, numbers up to 2^53")
    return text


def from_json(kind: type[T], text: str | bytes, source: Source | Callable[[], Source], version: object = None) -> T:
    """Return the record of a JSON text; raises UnreadableRecord.

    `source` may be a function, which is called for an error only. `version` is the one that is written beside the
    text, if any.
    """
    expected = f"a {getattr(kind, '__name__', kind)}"
    try:
        plain = parse_json(text)
    except InvalidJson as error:
        raise _place(source).unreadable(f"JSON of {expected}", f"{text!r:.{_SHOWN}}") from error
    if version is None and isinstance(plain, dict):
        version = plain.get(VERSION_KEY)
    if version is not None:
        _check_version(expected, version, source)
    try:
        _check_first_key(kind, plain)
        return _CONVERTER.structure(plain, kind)
    except (BaseValidationError, AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        found = f"{plain!r:.{_SHOWN}} ({_problems(error):.300})"
        raise _place(source).unreadable(expected, found) from error


def _place(source: Source | Callable[[], Source]) -> Source:
    return source if isinstance(source, Source) else source()


def _check_version(expected: str, version: object, source: Source | Callable[[], Source]) -> None:
    if not isinstance(version, int) or isinstance(version, bool) or version < 1:
        found = f"the record version {version!r:.40}"
        raise _place(source).unreadable(f"{expected} with a record version of 1 or more", found)
    if version > NEWEST_READABLE:
        raise _place(source).unreadable(
            f"{expected} of a record version up to {NEWEST_READABLE}",
            f"version {version}, which a newer Lifecycle wrote",
            "Update what reads it: this command line, this host's agent, or the control plane. Do not delete it.",
        )


def _check_first_key(kind: Any, plain: Any) -> None:
    """Refuse `{}`: every version wrote the first key of a record, even where all its fields have defaults."""
    if is_dataclass(kind) and isinstance(plain, dict) and (first := fields(kind)[0].name) not in plain:
        raise KeyError(first)


def _problems(error: Exception) -> str:
    if not isinstance(error, BaseValidationError):
        return _problem(error)
    return "; ".join(transform_error(error, format_exception=lambda each, _: _problem(each)))


def _problem(error: BaseException) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)
