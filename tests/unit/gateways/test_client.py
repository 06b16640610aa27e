"""A lazy client is made once, on first use, and one at a time."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

from lifecycle.gateways.aws.client import LazyClient


def test_a_client_is_made_on_first_use_and_only_once() -> None:
    made: list[str] = []

    def make(name: str) -> SimpleNamespace:
        made.append(name)
        return SimpleNamespace(region="eu-central-1")

    client = LazyClient(make, "s3")
    assert made == []
    assert (client.region, client.region) == ("eu-central-1", "eu-central-1")
    assert made == ["s3"]


def test_clients_of_several_threads_are_made_one_at_a_time() -> None:
    making = threading.Lock()
    overlaps: list[str] = []

    def make(name: str) -> SimpleNamespace:
        if not making.acquire(blocking=False):
            overlaps.append(name)
            return SimpleNamespace(name=name)
        time.sleep(0.01)
        making.release()
        return SimpleNamespace(name=name)

    clients = [LazyClient(make, name) for name in ("s3", "ssm", "sns", "events")]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda client: client.name, clients * 2))
    assert found == ["s3", "ssm", "sns", "events"] * 2
    assert overlaps == []
