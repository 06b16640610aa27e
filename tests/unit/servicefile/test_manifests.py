"""Whatever lifecycle.toml refuses is refused in a manifest, too, which a build writes itself."""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from pydantic import BaseModel

from apps.build.pack import Packed
from apps.build.publish import manifest_of
from apps.build.request import Request
from lifecycle.domain.analysis.model import Better, Measure, Scale
from lifecycle.domain.service.manifest import Check, Manifest, ProcessCommand, ReleaseCommand, Run, Schedule
from lifecycle.domain.service.policy import After, ApprovalGate, Policy
from lifecycle.servicefile import ServiceFile, parse_service_file
from lifecycle.servicefile.manifests import refused_values
from lifecycle.servicefile.model import ManifestParts

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted((ROOT / "examples").rglob("lifecycle.toml"))
_POLICY = """
environment = { LEVEL = "2" }
approval = "after_first_host"
approval_expires_seconds = 3600
approval_by_another = true
decision_expires_seconds = 7200
max_unavailable = 2
min_healthy = "50%"
max_unreachable = 3
frozen = ["Fri 16:00 - Mon 08:00 Europe/Berlin"]
drain_seconds = 30
settle_seconds = 7
alive_seconds = 31
min_alive_seconds = 12
watch_minutes = 5
on_alarm = "roll_back"
bake_minutes = 6
on_fail = "roll_back"
after_bake = "ask"
"""
# Every key of the schema: a new one has to be added here, and then in _declared of servicefile/manifests.py.
EVERY_KEY = f"""
name = "hello"
version = "1.4.0"
paths = ["../shared"]
[build]
commands = ["make"]
unit_tests = ["make unit"]
integration_tests = ["make integration"]
artifact = "dist"
environment = {{ A = "b" }}
cache = ["node_modules"]
cache_key = ["package-lock.json"]
submodules = true
lfs = true
supersede = false
timeout_seconds = 60
[run]
command = "./serve"
http = true
protocol = "http"
port = 8081
environment = {{ GREETING = "Hello" }}
start_seconds = 11
needs = ["python3.13"]
stop_seconds = 12
[processes.worker]
command = "./work"
stop_seconds = 13
[schedules.report]
command = "./report"
cron = "0 3 * * *"
timeout_seconds = 14
[checks]
is_alive = {{ path = "/alive", timeout_seconds = 3, also = ["/health"] }}
self_test = {{ command = "./check", timeout_seconds = 4 }}
metrics = "/metrics"
[config]
required = ["DATABASE_URL"]
optional = ["CACHE_URL"]
[release]
command = "./migrate"
timeout_seconds = 15
[environments.staging]
automatic = true
after = "none"
{_POLICY}
[environments.production]
automatic = false
after = "staging"
{_POLICY}
[[metrics]]
name = "queue"
better = "lower"
compare = "difference"
matters = 5
excludes = 6
unit = "jobs"
"""
# A self-test is a path or a command, so a file has one of them.
NOT_TOGETHER = {"checks.self_test.path"}


def made_of(text: bytes) -> Manifest:
    """Return the manifest that a build writes for a lifecycle.toml."""
    at = datetime(2026, 11, 23, 1, 46, 30, tzinfo=UTC)
    request = Request("https://example.test/hello.git", "ab12cd3" + "0" * 33, "main", at, "lifecycle-build:1")
    packed = Packed(Path("artifact.tar.gz"), digest="d" * 64, size=7, files=1, unpacked=9)
    return manifest_of(parse_service_file(text), request, packed)


FULL = made_of(EVERY_KEY.encode())


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_manifest_of_each_example_is_accepted(path: Path) -> None:
    assert refused_values(made_of(path.read_bytes())) == []


SMALL = 'name = "a"\nversion = "1.0"\n[run]\ncommand = "x"\n'


