"""The scripted hosts of rollout.py: what a test says of each, and its reports."""

from dataclasses import dataclass, field, replace

from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.fleet.host_command import Turn


@dataclass
class Host:
    """One scripted host. `breaks` maps a version to the stage that fails; `bad_configs` fail the self-test.

    A `silent` host sends no reports. `leaves` is a version whose start left a process that nothing can end. `address`
    and `port` are where the next start binds.
    """

    name: str
    address: str
    zone: str = "a"
    port: int = 8080
    breaks: dict[str, AgentStage] = field(default_factory=dict)
    bad_configs: set[int] = field(default_factory=set)
    knows_no_config: bool = False
    silent: bool = False
    leaves: str = ""
    release: str = "passes"  # or "fails", "runs" without an end, or "lost": the agent does not know
    released: list[str] = field(default_factory=list)
    boots: int = 0
    seen: Turn | None = None


def at_port(report: HostReport, host: Host) -> HostReport:
    """Return a report with the place of the last start, as an agent with another port reports it."""
    if not report.boot:
        return replace(report, port=host.port)
    here = (report.address, report.port) == (host.address, host.port)
    return replace(report, moves_to="" if here else f"{host.address}:{host.port}")


def report_on(was: HostReport, turn: Turn) -> HostReport:
    """Return a report on a turn that the host has just taken."""
    return replace(was, epoch=turn.epoch, attempt=turn.attempt, order=turn.order, deployment=turn.deployment)
