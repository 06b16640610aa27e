"""A run publishes its own service: what its build says about another one is refused in words."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from lifecycle.application.delivery.build import Recorded, deploy_again, record_snapshot
from lifecycle.application.delivery.check_build import checked
from lifecycle.application.delivery.receive_push import Push, payload_of
from lifecycle.domain.delivery.repository import LastBuild
from lifecycle.entrypoints.delivery_events import RecordSnapshot
from lifecycle.gateways.aws.builds import CodeBuildState
from tests.fakes.artifacts import MemoryArtifacts
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.fleet import MemoryFleet
from tests.fakes.requests import MemoryRequests
from tests.fakes.signer import SNAPSHOT_SIGNER
from tests.support.rollout import BUILT, manifest

COMMIT = "a" * 40
REPOSITORY = "https://example.test/shop.git"
WHOLE = Push(REPOSITORY, "shop", COMMIT, "main", "ada", "1")
SNAPSHOT = "1.0.1-20261123110000-aaaaaaa"
WHOLE_RUN, API_RUN = f"shop-{COMMIT}", f"api--{COMMIT}"


@dataclass
class Shop:
    """A repository with the services `api` and `web`, each in a folder of its name below `services`."""

    catalogue: MemoryCatalogue = field(default_factory=MemoryCatalogue)
    artifacts: MemoryArtifacts = field(default_factory=MemoryArtifacts)
    requests: MemoryRequests = field(default_factory=MemoryRequests)

    def publish(self, run: str, service: str, says: str, **changes: Any) -> Recorded:
        """Let a build end that uploads `service`, and says that it comes from the folder `says`, if any."""
        body, upload = f"{service} by {run}".encode(), f"incoming/AROA:{run}"
        made = manifest(SNAPSHOT, service=service, digest=hashlib.sha256(body).hexdigest(), size=len(body))
        self.artifacts.upload(upload, made, body)
        exported = {"LIFECYCLE_SERVICE": service, "LIFECYCLE_VERSION": SNAPSHOT, "LIFECYCLE_UPLOAD": upload}
        if says:
            exported["LIFECYCLE_DETAILS"] = json.dumps({"folder": says, "source": "0" * 16})
        found = checked(CodeBuildState("SUCCEEDED", exported=exported))
        given = {"build": "b", "service": found.service, "version": found.version, "upload": found.upload}
        sources = {"folder": found.sources.folder, "source": found.sources.source}
        push = replace(WHOLE, **{"folder": "services/api" if run.startswith("api-") else "", **changes})
        event = RecordSnapshot.model_validate({**payload_of(push), "execution": run, **given, "sources": sources})
        stores = self.catalogue, self.artifacts
        return record_snapshot(
            *stores, SNAPSHOT_SIGNER, self.requests, MemoryAuditLog(), MemoryFleet(), event.finished(), BUILT
        )

    def recorded(self) -> dict[str, LastBuild]:
        return self.catalogue.change_builds(REPOSITORY, lambda builds: builds).services


@pytest.mark.parametrize("says", ["services/web", "services/api", ""])
@pytest.mark.parametrize("run", [API_RUN, f"{API_RUN}_2", f"api--2-{COMMIT}"])
def test_build_of_one_service_publishes_no_other_one(run: str, says: str) -> None:
    shop = Shop()
    found = shop.publish(run, "web", says)
    assert (found.kind, "expected the build to publish" in found.reason) == ("REFUSED", True)
    assert "remove what changes LIFECYCLE_SERVICE" in found.reason
    assert (shop.artifacts.stored("web"), shop.recorded(), shop.catalogue.owner("web")) == ([], {}, None)


@pytest.mark.parametrize("says", ["services/web", "services", ""])
def test_build_of_one_service_publishes_it_from_no_other_folder(says: str) -> None:
    shop = Shop()
    assert shop.publish(API_RUN, "api", says).kind == "REFUSED"
    assert shop.recorded() == {}


@pytest.mark.parametrize("run", [API_RUN, f"{API_RUN}_2", f"api--3-{COMMIT}_2", f"{WHOLE_RUN}_2", ""])
def test_build_of_one_service_publishes_it(run: str) -> None:
    """A repeated run of the whole push may be for one service; before an update, a run did not say its name."""
    shop = Shop()
    assert shop.publish(run, "api", "services/api", folder="services/api").kind == "RECORDED"
    assert list(shop.recorded()) == ["api"]


def test_service_that_was_moved_to_another_folder_is_published() -> None:
    shop = Shop()
    shop.publish(WHOLE_RUN, "web", "services/web")
    again = Shop(MemoryCatalogue())
    again.catalogue.change_builds(REPOSITORY, lambda _: shop.catalogue.change_builds(REPOSITORY, lambda b: b))
    assert again.publish(f"{WHOLE_RUN}_2", "web", "apps/web").kind == "RECORDED"


def test_person_who_repeats_a_run_does_not_make_it_publish_another_service() -> None:
    assert Shop().publish(f"{API_RUN}_2", "web", "services/api", again=True).kind == "REFUSED"


def test_run_of_one_service_deploys_no_earlier_snapshot_of_another() -> None:
    shop = Shop()
    shop.publish(WHOLE_RUN, "web", "services/web")
    given = {"build": "", "service": "web", "version": SNAPSHOT, "execution": f"{API_RUN}_2"}
    event = RecordSnapshot.model_validate({**payload_of(replace(WHOLE, folder="services/api")), **given})
    stores = shop.catalogue, shop.artifacts, shop.requests, MemoryAuditLog(), MemoryFleet()
    found = deploy_again(*stores, event.finished(), BUILT)
    assert (found.kind, found.staging) == ("REFUSED", None)
