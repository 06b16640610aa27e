"""A delivery is found again by its name, with the repository and the delivery id of its input."""

from lifecycle.application.delivery.receive_push import Outcome, start_once
from tests.contract.conftest import Gateways

COMMIT = "0123456789" * 4


def payload(owner: str, delivery: str) -> dict[str, str]:
    return {"repository": f"https://example.test/{owner}/shop.git", "delivery": delivery}


def test_started_run_is_found_with_its_repository_and_delivery(gateways: Gateways) -> None:
    name = f"{gateways.service}-{COMMIT}"
    assert gateways.executions.earlier_run(name) is None
    assert gateways.executions.start_delivery(name, payload("acme", "7"))
    found = gateways.executions.earlier_run(name)
    assert found
    assert (found.repository, found.delivery) == ("https://example.test/acme/shop.git", "7")


def test_two_owners_of_a_name_do_not_share_a_run(gateways: Gateways) -> None:
    name = f"{gateways.service}-{COMMIT}"
    runs = [start_once(gateways.executions, name, payload(owner, owner)) for owner in ("acme", "evil")]
    assert runs == [(name, Outcome.STARTED), (f"{name}_2", Outcome.STARTED)]
    again, outcome = start_once(gateways.executions, name, payload("evil", "evil"))
    assert again == f"{name}_2"
    assert outcome is not Outcome.STARTED


def test_run_of_one_folder_does_not_stand_in_the_place_of_the_whole(gateways: Gateways) -> None:
    name, whole = f"{gateways.service}-{COMMIT}", payload("acme", "7")
    assert gateways.executions.start_delivery(name, {**whole, "folder": "services/api"})
    found = gateways.executions.earlier_run(name)
    assert found
    assert found.folder == "services/api"
    assert start_once(gateways.executions, name, whole) == (f"{name}_2", Outcome.STARTED)
