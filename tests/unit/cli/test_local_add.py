"""`lifecycle local add` says where the service will be, because no other command of the first deployment does."""

from pathlib import Path

from apps.cli.local import added_lines
from apps.local.services.clusters import Added
from apps.local.services.hosts import LocalCluster


def cluster(environment: str, service: str, port: int) -> LocalCluster:
    address = f"http://127.0.0.1:{port}" if port else ""
    return LocalCluster(service, environment, "stack", port, address, ())


def test_address_of_each_cluster_is_said_before_the_push() -> None:
    web = Added("web", Path("shop"), (cluster("staging", "web", 8082), cluster("production", "web", 8083)))
    worker = Added("worker", Path("shop"), (cluster("production", "worker", 0),))
    assert added_lines([web, worker]) == [
        "staging/web will be served at http://127.0.0.1:8082",
        "production/web will be served at http://127.0.0.1:8083",
        "next: git -C shop push lifecycle HEAD",
    ]


def test_command_that_is_printed_can_be_pasted() -> None:
    (line,) = added_lines([Added("shop", Path("/home/zoë/my shop"), ())])
    assert line == "next: git -C '/home/zoë/my shop' push lifecycle HEAD"
