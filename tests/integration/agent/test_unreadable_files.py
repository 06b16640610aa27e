"""An agent whose files cannot be read: it never acts on an old command, and does not stay down."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.agent.journal import Journal
from apps.agent.processes import kernel_boot
from apps.agent.service import Service, StartRecord
from lifecycle.domain.errors import UnreadableRecord
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.fleet.host_command import Order
from lifecycle.gateways.serialization import to_json
from tests.fakes.agent import MemoryReports

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REPORT = HostReport("host-1", "10.0.0.1", 8080, "a", NOW, NOW, epoch=7, attempt=2, order=Order.INSTALL)


@pytest.mark.parametrize("text", ["", "not json", "{}", '{"acted": []}', '{"acted": {"epoch": "7"}}'])
def test_agent_takes_its_last_report_where_its_state_cannot_be_read(tmp_path: Path, text: str) -> None:
    file, reports = tmp_path / "state.json", MemoryReports()
    file.write_text(text)
    reports.write(replace(REPORT, stage=AgentStage.DONE))
    journal = Journal(file, reports, tuple)
    assert not journal.loaded
    assert (journal.state().acted.epoch, journal.state().acted.attempt) == (7, 2)
    assert (tmp_path / "state.json.unreadable").read_text() == text
    assert json.loads(file.read_text())["acted"]["epoch"] == 7


def test_agent_starts_with_files_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_bytes(b"\xff\x00\xfe")
    (tmp_path / "service.json").write_bytes(b"\xff\x00\xfe")
    reports = MemoryReports()
    reports.write(replace(REPORT, stage=AgentStage.DONE))
    assert Journal(tmp_path / "state.json", reports, tuple).state().acted.epoch == 7
    with pytest.raises(UnreadableRecord, match="delete the file"):
        Service(tmp_path)


def test_agent_reads_the_state_of_a_newer_version(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_text(json.dumps({"acted": {"epoch": 7, "added_later": 1}, "v": 3}))
    assert Journal(file, MemoryReports(), tuple).state().acted.epoch == 7


def test_agent_names_the_file_about_its_service_that_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / "service.json").write_text("not json")
    with pytest.raises(UnreadableRecord, match=r"service\.json.*Stop the service of this host by hand"):
        Service(tmp_path)


@pytest.mark.parametrize("pid", [0, 1, -5])
def test_agent_never_signals_a_group_that_is_not_its_services(tmp_path: Path, pid: int) -> None:
    start = StartRecord(pid, 1, kernel_boot(), "boot", "1.0.0", "d", 1.0)
    (tmp_path / "service.json").write_text(to_json(start))
    with pytest.raises(UnreadableRecord, match="expected the pid of a service, 2 or more"):
        Service(tmp_path)
