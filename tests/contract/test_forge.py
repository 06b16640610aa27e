"""The forge: the same tests on the fake, and on the gateway to a server that has GitHub's documented schema."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from lifecycle.application.ports.forge import Forge
from lifecycle.domain.delivery.forge_status import (
    LONGEST_DESCRIPTION,
    CommitState,
    CommitStatus,
    ForgeDeployment,
    ForgeDeploymentState,
)
from lifecycle.domain.errors import ForgeFailed
from tests.fakes.forge import MemoryForge
from tests.support.github_server import SHOP, a_server, forge_of, serving

COMMIT = "a" * 40
PENDING = CommitStatus("lifecycle/build", CommitState.PENDING, "the build runs")
DEPLOYED = ForgeDeployment("staging", ForgeDeploymentState.IN_PROGRESS, "1.0.0 is being rolled out")


@dataclass
class Shown:
    """A forge, and what a developer sees there."""

    forge: Forge
    statuses: Callable[[], dict[str, str]]
    deployments: Callable[[], list[tuple[str, str, str]]]


@pytest.fixture(params=["memory", "github"])
def shown(request: pytest.FixtureRequest) -> Iterator[Shown]:
    if request.param == "memory":
        forge = MemoryForge()
        yield Shown(forge, lambda: forge.shown(SHOP, COMMIT), forge.listed)
        return
    with serving(a_server()) as server:

        def statuses() -> dict[str, str]:
            found = server.statuses.get((SHOP, COMMIT), [])
            return {each["context"]: f"{each['state']}: {each['description']}" for each in found}

        def deployments() -> list[tuple[str, str, str]]:
            return [
                (each["ref"], each["environment"], server.states.get(number, [{"state": ""}])[-1]["state"])
                for number, each in server.deployments.items()
            ]

        yield Shown(forge_of(server), statuses, deployments)


def test_newest_status_of_a_context_is_shown(shown: Shown) -> None:
    shown.forge.set_status(SHOP, COMMIT, PENDING)
    shown.forge.set_status(SHOP, COMMIT, CommitStatus("lifecycle/build", CommitState.SUCCESS, "made it"))
    shown.forge.set_status(SHOP, COMMIT, CommitStatus("lifecycle/staging", CommitState.ERROR, "refused"))
    assert shown.statuses() == {"lifecycle/build": "success: made it", "lifecycle/staging": "error: refused"}


@pytest.mark.parametrize("state", CommitState)
def test_forge_takes_every_state_of_a_status(shown: Shown, state: CommitState) -> None:
    shown.forge.set_status(SHOP, COMMIT, CommitStatus("lifecycle/build", state, "words", "https://example.test/x"))
    assert shown.statuses() == {"lifecycle/build": f"{state}: words"}


@pytest.mark.parametrize("state", ForgeDeploymentState)
def test_forge_takes_every_state_of_a_deployment(shown: Shown, state: ForgeDeploymentState) -> None:
    shown.forge.set_status(SHOP, COMMIT, PENDING)  # GitHub would wait for it, if the deployment did not say otherwise
    number = shown.forge.create_deployment(SHOP, COMMIT, DEPLOYED)
    assert shown.deployments() == [(COMMIT, "staging", "")]
    shown.forge.set_deployment_state(
        SHOP, number, ForgeDeployment("staging", state, "words", "https://example.test/")
    )
    assert shown.deployments() == [(COMMIT, "staging", str(state))]


def test_description_has_at_most_140_characters(shown: Shown) -> None:
    shown.forge.set_status(
        SHOP, COMMIT, CommitStatus("lifecycle/build", CommitState.PENDING, "ä" * LONGEST_DESCRIPTION)
    )
    with pytest.raises(ForgeFailed) as error:
        shown.forge.set_status(SHOP, COMMIT, CommitStatus("lifecycle/build", CommitState.PENDING, "ä" * 141))
    assert error.value.problem == "refused"


def test_status_of_an_unknown_commit_is_refused(shown: Shown) -> None:
    for call in (
        lambda: shown.forge.set_status(SHOP, "f" * 40, PENDING),
        lambda: shown.forge.create_deployment(SHOP, "f" * 40, DEPLOYED),
    ):
        with pytest.raises(ForgeFailed) as error:
            call()
        assert error.value.problem == "refused"


def test_state_of_an_unknown_deployment_fails(shown: Shown) -> None:
    with pytest.raises(ForgeFailed) as error:
        shown.forge.set_deployment_state(SHOP, 77, DEPLOYED)
    assert error.value.problem == "unknown"


def test_repository_without_a_token_is_not_served(shown: Shown) -> None:
    assert shown.forge.serves("")
    assert shown.forge.serves(SHOP)
    assert not shown.forge.serves("other/shop")
    with pytest.raises(ForgeFailed) as error:
        shown.forge.set_status("other/shop", COMMIT, PENDING)
    assert error.value.problem == "token"
