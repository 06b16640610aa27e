"""quarantine, unquarantine, quarantined and remove-host, as typed."""

from tests.support.rollout import CLUSTER
from tests.unit.cli.conftest import Desk


def test_quarantined_version_is_not_deployed_until_the_quarantine_is_lifted(desk: Desk) -> None:
    done = desk.type("quarantine hello 1.0.1 --why", "it loses orders")
    assert done.exit_code == 0, done.output
    assert "version 1.0.1 of production/hello is quarantined, by ada" in done.stdout
    assert done.stdout.splitlines()[-1] == "undo: lifecycle unquarantine hello 1.0.1 --why '...'"
    assert desk.type("deploy hello 1.0.1").exit_code == 1
    assert desk.type("unquarantine hello 1.0.1 --why database").exit_code == 0
    assert desk.type("deploy hello 1.0.1").exit_code == 0


def test_quarantined_configuration_is_not_deployed_until_the_quarantine_is_lifted(desk: Desk) -> None:
    """After a rollback of both, only a person knows that the configuration was to blame."""
    assert desk.type("config set hello A=1").exit_code == 0
    done = desk.type("quarantine hello config-1 --why", "it has the wrong database")
    assert done.exit_code == 0, done.output
    assert "configuration config-1 of production/hello is quarantined, by ada" in done.stdout
    assert "production/hello  configuration  config-1  it has the wrong database" in desk.type("quarantined").stdout
    assert "config-1 is quarantined" in desk.type("deploy hello --config").stdout
    assert desk.type("unquarantine hello config-1 --why right").exit_code == 0
    assert desk.type("deploy hello --config --yes --no-watch").exit_code == 0


def test_quarantine_of_the_configuration_that_runs_explains_its_limits(desk: Desk) -> None:
    assert desk.type("config set hello A=1").exit_code == 0
    desk.machine.deploy("1.0.0")
    assert "it is desired now" in desk.type("quarantine hello config-1 --why slow").stdout
    assert "it is desired now" not in desk.type("quarantine hello config-2 --why slow").stdout
    assert desk.type("quarantine hello config-0 --why slow").exit_code == 1


def test_quarantined_host_is_left_out(desk: Desk) -> None:
    done = desk.type("quarantine hello host-3 --why", "its disk fails")
    assert done.exit_code == 0, done.output
    assert "host-3: 1.0.0 installed, in rotation and healthy, last report" in done.stdout
    assert desk.functions.calls[0] == (
        "quarantine",
        {
            "service": "hello",
            "environment": "production",
            "name": "host-3",
            "by": "ada",
            "why": "its disk fails",
        },
    )
    desk.machine.deploy("1.0.1")
    assert desk.machine.installed()["host-3"] == "1.0.0"


def test_quarantine_of_the_desired_version_explains_its_limits(desk: Desk) -> None:
    output = desk.type("quarantine hello 1.0.0 --why slow").stdout
    assert "it is desired now: hosts go on serving it, and drift is not repaired" in output
    assert "lifecycle rollback hello --why '...'" in output


def test_quarantine_of_a_version_in_rollout_suggests_a_rollback(desk: Desk) -> None:
    name = desk.halted()
    assert f"{name} deploys it now and goes on; roll it back: " in desk.type("quarantine hello 1.0.1 --why x").stdout


def test_quarantine_of_an_unknown_name_lists_the_hosts(desk: Desk) -> None:
    done = desk.type("quarantine hello host-9 --why x")
    assert done.exit_code == 1
    assert "host 'host-9' of production/hello not found; known: host-1" in done.stderr
    assert "release '9.9.9' of hello not found" in desk.type("quarantine hello 9.9.9 --why x").stderr
    assert "cluster 'staging/hello' not found" in desk.type("quarantine hello host-1 --why x -e staging").stderr
    assert desk.functions.calls == []


