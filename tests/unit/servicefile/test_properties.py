"""Any bytes give a ServiceFile or raise InvalidServiceFile, never another error."""

import json
import tomllib

from hypothesis import example, given, settings
from hypothesis import strategies as st

from lifecycle.servicefile import InvalidServiceFile, ServiceFile, parse_service_file
from lifecycle.servicefile.lines import MAXIMUM_DEPTH, locate
from lifecycle.servicefile.metrics import MetricTable
from lifecycle.servicefile.model import BuildTable, ChecksTable, RunTable, SelfTestTable, StagingTable

KEYS = st.sampled_from(
    sorted({"A", "x", *ServiceFile.model_fields, *BuildTable.model_fields, *RunTable.model_fields})
    + sorted({*ChecksTable.model_fields, *SelfTestTable.model_fields, "staging", "production"})
    + sorted({*StagingTable.model_fields, *MetricTable.model_fields})
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS | st.sampled_from(["/x", "1.4.0", "dist"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS | TEXTS, inner, max_size=4),
    max_leaves=12,
)
# fmt: off
FRAGMENTS = st.lists(
    st.sampled_from([
        "[", "]", "[[", "]]", "{", "}", "=", ",", ".", '"', "'", '"""', "'''", "\\", "#", "\n", "\r\n", " ", "\0",
        "name", "run", "1", "1.4", "true", "nan", "2020-01-01", '"x"', "[run]\n", 'command = "x"\n',
    ]),
    max_size=25,
)
# fmt: on


def toml(value: object) -> str:
    """Return a value as inline TOML; strings of JSON are strings of TOML."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {toml(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",\n".join(toml(inner) for inner in value) + "]"
    if value is None:
        return "2020-01-01"
    if isinstance(value, float):
        return repr(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def outcome(data: bytes) -> ServiceFile | InvalidServiceFile:
    try:
        return parse_service_file(data)
    except InvalidServiceFile as error:
        return error


def check(found: ServiceFile | InvalidServiceFile) -> None:
    if isinstance(found, ServiceFile):
        assert found.to_manifest_parts().run.command
        return
    assert found.problems
    assert all(problem.line is None or problem.line >= 1 for problem in found.problems)
    assert str(found).replace("\n", "").isprintable()


@given(st.binary(max_size=200))
def test_any_bytes(data: bytes) -> None:
    check(outcome(data))


@given(FRAGMENTS)
def test_any_fragments_of_toml(fragments: list[str]) -> None:
    check(outcome("".join(fragments).encode()))


@settings(max_examples=200)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
@example({"run": {"command": "x"}, "name": "x", "version": "1.4"})
def test_any_values_for_the_known_keys(document: dict[str, object]) -> None:
    text = "\n".join(f"{key} = {toml(value)}" for key, value in document.items())
    check(outcome(text.encode()))


@settings(max_examples=200)
@given(st.dictionaries(KEYS | TEXTS, VALUES, max_size=6))
def test_every_key_of_valid_toml_is_located(document: dict[str, object]) -> None:
    text = "\n".join(f"{json.dumps(key)} = {toml(value)}" for key, value in document.items())
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    lines = locate(text)

    def check_inside(value: object, place: tuple[str | int, ...]) -> None:
        if len(place) > MAXIMUM_DEPTH:
            return
        assert not place or place in lines
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, part in inner:
            check_inside(part, (*place, key))

    check_inside(parsed, ())
