"""A push leaves a service unbuilt only if its sources are those of its newest snapshot, whatever else runs."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from lifecycle.domain.delivery.repository import (
    LONGEST_RUN,
    MOST_RUNS,
    MOST_SERVICES,
    Known,
    LastBuild,
    RepositoryBuilds,
)
from lifecycle.gateways.serialization import to_json

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REPOSITORY = "https://example.test/shop.git"
MINUTE = timedelta(minutes=1)
A, B, C = ("a" * 40, "b" * 40, "c" * 40)


def last(source: str, started: datetime = NOW) -> LastBuild:
    return LastBuild("1.0.0-20261123120000-aaaaaaa", source, started)


def known(builds: RepositoryBuilds, commit: str) -> Known:
    """Return what the build of the newest run, or else of one that begins now, is given."""
    started = next((run.started for run in builds.runs if run.commit == commit), NOW + MINUTE)
    return Known.from_text(builds.known_to(commit, started))


def unchanged(builds: RepositoryBuilds, commit: str, sources: Mapping[str, str], service: str = "api") -> bool:
    """Return the decision of a build; `sources` are those of the service at each commit that the clone has."""
    by_digits = {name[:12]: source for name, source in sources.items()}
    return known(builds, commit).unchanged(service, sources[commit], lambda found: by_digits.get(found[:12], ""))


def test_service_without_a_snapshot_is_built() -> None:
    assert not unchanged(RepositoryBuilds(REPOSITORY).begun(A, NOW), A, {A: "one"})


def test_service_is_built_exactly_when_its_sources_differ_from_its_newest_snapshots() -> None:
    builds = RepositoryBuilds(REPOSITORY).begun(A, NOW).recorded("api", last("one")).begun(B, NOW + MINUTE)
    assert unchanged(builds, B, {A: "one", B: "one"})
    assert not unchanged(builds, B, {A: "one", B: "two"})


def test_revert_is_built_while_the_run_that_it_reverts_may_still_publish() -> None:
    """Otherwise the reverted content would be the newest snapshot for ever."""
    builds = RepositoryBuilds(REPOSITORY).begun(A, NOW).recorded("api", last("one"))
    builds = builds.begun(B, NOW + MINUTE).begun(C, NOW + 2 * MINUTE)
    assert not unchanged(builds, C, {A: "one", B: "two", C: "one"})


def test_run_that_left_the_service_alone_does_not_count_against_it() -> None:
    builds = RepositoryBuilds(REPOSITORY).begun(A, NOW).recorded("api", last("one"))
    builds = builds.begun(B, NOW + MINUTE).begun(C, NOW + 2 * MINUTE)
    assert unchanged(builds, C, {A: "one", B: "one", C: "one"})


def test_run_whose_commit_is_gone_after_a_force_push_counts_as_a_change() -> None:
    builds = RepositoryBuilds(REPOSITORY).begun(A, NOW).recorded("api", last("one"))
    builds = builds.begun(B, NOW + MINUTE).begun(C, NOW + 2 * MINUTE)
    assert not unchanged(builds, C, {A: "one", C: "one"})


def test_runs_from_before_the_newest_snapshot_and_ended_ones_do_not_count() -> None:
    before = RepositoryBuilds(REPOSITORY).begun(B, NOW - MINUTE).begun(A, NOW).recorded("api", last("one"))
    assert unchanged(before.begun(C, NOW + MINUTE), C, {A: "one", B: "two", C: "one"})
    ended = RepositoryBuilds(REPOSITORY).recorded("api", last("one")).begun(B, NOW + MINUTE)
    assert unchanged(ended.begun(C, NOW + MINUTE + LONGEST_RUN), C, {B: "two", C: "one"})


def test_run_that_is_started_again_is_recorded_once() -> None:
    builds = RepositoryBuilds(REPOSITORY).begun(A, NOW)
    assert builds.begun(A, NOW) == builds


def test_start_that_is_repeated_gives_its_build_the_same() -> None:
    """CodeBuild refuses a token that comes with other variables."""
    builds = RepositoryBuilds(REPOSITORY).recorded("api", last("one")).begun(A, NOW + MINUTE)
    before = builds.known_to(A, NOW + MINUTE)
    builds = builds.recorded("api", last("two", NOW + MINUTE)).recorded("web", last("one")).begun(B, NOW + 2 * MINUTE)
    assert builds.begun(A, NOW + MINUTE).known_to(A, NOW + MINUTE) == before


def test_start_is_repeated_alike_until_ten_runs_began_after_it() -> None:
    builds = RepositoryBuilds(REPOSITORY).recorded("api", last("one")).begun(A, NOW + MINUTE)
    before = builds.known_to(A, NOW + MINUTE)
    for number in range(9):
        builds = builds.begun(f"{number:040x}", NOW + (2 + number) * MINUTE)
    assert before
    assert builds.known_to(A, NOW + MINUTE) == before
    assert builds.begun(B, NOW + 12 * MINUTE).known_to(A, NOW + MINUTE) != before


def test_snapshot_of_an_older_run_does_not_replace_that_of_a_newer_one() -> None:
    builds = RepositoryBuilds(REPOSITORY).recorded("api", last("two", NOW + MINUTE))
    assert builds.recorded("api", last("one")) == builds
    assert builds.recorded("api", last("three", NOW + MINUTE)).services["api"].source == "three"


def test_service_that_was_the_whole_repository_meanwhile_is_built() -> None:
    builds = RepositoryBuilds(REPOSITORY).begun(A, NOW).recorded("api", last("one")).recorded("web", last("one"))
    builds = builds.recorded("api", None).begun(B, NOW + MINUTE)
    assert not unchanged(builds, B, {A: "one", B: "one"})
    assert unchanged(builds, B, {A: "one", B: "one"}, "web")


def test_service_is_built_where_too_many_runs_would_have_to_be_compared() -> None:
    builds = RepositoryBuilds(REPOSITORY).recorded("api", last("one"))
    for number in range(MOST_RUNS + 1):
        builds = builds.begun(f"{number:040x}", NOW + number * timedelta(seconds=2))
    assert "api" not in known(builds, C).services
    builds = builds.recorded("web", last("one", NOW + 10 * timedelta(seconds=2)))
    assert list(known(builds, C).services) == ["web"]


def test_service_whose_sources_have_a_long_name_is_built_and_the_others_are_compared() -> None:
    """An older version recorded whatever a build called its sources."""
    builds = RepositoryBuilds(REPOSITORY).recorded("api", last("one")).recorded("web", last("x" * 100_000))
    assert known(builds, C).services == {"api": ("one", 0)}


def test_record_and_the_variable_of_a_build_stay_small() -> None:
    builds = RepositoryBuilds(REPOSITORY)
    for number in range(2 * MOST_SERVICES):
        builds = builds.recorded(f"{'s' * 20}-{number:03}", last("0" * 16, NOW + number * timedelta(seconds=1)))
    assert sorted(builds.services) == [
        f"{'s' * 20}-{number:03}" for number in range(MOST_SERVICES, 2 * MOST_SERVICES)
    ]
    for number in range(2 * MOST_RUNS):
        builds = builds.begun(f"{number:040x}", NOW - timedelta(seconds=1) + number * timedelta(milliseconds=500))
    # CodeBuild's limit for all variables together is 5,120 characters.
    assert len(builds.known_to(C, NOW)) < 4500
    assert len(to_json(builds)) < 80_000  # an item of DynamoDB has at most 400 KB


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "{",
            "[]",
            "{}",
            '{"services":{}}',
            '{"services":[],"runs":[]}',
            '{"services":{"api":"one"},"runs":[]}',
        ),
        *('{"services":{"api":["one",1]},"runs":[]}', '{"services":{"api":["one",-1]},"runs":["a"]}'),
    ],
)
def test_build_knows_nothing_by_a_text_that_says_nothing(text: str) -> None:
    assert not Known.from_text(text).unchanged("api", "one", lambda _: "one")