def test_quarantined_versions_and_hosts_are_listed_with_reasons(desk: Desk) -> None:
    assert "nothing is quarantined" in desk.type("quarantined hello").stdout
    desk.type("quarantine hello 1.0.1 --why slow")
    desk.type("quarantine hello host-3 --why disk")
    assert desk.facts("quarantined hello")["quarantined"] == [
        {"cluster": "production/hello", "kind": "version", "name": "1.0.1", "why": "slow (by ada)"},
        {"cluster": "production/hello", "kind": "host", "name": "host-3", "why": "disk (by ada)"},
    ]
    assert "production/hello  host     host-3  disk (by ada)" in desk.type("quarantined").stdout


def test_unquarantine_of_an_unknown_name_lists_the_known_ones(desk: Desk) -> None:
    desk.type("quarantine hello host-3 --why disk")
    done = desk.type("unquarantine hello host-2 --why disk")
    assert done.exit_code == 1
    assert "quarantine 'host-2' of production/hello not found; known: host-3" in done.stderr


def test_unquarantine_suggests_a_repair_or_a_deployment(desk: Desk) -> None:
    desk.type("quarantine hello host-3 --why disk")
    output = desk.type("unquarantine hello host-3 --why mended").stdout
    assert output.splitlines()[-1] == "next: lifecycle converge hello"
    desk.break_host("host-2", "1.0.0", "1.0.1")
    desk.machine.deploy("1.0.1")
    desk.type("decide hello SKIP_HOST --why bad")
    output = desk.type("unquarantine hello host-2 --why mended").stdout
    assert output.splitlines()[-1] == "next: lifecycle deploy hello 1.0.1 --environment production"
    assert "host-2 was left out by a decision; the next deployment includes it again" in desk.type("hosts").stdout


def test_trail_records_who_quarantined_what(desk: Desk) -> None:
    desk.type("quarantine hello host-3 --why disk")
    desk.type("unquarantine hello host-3 --why mended")
    output = [line.split("  ", 1)[1] for line in desk.type("history hello --trail").stdout.splitlines()[2:4]]
    assert output == [
        "production/hello  lift the quarantine of host-3 by ada: mended",
        "production/hello  quarantine host-3 by ada: disk",
    ]


def test_host_with_a_live_agent_is_not_removed(desk: Desk) -> None:
    done = desk.type("remove-host hello host-1 --why sold")
    assert done.exit_code == 1
    assert "the removal of host-1 is refused: its agent reported at" in done.stderr
    assert desk.machine.memory.fleet.report(CLUSTER, "host-1") is not None


def test_host_that_is_gone_is_removed(desk: Desk) -> None:
    desk.machine.host("host-1").silent = True
    desk.machine.memory.dispatcher.dead.add("127.0.10.1")
    desk.machine.memory.clock.sleep(90)
    done = desk.type("remove-host hello host-1 --why sold")
    assert done.exit_code == 0, done.output
    assert "host-1 is no longer a host of production/hello, by ada" in done.stdout
    assert "host-1 " not in desk.type("hosts").stdout


def test_terminated_host_is_removed_from_the_load_balancer(desk: Desk) -> None:
    done = desk.type("remove-host hello host-1 --why burned --terminated")
    assert done.exit_code == 0, done.output
    assert desk.functions.calls[-1][1]["terminated"] is True
    assert desk.machine.memory.fleet.report(CLUSTER, "host-1") is None


def test_unknown_host_lists_the_known_ones(desk: Desk) -> None:
    done = desk.type("remove-host hello host-9 --why sold")
    assert done.exit_code == 1
    assert "host 'host-9' of production/hello not found; known: host-1, host-2, host-3, host-4" in done.stderr


def test_cluster_with_live_hosts_is_not_forgotten(desk: Desk) -> None:
    done = desk.type("forget-cluster hello --why moved --yes")
    assert done.exit_code == 1
    assert "still report: stop their agents first" in done.stderr


def test_cluster_that_is_gone_is_forgotten(desk: Desk) -> None:
    for host in desk.machine.hosts:
        host.silent = True
        desk.machine.memory.dispatcher.deregister(CLUSTER, host.address)
    desk.machine.memory.clock.sleep(90)
    done = desk.type("forget-cluster hello --why moved --yes")
    assert done.exit_code == 0, done.output
    assert "production/hello is forgotten: 4 hosts and its desired version, by ada" in done.stdout
    assert desk.machine.memory.fleet.reports(CLUSTER) == {}
