"""Fixtures of the end-to-end tests: one environment, two services, and logs in the report of a failure."""

import contextlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from apps.local.errors import LaptopError
from apps.local.paths import REPOSITORY
from apps.local.processes import log_end, recorded
from apps.local.progress import Progress
from apps.local.services.removal import known_services, remove_service
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator, Output
from tests.end_to_end.service import Service

_BRITTLE = Path(__file__).parent / "brittle"


@dataclass(frozen=True)
class Hello:
    """Releases of examples/hello."""

    first: str
    second: str
    bad: str


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the last commands and the end of every log of the environment to the report of a failed test."""
    report = yield
    laptop = item.funcargs.get("laptop") if isinstance(item, pytest.Function) else None
    if report.failed and isinstance(laptop, Laptop):
        operator = item.funcargs.get("operator") if isinstance(item, pytest.Function) else None
        outputs = operator.outputs[-4:] if isinstance(operator, Operator) else []
        report.sections.append(("typed", "\n".join(map(str, outputs))))
        layout = laptop.layout
        report.sections += [
            (f"the end of {name}.log", end) for name in recorded(layout) if (end := log_end(layout, name, lines=8))
        ]
    return report


@pytest.fixture(scope="module", autouse=True)
def removed_with_its_module(laptop: Laptop) -> Iterator[None]:
    """Remove the services that only this module has: their agents take time, and their clusters inotify instances."""
    before = {"hello", "brittle", *known_services(laptop.layout)}
    yield
    for service in set(known_services(laptop.layout)) - before:
        with contextlib.suppress(LaptopError):  # it is still being deployed
            remove_service(laptop.layout, service, Progress(quiet=True))


@pytest.fixture(scope="session")
def operator(laptop: Laptop) -> Operator:
    return Operator(laptop)


@pytest.fixture(scope="session")
def hello(operator: Operator, laptop: Laptop) -> Service:
    """examples/hello with four hosts in production, added but not yet deployed."""
    return add_service(operator, laptop, REPOSITORY / "examples" / "hello", 4)


@pytest.fixture(scope="session")
def first_push(hello: Service) -> Output:
    """The example, pushed and watched to the end of its automatic staging rollout.

    It has no test bed here; test_test_bed.py is about those.
    """
    hello.change("lifecycle.toml", r"^bake_minutes = \d+", "bake_minutes = 0")
    return hello.operator("watch", "--run", hello.push("As it came"))


@pytest.fixture(scope="session")
def releases(hello: Service, first_push: Output) -> Hello:
    """Three releases, the first of them in production."""
    hello.change("lifecycle.toml", r"^automatic = true", "automatic = false")
    hello.change("lifecycle.toml", r'GREETING = "\w+"', 'GREETING = "Welcome"')
    # Its build ends before the next push, which would supersede it.
    second = hello.built(hello.push("Greet otherwise"))
    hello.change("switches.toml", r"^self_test_fails = false", "self_test_fails = true")
    hello.change("lifecycle.toml", r'^after = "staging"', 'after = "none"')  # it would fail there, too
    bad = hello.built(hello.push("Fail the self-test"))
    first = next(event["version"] for event in first_push.events if event["event"] == "snapshot")
    snapshots = (first, hello.staged(second), bad)
    found = Hello(*(hello.promoted(snapshot) for snapshot in snapshots))
    hello.deploy(found.first)
    return found


@pytest.fixture(scope="session")
def brittle(operator: Operator, laptop: Laptop) -> Service:
    """A service with two hosts in production that fails as its MOOD says."""
    return add_service(operator, laptop, _BRITTLE, 2)


@pytest.fixture(scope="session")
def moods(brittle: Service) -> dict[str, str]:
    """The releases of brittle by their mood or approval gate; only `healthy` was ever in production."""
    runs = {"healthy": brittle.push("Healthy")}
    for mood in ("spare", "tampered with", "starts slowly", "never starts", "dies in its self-test", "dies later"):
        brittle.change("lifecycle.toml", r'MOOD = "[^"]*"', f'MOOD = "{mood}"')
        runs[mood] = brittle.push(mood)
        if mood == "dies in its self-test":  # the last of those that need no time to show
            brittle.change("lifecycle.toml", r"^min_alive_seconds = \d+", "min_alive_seconds = 600")
    brittle.change("lifecycle.toml", r"^min_alive_seconds = \d+", "min_alive_seconds = 0")
    brittle.change("lifecycle.toml", r'MOOD = "[^"]*"', 'MOOD = "healthy"')
    for gate in ("before_first_host", "after_first_host"):
        brittle.change("lifecycle.toml", r'approval = "\w+"', f'approval = "{gate}"')
        runs[gate] = brittle.push(gate)
    found = {what: brittle.promoted(brittle.built(run)) for what, run in runs.items()}
    brittle.deploy(found["healthy"])
    return found


@pytest.fixture
def unsupervised(laptop: Laptop) -> Iterator[None]:
    """Nothing notices a service that ends, as with an agent of before: only a command or the schedule repairs it."""
    mappings = laptop.aws.client("lambda")
    (found,) = mappings.list_event_source_mappings(FunctionName="lifecycle-converge")["EventSourceMappings"]
    mappings.update_event_source_mapping(UUID=found["UUID"], Enabled=False)
    yield
    mappings.update_event_source_mapping(UUID=found["UUID"], Enabled=True)


@pytest.fixture
def brittle_healthy(brittle: Service, moods: dict[str, str]) -> None:
    """Production of brittle, with the healthy release on both hosts."""
    brittle.ensure_version(moods["healthy"])


def add_service(operator: Operator, laptop: Laptop, folder: Path, count: int) -> Service:
    """Add a service with `lifecycle local add`; return it."""
    found = operator("local", "add", str(folder), "--hosts", str(count)).facts
    return Service(operator, laptop, found["service"], Path(found["working_copy"]))
