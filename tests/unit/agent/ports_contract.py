"""The contract of the agent's ports, for every implementation.

Subclass `AgentPortsContract` with a fixture `ports`.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from apps.agent.ports import Releases, Reports, Turns
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.host import AgentStage, HostReport, SelfTest
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.service.manifest import Check, Manifest, Run
from lifecycle.domain.service.policy import Policy

AT = datetime(2026, 11, 23, 9, 30, 0, 250_000, tzinfo=UTC)
HOST = "web-1"
ARTIFACT = bytes(range(256)) * 3000


@dataclass(frozen=True)
class Ports:
    """The ports of host HOST in production/hello, with functions that act as the control plane."""

    turns: Turns
    reports: Reports
    releases: Releases
    give: Callable[[Turn], None]
    publish: Callable[[Manifest, bytes], None]


def a_turn(**changes: object) -> Turn:
    turn = Turn(
        host=HOST,
        order=Order.PREFETCH,
        deployment="hello-production-20261123093000-0a1b",
        epoch=7,
        attempt=1,
        version="1.4.2",
        digest="ab" * 32,
        issued_at=AT,
        expires_at=AT + timedelta(minutes=15),
    )
    return replace(turn, **changes)  # type: ignore[arg-type]


def a_report(**changes: object) -> HostReport:
    report = HostReport(host=HOST, address="127.0.0.11", port=18_011, zone="a", seen_at=AT, agent_started_at=AT)
    return replace(report, **changes)  # type: ignore[arg-type]


def a_manifest(**changes: object) -> Manifest:
    manifest = Manifest(
        service="hello",
        version="1.4.2",
        commit="ab12cd3" + "0" * 33,
        repository="hello",
        branch="main",
        digest=hashlib.sha256(ARTIFACT).hexdigest(),
        size=len(ARTIFACT),
        built_at=AT,
        builder="test",
        run=Run("./serve", 8080, {"MODE": "quiet"}),
        is_alive=Check("/is_alive"),
        self_test=Check(command="./self-test"),
        policies={"production": Policy(max_unavailable=2)},
    )
    return replace(manifest, **changes)  # type: ignore[arg-type]


class AgentPortsContract:
    def test_a_new_host_has_no_turn(self, ports: Ports) -> None:
        assert ports.turns.current() is None

    def test_a_turn_is_read_as_it_was_written(self, ports: Ports) -> None:
        ports.give(a_turn())

        assert ports.turns.current() == a_turn()

    def test_the_next_turn_replaces_the_last(self, ports: Ports) -> None:
        ports.give(a_turn())
        ports.give(a_turn(order=Order.INSTALL, attempt=2))

        assert ports.turns.current() == a_turn(order=Order.INSTALL, attempt=2)

    def test_a_host_that_never_reported_has_no_report(self, ports: Ports) -> None:
        assert ports.reports.latest() is None

    def test_the_last_report_is_read_as_it_was_written(self, ports: Ports) -> None:
        ports.reports.write(a_report())
        full = a_report(
            epoch=7,
            attempt=2,
            stage=AgentStage.FAILED,
            failed_stage=AgentStage.SELF_TESTING,
            log_tail="a\nb",
            self_test=SelfTest(passed=False, digest="cd" * 32, boot="b", detail="500"),
            releases=("1.4.1", "1.4.2"),
        )
        ports.reports.write(full)

        assert ports.reports.latest() == full

    def test_a_published_version_is_read_whole(self, ports: Ports) -> None:
        ports.publish(a_manifest(), ARTIFACT)
        parts: list[bytes] = []
        ports.releases.copy_artifact("hello", "1.4.2", parts.append)

        assert ports.releases.manifest("hello", "1.4.2").manifest == a_manifest()
        assert b"".join(parts) == ARTIFACT

    def test_a_snapshot_is_read_like_a_release(self, ports: Ports) -> None:
        snapshot = a_manifest(version="1.4.0-20261123014630-ab12cd3")
        ports.publish(snapshot, ARTIFACT)

        assert ports.releases.manifest("hello", snapshot.version).manifest == snapshot

    def test_a_version_that_was_not_published_is_unknown(self, ports: Ports) -> None:
        with pytest.raises(Unknown):
            ports.releases.manifest("hello", "9.9.9")
        with pytest.raises(Unknown):
            ports.releases.copy_artifact("hello", "9.9.9", print)

    def test_an_error_of_the_writer_ends_the_copy(self, ports: Ports) -> None:
        ports.publish(a_manifest(), ARTIFACT)

        def full(chunk: bytes) -> None:
            raise OSError(28, "No space left on device")

        with pytest.raises(OSError, match="No space"):
            ports.releases.copy_artifact("hello", "1.4.2", full)
