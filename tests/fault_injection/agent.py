"""The real agent with faults.py around its parts; supervisor.py starts it. The product has no hook for it.

The places for faults: begin and end (the journal's two writes), fetch, install and self_test (of a turn), and
report (the write of a report that says DONE).
"""

import sys
from typing import Any

from apps.agent import aws, installer
from apps.agent.__main__ import main
from apps.agent.installer import Installer
from apps.agent.journal import Journal
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.fleet.host_command import Order
from tests.fault_injection.faults import around

PLACES = ("begin", "fetch", "install", "self_test", "end", "report")


def wrap() -> None:
    """Wrap every part of the agent that a fault may hit."""
    _around(Journal, "begin", lambda turn, _stage: turn.order is Order.INSTALL)
    _around(Journal, "end", lambda stage, *_: stage in (AgentStage.DONE, AgentStage.FAILED))
    _around(Installer, "fetch")
    _around(Installer, "install")
    _around(installer, "self_test")
    _around(aws.DynamoReports, "write", _is_done, "report")


def _is_done(report: HostReport) -> bool:
    return report.stage is AgentStage.DONE


def _around(owner: Any, name: str, when: Any = None, place: str = "") -> None:
    real = getattr(owner, name)
    is_method = isinstance(owner, type)

    def wrapped(*given: Any, **named: Any) -> Any:
        if when and not when(*(given[1:] if is_method else given)):
            return real(*given, **named)
        return around(f"agent {place or name}", lambda: real(*given, **named))

    setattr(owner, name, wrapped)


if __name__ == "__main__":
    wrap()
    sys.exit(main(sys.argv[1:]))
