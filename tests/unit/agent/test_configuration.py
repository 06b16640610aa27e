"""The agent reads its cluster's configuration, keeps it in memory, and masks it in the words of the service."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from apps.agent.configuration import HIDDEN, Configuration, NoConfigurations
from apps.agent.errors import ConfigUnreadable, StoreUnreachable
from apps.agent.installer import service_environment
from apps.agent.settings import Settings
from lifecycle.domain.errors import LifecycleError, StoreRefused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.configuration import ConfigNames
from tests.support.rollout import manifest

URL = "postgres://app:s3cret-word@db/hello"


class Store:
    """Values by revision; `broken` is raised instead, if set."""

    def __init__(self, **values: str) -> None:
        self.found: Mapping[str, str] = values
        self.broken: LifecycleError | None = None
        self.reads: list[int] = []

    def values(self, revision: int) -> Mapping[str, str]:
        self.reads.append(revision)
        if self.broken:
            raise self.broken
        return self.found


def test_version_gets_the_values_of_its_revision() -> None:
    store = Store(DATABASE_URL=URL)
    assert Configuration(store).prepare(manifest("1.0.0"), 3) == {"DATABASE_URL": URL}
    assert store.reads == [3]


def test_version_without_a_configuration_reads_nothing() -> None:
    assert Configuration(NoConfigurations()).prepare(manifest("1.0.0"), 0) == {}


def test_values_of_before_are_not_used_again() -> None:
    store = Store(A="first")
    known = Configuration(store)
    known.prepare(manifest("1.0.0"), 1)
    store.found = {"A": "second"}
    assert known.prepare(manifest("1.0.0"), 2) == {"A": "second"}


def test_missing_name_is_named() -> None:
    made = replace(manifest("1.0.0"), config=ConfigNames(required=("A", "DATABASE_URL")))
    with pytest.raises(ConfigUnreadable, match=r"1\.0\.0 requires A, which config 3 does not have"):
        Configuration(Store(DATABASE_URL=URL)).prepare(made, 3)
    with pytest.raises(ConfigUnreadable, match=r"requires A, DATABASE_URL, which config 0"):
        Configuration(Store()).prepare(made, 0)


def test_denied_configuration_fails_the_turn_and_an_unreachable_one_is_read_again() -> None:
    store = Store()
    store.broken = StoreRefused("the configuration is denied; needed: kms:Decrypt")
    with pytest.raises(ConfigUnreadable, match="kms:Decrypt"):
        Configuration(store).prepare(manifest("1.0.0"), 1)
    store.broken = StoreUnreachable("the configuration", "throttled")
    with pytest.raises(StoreUnreachable):
        Configuration(store).prepare(manifest("1.0.0"), 1)
    with pytest.raises(ConfigUnreadable, match="started without a store"):
        Configuration(NoConfigurations()).prepare(manifest("1.0.0"), 1)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        (f"cannot connect to {URL}!", "cannot connect to [DATABASE_URL]!"),
        ("password s3cret-word is wrong", "password [DATABASE_URL] is wrong"),
        ("-----BEGIN-----\nAAAA1111", "[KEY]"),
        ("then line AAAA1111 alone", "then line [KEY] alone"),
        ("level is on", "level is on"),  # a short value is in too many words
        ("", ""),
    ],
)
def test_words_of_the_service_have_names_instead_of_values(text: str, masked: str) -> None:
    store = Store(DATABASE_URL=URL, KEY="-----BEGIN-----\nAAAA1111", LEVEL="on")
    assert Configuration(store).masked(text, 2) == masked


def test_agent_that_was_restarted_reads_the_values_again_or_hides_the_text() -> None:
    store = Store(DATABASE_URL=URL)
    assert Configuration(store).masked(f"at {URL}", 2) == "at [DATABASE_URL]"
    store.broken = StoreUnreachable("the configuration", "down")
    assert Configuration(store).masked(f"at {URL}", 2) == HIDDEN
    assert Configuration(store).masked(f"at {URL}", 0) == f"at {URL}"  # it runs without a configuration


def test_values_of_former_revisions_are_masked_too() -> None:
    store = Store(TOKEN="first-token")
    known = Configuration(store)
    known.prepare(manifest("1.0.0"), 1)
    store.found = {"TOKEN": "second-token"}
    assert known.masked("first-token second-token", 2) == "[TOKEN] [TOKEN]"  # a former start may have printed it


def test_configuration_stands_above_the_manifest_and_below_what_the_agent_sets() -> None:
    settings = Settings("h1", Cluster("production", "hello"), "10.0.0.1", 80, Path("/agent"))
    made = manifest("1.0.0")
    made = replace(
        made,
        run=replace(made.run, environment={"A": "run", "B": "run", "C": "run"}),
        environments={"production": {"B": "production", "C": "production"}, "staging": {"A": "staging"}},
    )
    found = service_environment(made, settings, {"C": "config"})
    assert (found["A"], found["B"], found["C"]) == ("run", "production", "config")
    assert (found["HOST"], found["LIFECYCLE_VERSION"]) == ("10.0.0.1", "1.0.0")