@pytest.mark.parametrize(
    "text",
    [
        EVERY_KEY,
        SMALL,
        f"{SMALL}[environments.staging]\nautomatic = true",
        f'{SMALL}http = false\n[checks]\nself_test = {{ command = "y" }}',
    ],
)
def test_manifest_of_a_valid_file_is_accepted(text: str) -> None:
    made = made_of(text.encode())
    assert refused_values(made) == []
    assert refused_values(replace(made, version="1.4.1", snapshot=made.version)) == []


def unset(table: type[BaseModel], found: BaseModel, at: str = "") -> Iterator[str]:
    """Yield each key of the schema that a file does not set."""
    for name in table.model_fields:
        place, value = f"{at}{name}", getattr(found, name)
        if name not in found.model_fields_set:
            yield place
        for each in value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else (value,):
            if isinstance(each, BaseModel):
                yield from unset(type(each), each, f"{place}.")


def test_the_file_of_this_module_has_every_key_of_the_schema() -> None:
    assert set(unset(ServiceFile, parse_service_file(EVERY_KEY.encode()))) == NOT_TOGETHER


Put: TypeAlias = Callable[[Any], Manifest]
TEXTS = ("\0", "x\0y", "", "a\u202eb\n" + "x" * 5_000)
NAMES = ("\0", "", "a/../../b", "A=B", "x" * 200)
NUMBERS = (-1, 2**53)


def leaves(value: Any, put: Put, at: str) -> Iterator[tuple[str, Manifest]]:
    """Yield the place of each name, text and number of a manifest, and the manifest with nonsense there.

    `put` returns the manifest with another value in the place of `value`.
    """
    match value:
        case bool() | Enum() | None:
            return
        case str():
            yield from ((f"{at} = {text[:8]!r}", put(text)) for text in TEXTS)
        case int() | float():
            more = (float("nan"), float("inf")) if isinstance(value, float) else ()
            yield from ((f"{at} = {number}", put(number)) for number in (*map(type(value), NUMBERS), *more))
        case dict():
            for key, each in value.items():
                rest = {name: other for name, other in value.items() if name != key}
                yield from ((f"{at} named {name[:10]!r}", put({**rest, name: each})) for name in NAMES)
                yield from leaves(each, partial(_in_mapping, put, value, key), f"{at}.{key}")
        case tuple():
            for number, each in enumerate(value):
                yield from leaves(each, partial(_in_tuple, put, value, number), f"{at}[{number}]")
        case _ if is_dataclass(value):
            for field in fields(value):
                part = getattr(value, field.name)
                yield from leaves(part, partial(_in_record, put, value, field.name), f"{at}.{field.name}")


def _in_mapping(put: Put, value: dict[str, Any], key: str, new: Any) -> Manifest:
    return put({**value, key: new})


def _in_tuple(put: Put, value: tuple[Any, ...], number: int, new: Any) -> Manifest:
    return put((*value[:number], new, *value[number + 1 :]))


def _in_record(put: Put, value: Any, name: str, new: Any) -> Manifest:
    return put(replace(value, **{name: new}))


DECLARED = ("service", "version", "size", "tests", *ManifestParts._fields)
# An empty text is a value of these: a variable may be empty, and a metric need not have a unit.
MAY_BE_EMPTY = ("run.environment.GREETING", ".LEVEL", ".unit")
HOSTILE = {
    place: changed
    for name in DECLARED
    for place, changed in leaves(getattr(FULL, name), partial(_in_record, lambda made: made, FULL, name), name)
    if not place.removesuffix(" = ''").endswith(MAY_BE_EMPTY)
}


def test_every_part_of_a_manifest_is_tried() -> None:
    assert len(HOSTILE) > 200
    tried = {name for name in DECLARED if any(place.startswith(name) for place in HOSTILE)}
    assert tried == set(DECLARED) - {"supersede"}  # true or false


@pytest.mark.parametrize("place", HOSTILE)
def test_nonsense_in_any_place_is_refused(place: str) -> None:
    wrong = refused_values(HOSTILE[place])
    assert wrong
    assert len("; ".join(wrong)) < 4_000


