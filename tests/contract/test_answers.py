"""Answers of AWS that no emulator gives, at every call of every gateway; docs/reliability.md has them as a table."""

import inspect
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path

import pytest

from apps.local.aws.clients import Aws
from lifecycle.domain.errors import CallFailed
from lifecycle.gateways.aws.dispatcher import AlbDispatcher
from lifecycle.gateways.aws.errors import SERVICES
from lifecycle.gateways.aws.metrics import CloudWatchMetrics
from tests.contract.build_service import BuildService
from tests.contract.calls import CALLS, WITHOUT_CALLS
from tests.contract.conftest import Gateways, with_test_bed
from tests.contract.repository_service import RepositoryService
from tests.support.aws_faults import BROKEN, DENIED, EXPIRED, LOST, THROTTLED, UNSENT, Fault, FaultyAws

pytestmark = pytest.mark.emulator

_NUMBERS = itertools.count(1)
ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "layers" / "core" / "python" / "lifecycle" / "gateways" / "aws"
NAMES = sorted(CALLS)
NO_GATEWAYS = ("LazyClient", "SystemClock", "Table")
# These need the stack of a cluster, so that all their tests share one; others have a service of their own.
OF_A_STACK = ("AlbDispatcher", "CloudWatchMetrics")
PASSING = {"throttled": THROTTLED, "5xx": BROKEN, "not reached": UNSENT, "answer lost": LOST}
LASTING = {"throttled": THROTTLED, "5xx": BROKEN, "not reached": UNSENT, "expired": EXPIRED, "denied": DENIED}


def methods() -> Iterator[str]:
    """Yield every public method of every gateway."""
    for path in sorted(FOLDER.glob("*.py")):
        module = import_module(f"lifecycle.gateways.aws.{path.stem}")
        for name, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and name not in NO_GATEWAYS and name[0] != "_":
                found = inspect.getmembers(kind, inspect.isfunction)
                yield from (f"{name}.{method}" for method, _ in found if not method.startswith("_"))


@pytest.fixture(scope="module")
def faulty(emulator: Aws) -> FaultyAws:
    return FaultyAws(emulator.client("sts").meta.endpoint_url, emulator.credentials)


@pytest.fixture(scope="module")
def builds(faulty: FaultyAws) -> BuildService:
    service = BuildService()
    faulty.take("codebuild", service.codebuild)
    faulty.take("logs", service.logs)
    return service


@dataclass
class Stacks:
    """Gateways of services that no other test uses, and the results of calls that got no fault."""

    faulty: FaultyAws
    builds: BuildService
    shared: Gateways
    expected: dict[str, str] = field(default_factory=dict)

    def fresh(self, name: str) -> Gateways:
        if name.startswith(OF_A_STACK):
            elbv2, ssm, cloudwatch = (self.faulty.client(each) for each in ("elbv2", "ssm", "cloudwatch"))
            return replace(
                self.shared, dispatcher=AlbDispatcher(elbv2, ssm), metrics=CloudWatchMetrics(cloudwatch, ssm)
            )
        return replace(self.shared, service=f"answers-{next(_NUMBERS)}")

    def result(self, name: str) -> str:
        if name not in self.expected:
            gateways = self.fresh(name)
            self.expected[name] = plain(gateways, CALLS[name](gateways)())
        return self.expected[name]


@pytest.fixture(scope="module")
def stacks(faulty: FaultyAws, builds: BuildService) -> Stacks:
    repositories = RepositoryService()
    faulty.take("codecommit", repositories.codecommit)
    return Stacks(faulty, builds, with_test_bed(faulty, builds, repositories))


def plain(gateways: Gateways, result: object) -> str:
    return str(result).replace(gateways.service, "SERVICE")


def test_every_method_of_every_gateway_is_called() -> None:
    assert set(methods()) == set(CALLS) | WITHOUT_CALLS


def test_every_method_has_one_row_in_the_table_of_answers() -> None:
    page = (ROOT / "docs" / "reliability.md").read_text()
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    found = sorted(name for row in rows for name in re.findall(r"`(\w+\.\w+)`", row))
    assert found == sorted(methods())


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
@pytest.mark.parametrize("name", NAMES)
def test_a_passing_fault_changes_no_result(name: str, fault: Fault, stacks: Stacks, faulty: FaultyAws) -> None:
    expected, gateways = stacks.result(name), stacks.fresh(name)
    call = CALLS[name](gateways)
    with faulty.once(fault):
        assert plain(gateways, call()) == expected
    assert faulty.calls, "no call was made, so no fault was given"


@pytest.mark.parametrize("fault", LASTING.values(), ids=LASTING)
@pytest.mark.parametrize("name", NAMES)
def test_a_lasting_fault_is_an_error_in_words(name: str, fault: Fault, stacks: Stacks, faulty: FaultyAws) -> None:
    call = CALLS[name](stacks.fresh(name))
    with faulty.always(fault), pytest.raises(CallFailed) as failed:
        call()
    error = failed.value
    assert error.temporary == (fault is not DENIED)
    assert "try again" in str(error) or "permission" in str(error) or "log in" in str(error), str(error)
    if fault.code:
        assert error.code == fault.code
        assert error.service == SERVICES[error.operation]
        assert f"{error.service} {error.operation}" in str(error)
    tries = max(faulty.calls.values())
    assert tries == (1 if fault in (DENIED, EXPIRED) else 6), faulty.calls
