"""The commands against the embedded environment: its IAM, its functions and its stores, with no cluster in it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from apps.cli.doctor.aws import AwsAccount
from apps.cli.doctor.checks import findings
from apps.cli.doctor.facts import Unseen, Wanted
from apps.cli.main import app
from lifecycle.names import Account
from tests.conftest import Laptop

pytestmark = pytest.mark.emulator


@pytest.fixture
def typed(laptop: Laptop) -> Callable[..., Result]:
    """Return a function that runs a command as an operator of that laptop."""
    variables = {**laptop.variables, "LIFECYCLE_AS": "ada", "LIFECYCLE_PROFILE": ""}
    return lambda text: CliRunner().invoke(app, text.split(), env=variables)


def test_status_prints_the_endpoint_and_the_operator(typed: Callable[..., Result], laptop: Laptop) -> None:
    done = typed("status")
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == f"target: laptop ({laptop.layout.home}) as ada"


def test_watch_without_a_push_ends(typed: Callable[..., Result]) -> None:
    found: dict[str, Any] = json.loads(typed("status --json").stdout)
    assert found["runs"] == []


def test_promotion_of_an_unknown_service_is_refused(typed: Callable[..., Result]) -> None:
    done = typed("promote nosuch 1.0.0-20261123100000-aaaaaaa")
    assert done.exit_code == 1
    assert "service 'nosuch' not found" in done.stderr


def test_unknown_cluster_and_unknown_service_have_different_messages(typed: Callable[..., Result]) -> None:
    assert "cluster 'production/nosuch' not found; known: " in typed("plan nosuch 1.0.0").stderr
    assert "service 'nosuch' not found" in typed("hosts nosuch").stderr


def test_converging_a_never_deployed_cluster_does_nothing(typed: Callable[..., Result]) -> None:
    done = typed("converge")
    assert done.exit_code == 0, done.output


def test_unknown_runs_and_deployments_end_the_watch(typed: Callable[..., Result]) -> None:
    assert "run 'nosuch' not found" in typed("watch --run nosuch").stderr
    message = typed("watch nosuch-production-20261123000000-beef").stderr
    assert "service 'nosuch' not found" in message


def test_doctor_looks_at_the_laptop_as_far_as_it_answers(typed: Callable[..., Result]) -> None:
    """Its operator may look at little, and nothing there has to be bootstrapped."""
    done = typed("doctor --json")
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == 0, done.output
    assert {"clock", "stacks", "account"} <= {each["topic"] for each in found["findings"]}
    assert "Traceback" not in done.output


def test_doctor_finds_the_installed_stacks_with_the_rights_of_the_account(laptop: Laptop) -> None:
    account = Account("aws", laptop.facts["region"], laptop.facts["account"])
    facts = AwsAccount(laptop.aws.client, account, "a profile").facts(Wanted())
    assert {each.topic for each in findings(facts, Wanted())} >= {"region", "rights", "bootstrap", "names", "quotas"}
    assert not isinstance(facts.stacks, Unseen)
    assert facts.stacks["lifecycle"].status in {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
    assert not isinstance(facts.taken, Unseen)
    assert facts.taken == ()
