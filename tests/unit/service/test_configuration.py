"""Configurations: the document, its names and limits, and what the records say of changes."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from lifecycle.domain.errors import InvalidName, InvalidValue, StoreRefused
from lifecycle.domain.service.configuration import (
    ADVANCED_BYTES,
    ConfigRevision,
    Configuration,
    SecretRef,
    Value,
    changed_between,
    check_name,
    difference,
    document_of,
    missing,
    parse_document,
    parse_secret,
    size_of,
    unrecorded,
)

ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:lifecycle/production/hello/db-AbCdEf"
PLANTED = "planted-4f6a"


def revision(number: int, names: str, changed: str) -> ConfigRevision:
    at = datetime(2026, 11, 23, 12, number, tzinfo=UTC)
    return ConfigRevision("production/hello", number, tuple(names), tuple(changed), "ada", "", at)


# A is set, then B. Then A is changed, and B removed. At last C and D are set, and D removed.
RECORDED = [
    revision(6, "AC", "D"),
    revision(5, "ACD", "CD"),
    revision(4, "A", "B"),
    revision(3, "AB", "A"),
    revision(2, "AB", "B"),
    revision(1, "A", "A"),
]


@pytest.mark.parametrize("name", ["A", "_", "DATABASE_URL", "a1", "N" * 128, "HOSTNAME", "PORTS", "LIFECYCLE"])
def test_environment_variable_name_is_allowed(name: str) -> None:
    assert check_name(name) == name


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A B", "Ä", "A\n", "N" * 129, "A.B"])
def test_other_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="is not an environment variable name; allowed: a letter or an underscore"):
        check_name(name)


@pytest.mark.parametrize("name", ["HOST", "PORT", "PATH", "LIFECYCLE_HOST", "LIFECYCLE_"])
def test_name_that_lifecycle_sets_is_refused(name: str) -> None:
    with pytest.raises(InvalidName, match="HOST, PORT and LIFECYCLE_"):
        check_name(name)


def test_document_keeps_every_text() -> None:
    values: dict[str, Value] = {
        "A": "",
        "B": '"\\\n\t{{ssm:x}} {{{ ü 😀 }}',
        "C": SecretRef(ARN, "url"),
        "D": SecretRef("db"),
    }
    text = document_of(values)
    assert "{{" not in text
    assert parse_document(text, 3) == Configuration(3, values)
    assert json.loads(text)["D"] == {"secret": "db"}


def test_document_of_the_same_values_is_the_same_text() -> None:
    assert document_of({"A": "1", "B": "2"}) == document_of({"B": "2", "A": "1"})


def test_size_is_said_in_bytes() -> None:
    fits = {"A": "ä" * ((ADVANCED_BYTES - 8) // 2)}
    assert size_of(document_of(fits)) == ADVANCED_BYTES
    with pytest.raises(InvalidValue, match=r"'8193 bytes' is not a configuration that can be stored.*8192 bytes"):
        document_of({"A": fits["A"] + "x"})


@pytest.mark.parametrize("value", ["\0", "a\0b", "\ud800"])
def test_value_that_no_environment_can_have_is_refused_by_its_name(value: str) -> None:
    with pytest.raises(InvalidValue, match="the value of A"):
        document_of({"A": value + PLANTED})


def test_nothing_prints_a_value() -> None:
    made = Configuration(3, {"A": PLANTED})
    assert repr(made) == str(made) == "Configuration(revision=3, names=('A',))"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f'{{"A": "{PLANTED}"', r"no JSON \(line 1, column 21\)"),
        (f'"{PLANTED}"', "JSON of the type str"),
        (f'["{PLANTED}"]', "JSON of the type list"),
        (f'{{"A": "{PLANTED}", "A": "2"}}', "the name A twice"),
        (f'{{"A": ["{PLANTED}"]}}', r"the value of A \(list\)"),
        ('{"A": 3}', r"the value of A \(int\)"),
        (f'{{"A": {{"secret": "db", "other": "{PLANTED}"}}}}', r"the value of A \(dict\)"),
        ('{"A": {"key": "x"}}', r"the value of A \(dict\)"),
        ('{"A": {"secret": "a b"}}', "'a b' is not a secret"),
        ('{"PORT": "1"}', "'PORT' is not a name for a configuration"),
        (f'{{"A": "\\u0000{PLANTED}"}}', "the value of A"),
        ("[" * 100_000, "too many levels"),
    ],
)
def test_document_that_cannot_be_read_is_refused_without_its_values(text: str, found: str) -> None:
    with pytest.raises(StoreRefused, match=f"revision 7 of the configuration cannot be read: .*{found}") as refused:
        parse_document(text, 7)
    assert PLANTED not in str(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("db", SecretRef("db")),
        ("lifecycle/production/hello/db:password", SecretRef("lifecycle/production/hello/db", "password")),
        ("rds!cluster-1", SecretRef("rds!cluster-1")),
        ("db:a:b", SecretRef("db", "a:b")),
        (ARN, SecretRef(ARN)),
        (f"{ARN}:password", SecretRef(ARN, "password")),
    ],
)
def test_secret_is_a_name_or_an_arn_with_an_optional_key(text: str, expected: SecretRef) -> None:
    assert parse_secret(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize("text", ["", ":key", "a b", "arn:aws:s3:::bucket", "arn:aws:secretsmanager:x", "db:\n", "ü"])
def test_other_secret_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="is not a secret; allowed: the name of a secret"):
        parse_secret(text)


def test_difference_has_set_changed_and_removed_names() -> None:
    old: dict[str, Any] = {"A": "1", "B": "1", "C": SecretRef("db"), "D": "1"}
    assert difference(old, {"A": "1", "B": "2", "C": SecretRef("db", "url"), "E": ""}) == ("B", "C", "D", "E")
    assert difference(old, dict(old)) == ()


@pytest.mark.parametrize(
    ("old", "new", "changed"),
    [
        (3, 3, ""),
        (2, 3, "A"),
        (1, 4, "A"),  # B was set and removed in between
        (4, 6, "C"),  # so was D
        (6, 4, "C"),  # a rollback
        (3, 4, "B"),
        (0, 1, "A"),
        (0, 6, "AC"),
        (5, 0, "ACD"),
    ],
)
def test_changed_names_between_two_revisions(old: int, new: int, changed: str) -> None:
    assert changed_between(RECORDED, old, new) == tuple(changed)
    assert unrecorded(RECORDED, old, new) == ()


def test_names_of_the_first_revision_need_no_other_record() -> None:
    assert changed_between([each for each in RECORDED if each.revision == 6], 0, 6) == ("A", "C")


def test_missing_records_are_listed() -> None:
    known = [each for each in RECORDED if each.revision not in (3, 6)]
    assert unrecorded(known, 1, 5) == (3,)
    assert unrecorded(known, 5, 6) == (6,)
    assert unrecorded(known, 0, 6) == (6,)
    assert unrecorded(known, 0, 5) == ()
    assert changed_between(known, 2, 5) == ("B", "C", "D")
    assert len(unrecorded([], 1, 10**9)) == 100


def test_missing_names() -> None:
    assert missing(["B", "A", "C"], ["A"]) == ("B", "C")
    assert missing([], ["A"]) == ()
