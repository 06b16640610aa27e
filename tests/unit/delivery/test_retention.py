"""Retention: a needed version stays, with a reason; the rest may be deleted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.delivery.retention import (
    ClusterUse,
    Deletable,
    Inventory,
    Retained,
    RetentionRules,
    Stored,
    Unreadable,
    retain,
)
from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD = NOW - timedelta(days=40)
PRODUCTION, STAGING = Cluster("production", "hello"), Cluster("staging", "hello")
SNAPSHOTS = [f"1.0.{n}-202610{n + 1:02}120000-abcdef{n}" for n in range(9)]
RELEASES = [f"1.0.{n}" for n in range(8, 12)]  # as text, 1.0.9 would be the newest
KEEP = RetentionRules(snapshots=1, releases=1, age=timedelta(days=7))


def stored(version: str, modified: datetime = OLD, *, manifest: bool = True) -> Stored:
    return Stored(version, 100, modified, manifest)


def deployment(
    version: str, state: DeploymentState = DeploymentState.DONE, previous: str = "", number: int = 0
) -> Deployment:
    name = f"hello-production-20261123{number:06}-{version.replace('.', '')[:8]}"
    return Deployment(
        request=Request(name, "hello", "production", version, "ada"),
        epoch=number,
        target=Target(version, "d"),
        previous=Target(previous, "d") if previous else None,
        hosts=("h1",),
        policy=Policy(),
        started_at=NOW,
        execution=name,
        state=state,
    )


def report(
    host: str, installed: str, stage: AgentStage = AgentStage.IDLE, releases: Sequence[str] = ()
) -> HostReport:
    made = HostReport(host, "127.0.0.1", 8080, "a", NOW, NOW, stage=stage, running=True)
    return replace(made, installed=installed, releases=tuple(releases))


@dataclass
class Uses:
    """A cluster that is being described; `used` is the value for `retain`."""

    desired: str = ""
    holder: str = ""
    waiting: str | None = None
    deployments: Sequence[Deployment] = ()
    complete: bool = True
    reports: Sequence[HostReport] = (report("h1", ""),)
    quarantined: Mapping[str, str] = field(default_factory=dict)

    def used(self, cluster: Cluster = PRODUCTION) -> ClusterUse:
        return ClusterUse(
            cluster=cluster,
            desired=Desired(self.desired, "d", 1, "x") if self.desired else None,
            lease=Lease(1, self.holder),
            waiting=self.waiting,
            deployments=self.deployments,
            complete=self.complete,
            reports={each.host: each for each in self.reports},
            quarantined=self.quarantined,
        )


def holdings(*uses: ClusterUse | Unreadable, versions: Sequence[Stored] | None = None) -> Inventory:
    """Return nine old snapshots, the last four of them releases; or other versions."""
    every = [stored(version) for version in [*SNAPSHOTS, *RELEASES]] if versions is None else versions
    releases = dict(zip(RELEASES, SNAPSHOTS[5:], strict=True))
    return Inventory(every, frozenset(SNAPSHOTS), releases, uses)


def why_kept(found: Inventory, keep: RetentionRules = KEEP) -> dict[str, str]:
    return {fate.version: fate.why for fate in retain(found, keep, NOW) if isinstance(fate, Retained)}


NEWEST = {
    SNAPSHOTS[8]: "one of the newest 1 snapshots",
    "1.0.11": "one of the newest 1 releases",
}


def test_unused_versions_are_deletable_but_the_newest_of_each_kind() -> None:
    assert why_kept(holdings(Uses().used(), Uses().used(STAGING))) == NEWEST


def test_snapshots_are_deleted_before_releases_and_the_oldest_first() -> None:
    fates = retain(holdings(), KEEP, NOW)
    assert [fate.version for fate in fates] == [*SNAPSHOTS, "1.0.8", "1.0.9", "1.0.10", "1.0.11"]
    gone = [fate for fate in fates if isinstance(fate, Deletable)]
    assert gone[0] == Deletable(SNAPSHOTS[0], "used nowhere, not one of the newest 1 snapshots, 40 days old", 100)
    assert gone[-1].why == "used nowhere, not one of the newest 1 releases, 40 days old"


def test_requested_number_of_newest_versions_stays() -> None:
    kept = why_kept(holdings(), RetentionRules(3, 2, timedelta(days=7)))
    assert set(kept) == {*SNAPSHOTS[6:], *RELEASES[1:]}  # 1.0.9 is the release of a snapshot that stays
    assert kept["1.0.9"] == f"its snapshot {SNAPSHOTS[6]} is retained"


@pytest.mark.parametrize(
    ("uses", "why"),
    [
        (Uses(desired="1.0.8"), "desired in production/hello"),
        (Uses(reports=[report("h2", "1.0.8")]), "installed on h2 of production/hello"),
        (Uses(waiting="1.0.8"), "waits to be deployed to production/hello"),
        (
            Uses(deployments=[deployment("1.0.8", DeploymentState.HALTED)]),
            "being deployed by hello-production",
        ),
        (
            Uses(deployments=[deployment("1.0.8", DeploymentState.QUEUED)]),
            "being deployed by hello-production",
        ),
        (
            Uses(deployments=[deployment("1.0.11", DeploymentState.RUNNING, "1.0.8")]),
            "the rollback target of",
        ),
        (Uses(deployments=[deployment("1.0.8")]), "needed for a rollback of production/hello"),
    ],
)
def test_version_in_use_stays_and_its_use_is_the_reason(uses: Uses, why: str) -> None:
    kept = why_kept(holdings(uses.used()))
    assert set(kept) == {*NEWEST, "1.0.8"}
    assert why in kept["1.0.8"]


def test_snapshot_in_use_in_staging_stays() -> None:
    assert SNAPSHOTS[2] in why_kept(holdings(Uses().used(), Uses(desired=SNAPSHOTS[2]).used(STAGING)))


def test_failed_deployment_retains_nothing() -> None:
    for state in (DeploymentState.ABORTED, DeploymentState.ROLLED_BACK, DeploymentState.REFUSED):
        assert why_kept(holdings(Uses(deployments=[deployment("1.0.8", state, "1.0.9")]).used())) == NEWEST


def test_last_two_verified_versions_stay() -> None:
    recent = [
        deployment("1.0.11", DeploymentState.ABORTED, number=5),
        deployment("1.0.10", number=4),
        deployment("1.0.10", number=3),
        deployment("1.0.8", number=2),
        deployment("1.0.9", number=1),
    ]
    assert set(why_kept(holdings(Uses(deployments=recent).used()))) == {*NEWEST, "1.0.10", "1.0.8"}


def test_last_two_versions_without_quarantine_stay() -> None:
    recent = [deployment(version, number=n) for n, version in enumerate(["1.0.11", "1.0.10", "1.0.9", "1.0.8"])]
    uses = Uses(deployments=recent, quarantined={"1.0.10": "rolled back"})
    assert set(why_kept(holdings(uses.used()))) == {*NEWEST, "1.0.10", "1.0.9"}


def test_incomplete_history_retains_everything_unless_two_were_verified() -> None:
    one, two = [deployment("1.0.11")], [deployment("1.0.11"), deployment("1.0.10")]
    partly = why_kept(holdings(Uses(deployments=one, complete=False).used()))
    assert "older than the deployments that were read" in partly["1.0.8"]
    assert len(partly) == len(SNAPSHOTS) + len(RELEASES)
    assert set(why_kept(holdings(Uses(deployments=two, complete=False).used()))) == {*NEWEST, "1.0.10"}


def test_lease_without_a_deployment_record_retains_everything() -> None:
    kept = why_kept(holdings(Uses(holder="hello-production-1-new").used()))
    assert len(kept) == len(SNAPSHOTS) + len(RELEASES)
    assert "its version is not recorded yet" in kept["1.0.8"]


def test_versions_of_the_lease_holder_stay_after_its_end() -> None:
    ended = deployment("1.0.8", DeploymentState.ABORTED, "1.0.9")
    assert set(why_kept(holdings(Uses(holder=ended.id, deployments=[ended]).used()))) == {
        *NEWEST, "1.0.8", "1.0.9",
    }  # fmt: skip


def test_unreadable_cluster_retains_everything() -> None:
    kept = why_kept(holdings(Uses().used(), Unreadable(STAGING, "expected a HostReport")))
    assert len(kept) == len(SNAPSHOTS) + len(RELEASES)
    assert kept["1.0.8"] == "staging/hello could not be read: expected a HostReport"


def test_planned_host_without_a_report_retains_its_versions() -> None:
    recent = [
        deployment("1.0.11", number=9),
        deployment("1.0.10", number=8),
        deployment("1.0.9", DeploymentState.ABORTED, "1.0.8", number=7),
    ]
    kept = why_kept(holdings(Uses(deployments=recent, reports=[report("h2", "1.0.11")]).used()))
    assert {"1.0.8", "1.0.9"} <= set(kept)
    assert "h1 of production/hello has no report" in kept["1.0.8"]
    later = [replace(recent[0], hosts=("h2",)), *recent[1:]]
    assert set(why_kept(holdings(Uses(deployments=later, reports=[report("h2", "1.0.11")]).used()))) == {
        *NEWEST, "1.0.10",
    }  # fmt: skip


@pytest.mark.parametrize(
    "stage", [AgentStage.INSTALLING, AgentStage.STARTING, AgentStage.SELF_TESTING, AgentStage.FAILED]
)
def test_host_within_its_turn_retains_the_versions_on_its_disk(stage: AgentStage) -> None:
    at_work = report("h1", "1.0.11", stage, ["1.0.8", "1.0.11"])
    assert "on the disk of h1" in why_kept(holdings(Uses(reports=[at_work]).used()))["1.0.8"]
    at_rest = replace(at_work, stage=AgentStage.DONE)
    assert set(why_kept(holdings(Uses(reports=[at_rest]).used()))) == set(NEWEST)
    unknown = replace(at_rest, installed="")
    assert "1.0.8" in why_kept(holdings(Uses(reports=[unknown]).used()))


def test_snapshot_of_an_unfinished_promotion_stays() -> None:
    for half in ([], [stored("1.0.8", manifest=False)]):
        found = holdings(versions=[stored(SNAPSHOTS[5]), stored(SNAPSHOTS[8]), stored("1.0.11"), *half])
        kept = why_kept(found)
        assert kept[SNAPSHOTS[5]] == "its promotion to 1.0.8 is not finished"
        assert ("1.0.8" in kept) == bool(half)


def test_release_stays_while_its_snapshot_stays() -> None:
    kept = why_kept(holdings(Uses(desired=SNAPSHOTS[5]).used(STAGING)))
    assert kept["1.0.8"] == f"its snapshot {SNAPSHOTS[5]} is retained"


def test_release_outside_the_catalogue_stays() -> None:
    found = holdings(versions=[stored("2.0.0"), stored("1.0.11")])
    assert why_kept(found) == {
        "2.0.0": "a release that is not in the catalogue",
        "1.0.11": "one of the newest 1 releases",
    }


def test_bytes_without_a_manifest_are_deletable_and_not_counted() -> None:
    found = holdings(versions=[stored(SNAPSHOTS[0]), stored(SNAPSHOTS[1], manifest=False)])
    assert retain(found, KEEP, NOW) == [
        Retained(SNAPSHOTS[0], "one of the newest 1 snapshots", 100),
        Deletable(SNAPSHOTS[1], "bytes without a manifest, 40 days old", 100),
    ]
    fresh = holdings(versions=[stored(SNAPSHOTS[1], NOW - timedelta(hours=2), manifest=False)])
    assert why_kept(fresh) == {SNAPSHOTS[1]: "younger than 7 days"}


def test_unrecorded_snapshot_does_not_count_among_the_newest() -> None:
    unrecorded = "9.9.9-20261122120000-abcdef0"
    fates = retain(holdings(versions=[stored(SNAPSHOTS[0]), stored(unrecorded)]), KEEP, NOW)
    assert fates[0] == Retained(SNAPSHOTS[0], "one of the newest 1 snapshots", 100)
    assert fates[1] == Deletable(unrecorded, "used nowhere, built but never recorded, 40 days old", 100)


def test_version_below_the_minimum_age_stays() -> None:
    limit = NOW - KEEP.age
    pair = [
        stored(SNAPSHOTS[0], limit),
        stored(SNAPSHOTS[1], limit + timedelta(seconds=1)),
        stored(SNAPSHOTS[2]),
    ]
    assert why_kept(holdings(versions=pair)) == {
        SNAPSHOTS[1]: "younger than 7 days",
        SNAPSHOTS[2]: "one of the newest 1 snapshots",
    }


@pytest.mark.parametrize(
    ("snapshots", "releases", "age"),
    [
        (0, 1, timedelta(days=1)),
        (1, 0, timedelta(days=1)),
        (1, 1, timedelta(minutes=59)),
        (-1, 1, timedelta(days=1)),
    ],
)
def test_unsafe_retention_rules_are_refused(snapshots: int, releases: int, age: timedelta) -> None:
    with pytest.raises(InvalidValue, match="at least 1"):
        RetentionRules(snapshots, releases, age)


def test_too_low_minimum_age_is_refused_in_words() -> None:
    with pytest.raises(InvalidValue, match="'30 min' is not a minimum age; allowed: at least 1 h, so that"):
        RetentionRules(1, 1, timedelta(minutes=30))


VERSIONS = st.sampled_from([*SNAPSHOTS, *RELEASES])
DEPLOYMENTS = st.builds(
    deployment, VERSIONS, st.sampled_from(DeploymentState), VERSIONS | st.just(""), st.integers(0, 10**5)
)
USES = st.builds(
    Uses,
    desired=VERSIONS | st.just(""),
    holder=st.just(""),
    waiting=VERSIONS | st.none(),
    deployments=st.lists(DEPLOYMENTS, max_size=6, unique_by=lambda d: d.id),
    reports=st.lists(
        st.builds(report, st.sampled_from(["h1", "h2"]), VERSIONS | st.just(""), st.sampled_from(AgentStage)),
        min_size=1,
        max_size=2,
        unique_by=lambda each: each.host,
    ),
    quarantined=st.dictionaries(VERSIONS, st.just("bad"), max_size=2),
)
STORED = st.lists(
    st.builds(
        lambda version, days, manifest: stored(version, NOW - timedelta(days=days), manifest=manifest),
        VERSIONS,
        st.integers(0, 20),
        st.booleans(),
    ),
    unique_by=lambda each: each.version,
)
KEEPS = st.builds(
    RetentionRules, st.integers(1, 4), st.integers(1, 3), st.integers(1, 10).map(lambda d: timedelta(days=d))
)


def needed(uses: Uses) -> set[str]:
    """Return the needed versions of a cluster, computed in another way."""
    done = [d.target.version for d in uses.deployments if d.state is DeploymentState.DONE]
    open_ones = [d for d in uses.deployments if not d.state.final]
    found = {uses.desired, uses.waiting or "", *(r.installed for r in uses.reports)}
    found |= {d.target.version for d in open_ones} | {d.previous.version for d in open_ones if d.previous}
    for newest in done[:1]:
        found |= {newest, *[version for version in done if version != newest][:1]}
    return found


@given(st.lists(USES, min_size=2, max_size=2), STORED, KEEPS)
def test_needed_version_is_never_deletable(uses: list[Uses], versions: list[Stored], keep: RetentionRules) -> None:
    found = holdings(uses[0].used(), uses[1].used(STAGING), versions=versions)
    fates = retain(found, keep, NOW)
    assert sorted(fate.version for fate in fates) == sorted(each.version for each in versions)
    gone = {fate.version for fate in fates if isinstance(fate, Deletable)}
    assert not gone & (needed(uses[0]) | needed(uses[1]))
    young = {each.version for each in versions if NOW - each.modified < keep.age}
    assert not gone & young
    whole = {each.version for each in versions if each.has_manifest}
    built = [version for version in SNAPSHOTS if version in whole]
    released = [version for version in RELEASES if version in whole]
    assert not gone & {*built[-keep.snapshots :], *released[-keep.releases :]}
    unfinished = {snapshot for release, snapshot in found.releases.items() if release not in whole}
    assert not gone & unfinished


@given(st.lists(USES, min_size=1, max_size=2), STORED, KEEPS, st.randoms())
def test_order_of_the_facts_does_not_matter(
    uses: list[Uses], versions: list[Stored], keep: RetentionRules, chance: object
) -> None:
    used = [use.used(cluster) for use, cluster in zip(uses, (PRODUCTION, STAGING), strict=False)]
    shuffled = list(versions)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert retain(holdings(*used, versions=versions), keep, NOW) == retain(
        holdings(*used, versions=shuffled), keep, NOW
    )


@given(USES, STORED, KEEPS)
def test_second_decision_after_the_deletions_deletes_nothing(
    uses: Uses, versions: list[Stored], keep: RetentionRules
) -> None:
    first = retain(holdings(uses.used(), versions=versions), keep, NOW)
    kept = {fate.version for fate in first if isinstance(fate, Retained)}
    left = [each for each in versions if each.version in kept]
    again = retain(holdings(uses.used(), versions=left), keep, NOW)
    assert {fate.version for fate in again if isinstance(fate, Retained)} == kept
