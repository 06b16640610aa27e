"""Other web services need only a lifecycle.toml: more examples go from `local add` to production."""

import http.client
from contextlib import closing

import pytest

from apps.local.paths import REPOSITORY
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import add_service
from tests.end_to_end.service import Service
from tests.support.polling import PATIENCE_SECONDS

pytestmark = pytest.mark.emulator

OTHERS = REPOSITORY / "examples" / "other"


@pytest.mark.parametrize(
    ("folder", "name", "answer"),
    [("node-clock", "clock", "time"), ("static-site", "site", "Deployed by Lifecycle")],
)
def test_another_service_is_added_pushed_promoted_and_deployed(
    operator: Operator, laptop: Laptop, folder: str, name: str, answer: str
) -> None:
    service = add_service(operator, laptop, OTHERS / folder, 2)
    assert (service.name, len(service.production.hosts)) == (name, 2)
    release = service.promoted(service.staged(service.built(service.push("As it came"))))
    assert service.deploy(release).end["state"] == "DONE"
    assert set(service.installed().values()) == {release}
    assert answer in read(service)


def read(service: Service) -> str:
    with closing(
        http.client.HTTPConnection("127.0.0.1", service.production.listener, timeout=PATIENCE_SECONDS)
    ) as there:
        there.request("GET", "/")
        return there.getresponse().read().decode()
