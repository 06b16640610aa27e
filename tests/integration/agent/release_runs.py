"""Release commands that tests publish, and the processes of their runs."""

from collections.abc import Mapping
from pathlib import Path

from apps.agent.processes import process
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.service.manifest import ReleaseCommand
from tests.integration.agent.host import Host

FAILED_RELEASE = (AgentStage.FAILED, AgentStage.RELEASING)


def pids(file: Path) -> list[int]:
    return [int(line) for line in file.read_text().split()]


def lives(pid: int) -> bool:
    found = process(pid)
    return found is not None and not found.dead


def publish(
    host: Host, ran: Path, command: str, seconds: float = 30.0, files: Mapping[str, str] | None = None
) -> None:
    """Publish 1.0.1 with a release command that adds its pid to the file first."""
    host.publish(
        "1.0.1",
        release=ReleaseCommand(f"echo $$ >> {ran}; {command}", seconds),
        files=files,
        environment={"RAN": str(ran), "PIDS": str(ran)},
    )


def failure(report: HostReport) -> tuple[AgentStage, AgentStage | None]:
    return report.stage, report.failed_stage