MEASURE = FULL.metrics[0]
WITHOUT_HTTP = replace(
    FULL,
    run=Run("./work", 0, http=False),
    is_alive=Check(timeout_seconds=2),
    self_test=Check(command="./check"),
    metrics=(),
    metrics_path=None,
    policies={},
)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"processes": {f"worker-{n}": ProcessCommand("x") for n in range(9)}}, "processes: expected at most 8"),
        ({"processes": {"run": ProcessCommand("x")}}, "processes.run: expected a name"),
        ({"processes": {"report": ProcessCommand("x")}}, "schedules.report: expected a name that no process has"),
        ({"schedules": {"web": Schedule("x", "* * * * *")}}, "schedules.web: expected a name"),
        ({"run": replace(FULL.run, environment={f"A{n}": "" for n in range(101)})}, "run.environment: expected"),
        ({"run": replace(FULL.run, environment={"HOST": ""})}, "run.environment.HOST: expected another name"),
        ({"run": replace(FULL.run, environment={"DATABASE_URL": ""})}, "config.required[0]: expected a name"),
        ({"run": replace(FULL.run, start_seconds=600), "self_test": Check(path="/x", timeout_seconds=600)}, "run: "),
        ({"release": ReleaseCommand("x", 86_400)}, "release.timeout_seconds: expected"),
        ({"self_test": Check(path="/x", command="x")}, "checks.self_test: expected either path or command"),
        ({"is_alive": Check(command="x")}, "checks.is_alive"),
        ({"is_alive": Check()}, "checks.is_alive"),
        ({"self_test": Check()}, "self_test: expected"),
        ({"metrics_path": None}, "checks.metrics: expected"),
        ({"metrics": (MEASURE, MEASURE)}, "metrics: expected metrics with different names"),
        ({"metrics": (replace(MEASURE, of_requests=True),)}, "metrics: expected what lifecycle.toml can declare"),
        ({"metrics": (Measure("q", Better.LOWER, Scale.RATIO, 0.2, 0.1),)}, "metrics[0]"),
        ({"policies": {"moon": Policy()}}, "environments.moon: unknown"),
        ({"policies": {"production": Policy(automatic=True)}}, "environments.production.automatic: expected"),
        ({"policies": {"staging": Policy(after=After.STAGING)}}, "environments.staging.after: expected"),
        ({"policies": {"staging": Policy(approval=ApprovalGate.AFTER_TEST_BED)}}, "environments.staging.approval: "),
        ({"policies": {"staging": Policy(max_unavailable=0)}}, "environments.staging.max_unavailable: expected"),
        ({"environments": {"moon": {"A": "b"}}}, "environments.moon: unknown"),
        ({"tests": ("x",) * 101}, "build.integration_tests: expected"),
        ({"version": "latest"}, "version: expected"),
    ],
)
def test_rules_of_a_whole_file_hold_for_its_manifest(changes: dict[str, Any], named: str) -> None:
    found = "; ".join(refused_values(replace(FULL, **changes)))
    assert named in found, found


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"run": Run("x", 8080, http=False)}, "run.port"),
        ({"self_test": Check(path="/x")}, "checks.self_test: expected a command"),
        ({"is_alive": Check(path="/x")}, "checks.is_alive"),
        ({"policies": {"production": Policy(bake_minutes=9)}}, "environments.production.bake_minutes"),
    ],
)
def test_rules_of_a_service_without_http_hold_for_its_manifest(changes: dict[str, Any], named: str) -> None:
    assert refused_values(WITHOUT_HTTP) == []
    found = "; ".join(refused_values(replace(WITHOUT_HTTP, **changes)))
    assert named in found, found


def test_manifest_of_before_a_key_existed_is_accepted() -> None:
    older = replace(FULL, policies={"production": Policy()}, environments={}, tests=(), history=None)
    assert refused_values(older) == []
