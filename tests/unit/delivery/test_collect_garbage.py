"""Garbage collection records each deletion first, decides again before each one, and is safe to repeat."""

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.application.delivery.collect_garbage import HISTORY, RECHECKED, Collected, gc
from lifecycle.application.delivery.promote import promote
from lifecycle.domain.delivery.retention import RetentionRules
from lifecycle.domain.errors import InvalidValue, StoreRefused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.service.manifest import Check, Manifest, Run
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState
from tests.fakes.artifacts import MemoryArtifacts
from tests.fakes.context import MemoryContext
from tests.fakes.fleet import MemoryFleet
from tests.fakes.publishing import build
from tests.fakes.signer import SIGNER
from tests.support.ungated import ungated

PRODUCTION, STAGING = Cluster("production", "hello"), Cluster("staging", "hello")
OLD = datetime(2026, 9, 1, tzinfo=UTC)
SNAPSHOTS = [f"1.0.0-202609{n + 1:02}120000-abcdef{n}" for n in range(5)]
KEEP = RetentionRules(snapshots=1, releases=1, age=timedelta(days=7))


class Crash(Exception):
    """A crash of the machine."""


class WatchedArtifacts(MemoryArtifacts):
    """A store that calls `before` with each version about to be deleted, and crashes after the manifest of
    `crash_on`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.before: Callable[[str], None] = lambda _: None
        self.crash_on = ""

    def delete(self, service: str, version: str) -> None:
        self.before(version)
        if version == self.crash_on:
            del self._manifests[self.manifest(service, version).prefix]
            raise Crash
        super().delete(service, version)


def manifest(version: str) -> Manifest:
    body = version.encode()
    return Manifest(
        service="hello",
        version=version,
        commit="a" * 40,
        repository="https://example.test/hello.git",
        branch="main",
        digest=hashlib.sha256(body).hexdigest(),
        size=len(body),
        built_at=OLD,
        builder="build-1",
        run=Run("python3 app.py", 8080),
        is_alive=Check(path="/is_alive"),
        self_test=Check(path="/self_test"),
    )


class Shop:
    """Five old snapshots of hello, the first three of them releases 1.0.0, 1.0.1 and 1.0.2."""

    def __init__(self, fleet: MemoryFleet | None = None) -> None:
        self.artifacts = WatchedArtifacts()
        self.memory = MemoryContext(
            {PRODUCTION: "/", STAGING: "/"}, artifacts=self.artifacts, fleet=fleet or MemoryFleet()
        )
        for snapshot in SNAPSHOTS:
            build(self.artifacts, self.memory.catalogue, manifest(snapshot), snapshot.encode())
        for snapshot in SNAPSHOTS[:3]:
            promote(self.memory.catalogue, self.artifacts, SIGNER, "hello", snapshot, "ada", ungated)
        self.age()

    def age(self) -> None:
        self.artifacts.modified = dict.fromkeys(self.artifacts.modified, OLD)

    def collect(self, *, dry_run: bool = False, keep: RetentionRules = KEEP, **more: int) -> Collected:
        context, catalogue = self.memory.context, self.memory.catalogue
        return gc(context, catalogue, "hello", keep=keep, dry_run=dry_run, by="ada", **more)

    def stored(self) -> set[str]:
        return {each.version for each in self.artifacts.stored("hello")}

    def desire(self, version: str, cluster: Cluster = PRODUCTION) -> None:
        self.memory.registry.set_desired(cluster, Desired(version, "d", 1, "x"))

    def deployed(self, version: str, state: DeploymentState = DeploymentState.DONE, number: int = 0) -> Deployment:
        name = f"hello-production-20261123{number:06}-aaaa"
        request = Request(name, "hello", "production", version, "ada")
        target, now = Target(version, manifest(version).digest), self.memory.clock.now()
        made = Deployment(request, 1, target, None, (), Policy(), now, name, state)
        self.memory.deployments.put(made)
        return made


EVERY = {*SNAPSHOTS, "1.0.0", "1.0.1", "1.0.2"}
LEFT = {SNAPSHOTS[4], "1.0.2"}


@pytest.fixture
def shop() -> Shop:
    return Shop()


def versions(collected: Collected) -> set[str]:
    return {each.version for each in collected.deleted}


def test_dry_run_lists_the_deletions_and_changes_nothing(shop: Shop) -> None:
    collected = shop.collect(dry_run=True)
    assert (versions(collected), shop.stored(), shop.memory.audit_log.entries) == (EVERY - LEFT, EVERY, [])
    assert {each.version for each in collected.retained} == LEFT
    assert collected.dry_run
    assert shop.collect() == replace(collected, dry_run=False)


def test_unused_versions_are_deleted_and_their_size_is_reported(shop: Shop) -> None:
    done = shop.collect()
    assert shop.stored() == LEFT
    assert versions(done) == EVERY - LEFT
    # The releases have the bytes of their snapshots.
    assert done.freed == 6 * len(SNAPSHOTS[0])


def test_a_withdrawn_release_goes_without_its_snapshot_and_is_none_of_the_newest(shop: Shop) -> None:
    gone = Withdrawal("1.0.2", "ada", "by mistake", OLD, WithdrawalState.DONE)
    shop.memory.catalogue.put_withdrawal("hello", None, gone)
    keep = replace(KEEP, snapshots=3)
    done = shop.collect(keep=keep)
    assert shop.stored() == {*SNAPSHOTS[2:], "1.0.1"}
    assert {each.version: each.why for each in done.deleted}["1.0.2"].startswith("withdrawn, ")


def test_second_collection_deletes_nothing(shop: Shop) -> None:
    shop.collect()
    assert shop.collect().deleted == ()
    assert shop.stored() == LEFT


def test_every_cluster_records_a_deletion_before_it_happens(shop: Shop) -> None:
    recorded: dict[str, list[AuditEntry]] = {}
    shop.artifacts.before = lambda version: recorded.update({version: list(shop.memory.audit_log.entries)})
    shop.collect()
    assert list(recorded) == [*SNAPSHOTS[:4], "1.0.0", "1.0.1"]
    for version, entries in recorded.items():
        assert {(e.cluster, e.who) for e in entries if e.what == f"collect {version}"} == {
            ("production/hello", "ada"), ("staging/hello", "ada"),
        }  # fmt: skip


def test_next_run_completes_a_deletion_that_crashed_after_the_manifest(shop: Shop) -> None:
    shop.artifacts.crash_on = SNAPSHOTS[1]
    with pytest.raises(Crash):
        shop.collect()
    assert not shop.artifacts.has_artifact(Target(SNAPSHOTS[1], manifest(SNAPSHOTS[1]).digest), "hello")
    shop.artifacts.crash_on = ""
    done = shop.collect()
    assert {each.version: each.why for each in done.deleted}[SNAPSHOTS[1]].startswith("bytes without a manifest")
    assert shop.stored() == LEFT


def test_next_run_completes_a_crashed_deletion_of_a_release(shop: Shop) -> None:
    shop.artifacts.crash_on = "1.0.0"
    with pytest.raises(Crash):
        shop.collect()
    shop.artifacts.crash_on = ""
    shop.collect()
    assert shop.stored() == LEFT


def moved(shop: Shop, change: str) -> None:
    """Let something begin to need 1.0.1."""
    match change:
        case "desired":
            shop.desire("1.0.1")
        case "desired in staging":
            shop.desire("1.0.1", STAGING)
        case "deploying":
            shop.deployed("1.0.1", DeploymentState.RUNNING)
        case "waiting":
            request = Request("w", "hello", "production", "1.0.1", "ada")
            shop.memory.queue.replace(PRODUCTION, None, PendingDeployment(request, shop.memory.clock.now()))
        case "leased":
            shop.memory.leases.acquire(PRODUCTION, "hello-production-1-new", shop.memory.clock.now())
        case "installed":
            now = shop.memory.clock.now()
            report = HostReport("h1", "127.0.0.1", 8080, "a", now, now, installed="1.0.1")
            shop.memory.fleet.write_report(PRODUCTION, report)


CHANGES = ["desired", "desired in staging", "deploying", "waiting", "leased", "installed"]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("moment", [SNAPSHOTS[0], "1.0.0"])
def test_version_that_is_needed_meanwhile_stays(shop: Shop, change: str, moment: str) -> None:
    shop.artifacts.before = lambda version: moved(shop, change) if version == moment else None
    done = shop.collect()
    assert "1.0.1" in shop.stored()
    assert "1.0.1" in {each.version for each in done.retained}
    assert versions(done) == EVERY - shop.stored()


def test_promotion_that_begins_meanwhile_retains_its_snapshot(shop: Shop) -> None:
    def claim(version: str) -> None:
        if version == SNAPSHOTS[0]:
            shop.memory.catalogue.claim_release("hello", SNAPSHOTS[3], "1.0.3")

    shop.artifacts.before = claim
    shop.collect()
    assert SNAPSHOTS[3] in shop.stored()
    done = promote(shop.memory.catalogue, shop.artifacts, SIGNER, "hello", SNAPSHOTS[3], "ada", ungated)
    assert done.release == "1.0.3"


def test_deleted_release_does_not_count_as_a_running_promotion(shop: Shop) -> None:
    shop.collect()
    with pytest.raises(Unknown):
        promote(shop.memory.catalogue, shop.artifacts, SIGNER, "hello", SNAPSHOTS[0], "ada", ungated)
    assert shop.stored() == LEFT


def test_rollback_target_stays_with_its_bytes(shop: Shop) -> None:
    for number, version in enumerate(["1.0.0", "1.0.1", "1.0.2"]):
        shop.deployed(version, number=number)
    shop.desire("1.0.2")
    shop.collect()
    for version in ("1.0.1", "1.0.2"):
        digest = manifest(SNAPSHOTS[int(version[-1])]).digest
        assert shop.artifacts.has_artifact(Target(version, digest), "hello")
    assert "1.0.0" not in shop.stored()


def test_long_history_with_the_rollback_targets_is_enough(shop: Shop) -> None:
    for number in range(HISTORY + 1):
        verified = {HISTORY - RECHECKED - 2: "1.0.0", HISTORY - RECHECKED - 1: "1.0.1"}.get(number)
        state = DeploymentState.DONE if verified else DeploymentState.ABORTED
        shop.deployed(verified or "1.0.2", state, number=number)
    shop.collect()
    assert shop.stored() == {*LEFT, "1.0.0", "1.0.1"}


def test_history_too_long_to_read_retains_everything(shop: Shop) -> None:
    for number in range(HISTORY + 1):
        shop.deployed("1.0.2", DeploymentState.ABORTED, number=number)
    assert shop.collect().deleted == ()


class BrokenFleet(MemoryFleet):
    """A fleet with a host report that cannot be read."""

    def reports(self, cluster: Cluster) -> Mapping[str, HostReport]:
        if cluster == STAGING:
            message = "expected a HostReport, found 7"
            raise StoreRefused(message)
        return super().reports(cluster)


def test_unreadable_record_retains_everything() -> None:
    shop = Shop(BrokenFleet())
    collected = shop.collect()
    assert (collected.deleted, shop.stored()) == ((), EVERY)
    assert {each.why for each in collected.retained} == {
        "staging/hello could not be read: expected a HostReport, found 7"
    }


def test_run_deletes_a_limited_number_and_reports_the_rest(shop: Shop) -> None:
    done = shop.collect(most=2)
    assert (versions(done), done.left) == (set(SNAPSHOTS[:2]), 4)
    assert shop.collect(most=4).left == 0
    assert shop.stored() == LEFT


def test_versions_of_another_service_are_not_deleted(shop: Shop) -> None:
    other = replace(manifest(SNAPSHOTS[0]), service="hello-2")
    shop.artifacts.publish(other, io.BytesIO(SNAPSHOTS[0].encode()))
    shop.age()
    shop.collect()
    assert shop.artifacts.manifest("hello-2", SNAPSHOTS[0]) == other


def test_unknown_service_and_invalid_name_are_errors(shop: Shop) -> None:
    context, catalogue = shop.memory.context, shop.memory.catalogue
    with pytest.raises(Unknown, match="service 'helo' not found"):
        gc(context, catalogue, "helo", keep=KEEP, dry_run=True, by="ada")
    with pytest.raises(InvalidValue):
        gc(context, catalogue, "../hello", keep=KEEP, dry_run=True, by="ada")
