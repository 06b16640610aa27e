"""Configurations: their values by revision, the secrets that they name, and the records of revisions."""

from datetime import UTC, datetime

import pytest

from lifecycle.domain.errors import InvalidValue, StoreRefused, Unknown
from lifecycle.domain.service.configuration import ConfigRevision, Configuration, SecretRef, Value
from tests.contract.conftest import Gateways

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def a_revision(g: Gateways, number: int = 1, names: tuple[str, ...] = ("A",)) -> ConfigRevision:
    return ConfigRevision(str(g.cluster), number, names, names, "ada", "new password", NOW)


def test_every_revision_keeps_its_values(gateways: Gateways) -> None:
    store, cluster = gateways.config_store, gateways.cluster
    secret = SecretRef("lifecycle/production/hello/database", "url")
    first: dict[str, Value] = {"A": "1", "B": 'ü "quoted"\n{{two}} lines'}
    second: dict[str, Value] = {"A": "2", "C": secret, "EMPTY": ""}
    assert store.write(cluster, first, 0) == 1
    assert store.write(cluster, second, 1) == 2
    assert store.read(cluster) == store.read(cluster, 2) == Configuration(2, second)
    assert store.read(cluster, 1) == Configuration(1, first)
    assert store.read(cluster, 0) == Configuration(0, {})
    assert gateways.configurations.newest(cluster) == 2


def test_configuration_of_one_cluster_is_none_of_another(gateways: Gateways) -> None:
    gateways.config_store.write(gateways.cluster, {"A": "1"}, 0)
    assert gateways.config_store.read(gateways.old_cluster) == Configuration(0, {})
    assert gateways.configurations.newest(gateways.old_cluster) == 0


def test_revision_that_does_not_exist_is_unknown(gateways: Gateways) -> None:
    gateways.config_store.write(gateways.cluster, {"A": "1"}, 0)
    with pytest.raises(Unknown, match="configuration revision '7' of production/hello"):
        gateways.config_store.read(gateways.cluster, 7)


def test_second_writer_of_the_same_revision_gets_a_later_one(gateways: Gateways) -> None:
    store, cluster = gateways.config_store, gateways.cluster
    expected = store.read(cluster).revision
    assert store.write(cluster, {"A": "theirs"}, expected) == expected + 1
    assert store.write(cluster, {"B": "mine"}, expected) == expected + 2
    assert store.read(cluster, expected + 1).values == {"A": "theirs"}


def test_secrets_are_read_where_the_configuration_names_them(gateways: Gateways) -> None:
    name = f"lifecycle/{gateways.cluster}/database"
    gateways.put_secret(name, '{"url": "postgres://db", "port": 5432}')
    whole, url, port = SecretRef(name), SecretRef(name, "url"), SecretRef(name, "port")
    made = Configuration(1, {"PLAIN": "text", "WHOLE": whole, "URL": url, "DB_PORT": port})
    assert gateways.config_store.resolved(made) == {
        "PLAIN": "text",
        "WHOLE": '{"url": "postgres://db", "port": 5432}',
        "URL": "postgres://db",
        "DB_PORT": "5432",
    }


def test_secret_that_does_not_exist_is_named(gateways: Gateways) -> None:
    name = f"lifecycle/{gateways.cluster}/nobody"
    with pytest.raises(Unknown, match=f"secret '{name}' not found. The configuration's URL names it"):
        gateways.config_store.resolved(Configuration(1, {"URL": SecretRef(name)}))


@pytest.mark.parametrize(
    "text", ["hidden", '["hidden"]', '{"other": "hidden"}', '{"url": {"of": "hidden"}}', '{"url": null}']
)
def test_secret_without_the_member_is_refused_without_its_text(gateways: Gateways, text: str) -> None:
    name = f"lifecycle/{gateways.cluster}/database"
    gateways.put_secret(name, text)
    with pytest.raises(StoreRefused, match=f"secret {name}.*expected a member 'url'") as refused:
        gateways.config_store.resolved(Configuration(1, {"URL": SecretRef(name, "url")}))
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    ("escaped", "error", "said"),
    [
        ("\\u0000", InvalidValue, "the value of URL.*without the character NUL"),
        ("\\ud800", StoreRefused, "secret .*expected a member 'url' that is a text"),
    ],
)
def test_secret_that_no_environment_variable_can_have_is_refused(
    gateways: Gateways, escaped: str, error: type[Exception], said: str
) -> None:
    name = f"lifecycle/{gateways.cluster}/database"
    gateways.put_secret(name, f'{{"url": "hidden{escaped}"}}')
    with pytest.raises(error, match=said) as refused:
        gateways.config_store.resolved(Configuration(1, {"URL": SecretRef(name, "url")}))
    assert "hidden" not in str(refused.value)


def test_recorded_revisions_are_newest_first(gateways: Gateways) -> None:
    cluster, revisions = gateways.cluster, gateways.configurations
    for number in (1, 3, 2, 12):
        revisions.record(a_revision(gateways, number))
    assert [each.revision for each in revisions.recorded(cluster)] == [12, 3, 2, 1]
    assert not revisions.recorded(gateways.old_cluster)


def test_record_of_the_same_number_is_replaced(gateways: Gateways) -> None:
    gateways.configurations.record(a_revision(gateways))
    again = a_revision(gateways, names=("A", "B"))
    gateways.configurations.record(again)
    assert gateways.configurations.recorded(gateways.cluster) == [again]


def test_at_most_a_hundred_revisions_are_returned(gateways: Gateways) -> None:
    for number in range(1, 104):
        gateways.configurations.record(a_revision(gateways, number))
    assert [each.revision for each in gateways.configurations.recorded(gateways.cluster)] == list(range(103, 3, -1))


def test_number_of_a_revision_is_claimed_once(gateways: Gateways) -> None:
    first, second = a_revision(gateways), a_revision(gateways, names=("B",))
    assert gateways.configurations.claim(first)
    assert gateways.configurations.claim(first), "a repeat is no refusal"
    assert not gateways.configurations.claim(second)
    assert gateways.configurations.recorded(gateways.cluster) == [first]
