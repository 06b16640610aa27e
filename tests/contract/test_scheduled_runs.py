"""The records of scheduled commands: written by the agents of a cluster, read by the control plane."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.scheduled_run import RunState, ScheduledRun
from tests.contract.conftest import Gateways

NOW = datetime(2026, 11, 28, 3, 0, 2, tzinfo=UTC)
MINUTE = NOW.replace(second=0)


def run(host: str = "host-1", schedule: str = "report", **changes: object) -> ScheduledRun:
    made = ScheduledRun(
        schedule=schedule,
        minute=MINUTE,
        host=host,
        version="1.0.0",
        state=RunState.RUNNING,
        started_at=NOW,
        until=NOW + timedelta(minutes=5),
        decided=MINUTE,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_record_is_read_as_it_was_written_by_agents_and_people(gateways: Gateways) -> None:
    cluster = gateways.cluster
    agent = gateways.agents_runs(cluster, "host-1")
    assert (agent.last("report"), gateways.scheduled_runs.of(cluster)) == (None, [])
    assert agent.replace(None, run())
    failed = run().ended(NOW, "exit code 3", "no database")
    assert agent.replace(run(), failed)
    assert agent.replace(None, run(schedule="clean"))
    assert agent.last("report") == failed
    assert list(gateways.scheduled_runs.of(cluster)) == [run(schedule="clean"), failed]
    assert gateways.scheduled_runs.of(Cluster("staging", cluster.service)) == []


def test_one_of_two_agents_takes_a_minute(gateways: Gateways) -> None:
    first, second = (gateways.agents_runs(gateways.cluster, host) for host in ("host-1", "host-2"))
    assert first.replace(None, run())
    assert not second.replace(None, run("host-2"))
    assert first.last("report") == second.last("report") == run()


def test_write_on_top_of_another_record_is_refused(gateways: Gateways) -> None:
    agent = gateways.agents_runs(gateways.cluster, "host-1")
    ended = run().ended(NOW, "")
    agent.replace(None, run())
    assert agent.replace(run(), ended)
    assert not agent.replace(run(), run().skipping(MINUTE + timedelta(minutes=1)))
    assert agent.last("report") == ended


def test_write_may_be_repeated_after_its_answer_was_lost(gateways: Gateways) -> None:
    agent = gateways.agents_runs(gateways.cluster, "host-1")
    assert agent.replace(None, run())
    assert agent.replace(None, run())
    ended = run().ended(NOW, "")
    assert agent.replace(run(), ended)
    assert agent.replace(run(), ended)


def test_agent_knows_that_its_host_is_quarantined(gateways: Gateways) -> None:
    agent = gateways.agents_runs(gateways.cluster, "host-1")
    gateways.fleet.quarantine_host(gateways.cluster, "host-2", "disk")
    assert not agent.is_quarantined()
    gateways.fleet.quarantine_host(gateways.cluster, "host-1", "disk")
    assert agent.is_quarantined()
