"""The fakes that need the simulation: clock, fleet, leases, executions, and reads that are torn."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from lifecycle.application.ports.step_reads import HostRecords, LoopRecords, StepRecords
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.execution import ExecutionState
from lifecycle.domain.rollout.lease import Lease
from tests.fakes.fleet import MemoryFleet
from tests.fakes.leases import MemoryLeases
from tests.simulation.quick_records import http_date, report_seen_at

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

# Seconds. A real agent reports every 10 s; a report of 9 s ago makes no host unreachable.
HEARTBEAT = 9.0
# Seconds. A waiting stage polls less and less often, down to this, so that a run stays short.
LONGEST_NAP = 30.0


class Fleet(MemoryFleet):
    """The fake of the fleet; a read first brings the heartbeats of reachable hosts up to date."""

    def __init__(self, sim: "Simulation") -> None:
        super().__init__()
        self.ghosts: dict[str, HostReport] = {}
        self._sim = sim

    def reports(self, cluster: Cluster) -> Mapping[str, HostReport]:
        for name in self._sim.hosts:
            self.beat(name)
        return super().reports(cluster)

    def report(self, cluster: Cluster, host: str) -> HostReport | None:
        self.beat(host)
        return super().report(cluster, host)

    def write_report(self, cluster: Cluster, report: HostReport) -> None:
        """Write a report; one that announces an end of the service starts convergence."""
        sim, before = self._sim, self._reports.get(cluster, {}).get(report.host)
        super().write_report(cluster, report)
        host = sim.hosts.get(report.host)
        if host is None:
            return
        sim.oracle.report_written(host, report)
        if (end := report.ended) and (before is None or before.ended != end):
            sim.operators.converge_ended(report.host)
            minutes = 2.0 ** min(end.announced - 1, 4)
            sim.after(60.0 * minutes, 60.0 * minutes + 5.0, lambda: sim.check_service(host))

    def is_new(self, host: str) -> bool:
        """Return True when a host has no report: it never had one, or was removed."""
        return host not in self._reports.get(self._sim.cluster, {})

    def remove(self, cluster: Cluster, host: str) -> None:
        """Remove a host; the next heartbeat of a running agent adds it again."""
        super().remove(cluster, host)
        if found := self._sim.hosts.get(host):
            if self._sim.closed and not found.left:  # somebody binds the machine that still runs again
                self.bind(cluster, {host: found.address})
            self._sim.after(0.0, HEARTBEAT, lambda: self._sim.resend_report(found))

    def _all(self, cluster: Cluster) -> Mapping[str, HostReport]:
        return {**super()._all(cluster), **self.ghosts} if self.ghosts else super()._all(cluster)

    def written(self, host: str) -> HostReport | None:
        """Return the report of a host as its agent reads it: what it has written."""
        self.beat(host)
        return self._reports.get(self._sim.cluster, {}).get(host)

    def beat(self, name: str, *, last: bool = False) -> None:
        """Update `seen_at` if the host is reachable now, or was until this moment (`last`)."""
        sim = self._sim
        host = sim.hosts.get(name)
        mine = self._reports.get(sim.cluster, {})
        if host is None or sim.now - host.last_report_at < HEARTBEAT or not (last or host.reachable()):
            return
        if name not in mine or not (sim.http or sim.reporters[name].has_sent):
            return
        host.last_report_at = sim.now - sim.now % HEARTBEAT
        # A parked agent polls all the time: its clock is corrected by the answers.
        if host.clock:
            host.clock.sent()
            host.clock.answered(http_date(sim.time()))
        error = (host.clock.now() - sim.time()).total_seconds() if host.clock else 0.0
        mine[name] = report_seen_at(mine[name], sim.time(host.last_report_at - sim.now + error))


class Leases(MemoryLeases):
    """The leases; in some runs they expire within minutes, so that running deployments are fenced."""

    def __init__(self, sim: "Simulation") -> None:
        super().__init__()
        minutes = sim.rng.choice((0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 1.0, 5.0))
        self._longest = timedelta(minutes=minutes) if minutes else None
        self._rivals = 4
        self._sim = sim

    def acquire(self, cluster: Cluster, deployment: str, now: datetime, newest: int = 0) -> Lease:
        return self._shortened(cluster, super().acquire(cluster, deployment, now, newest), now)

    def hand_over(self, cluster: Cluster, lease: Lease, rollback: str, now: datetime, newest: int = 0) -> Lease:
        return self._shortened(cluster, super().hand_over(cluster, lease, rollback, now, newest), now)

    def renew(self, cluster: Cluster, lease: Lease, until: datetime) -> Lease:
        return self._shortened(cluster, super().renew(cluster, lease, until), self._sim.time())

    def _shortened(self, cluster: Cluster, lease: Lease, now: datetime) -> Lease:
        longest = self._longest
        if longest is None or self._sim.calm or lease.expires_at is None or lease.expires_at <= now + longest:
            return lease
        self._leases[cluster] = replace(lease, expires_at=now + longest)
        if self._rivals:  # an operator deploys just after the lease has expired
            self._rivals -= 1
            seconds = longest.total_seconds()
            self._sim.after(seconds, seconds + 30.0, self._sim.operators.deploy)
        return self._leases[cluster]


class Clock:
    """The clock of the calling actor, which may be wrong."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim

    def now(self) -> datetime:
        actor = self._sim.actor
        return self._sim.time(actor.skew if actor else 0.0)

    def sleep(self, seconds: float) -> None:
        actor = self._sim.actor
        if actor is not None:
            actor.sleeps += 1
            self._sim.sleep(actor, min(seconds * (1 + actor.sleeps // 2), LONGEST_NAP))


class StepReads:
    """The port StepReads: as in BatchGetItem, each record is consistent, but writes happen between two."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim

    def of_host(self, cluster: Cluster, deployment: str, host: str, attempt: int) -> StepRecords:
        sim = self._sim
        found = self._sim.deployments.get_without_hosts(cluster, deployment)
        self._between()
        lease = sim.leases.current(cluster)
        tried = sim.deployments._attempts.get((deployment, host, attempt))
        self._between()
        return StepRecords(found, lease, tried, sim.fleet.report(cluster, host))

    def of_deployment(self, cluster: Cluster, deployment: str) -> tuple[Deployment | None, Lease]:
        found = self._sim.deployments.get_without_hosts(cluster, deployment)
        self._between()
        return found, self._sim.leases.current(cluster)

    def of_loop(self, cluster: Cluster, deployment: str) -> LoopRecords:
        found, lease = self.of_deployment(cluster, deployment)
        self._between()
        return LoopRecords(found, lease, self._sim.deployments.checkpoint(deployment))

    def of_hosts(
        self, cluster: Cluster, deployment: str, attempts: Sequence[tuple[str, int]], hosts: Sequence[str]
    ) -> HostRecords:
        sim = self._sim
        tried = [sim.deployments.attempt(deployment, *each) for each in attempts]
        self._between()
        found = {host: sim.fleet.report(cluster, host) for host in hosts}
        return HostRecords([a for a in tried if a], {host: r for host, r in found.items() if r})

    def _between(self) -> None:
        sim = self._sim
        if sim.actor is not None and sim.random() < 0.05:
            sim.sleep(sim.actor, 0.2 * sim.random())


class Executions:
    """The port Executions, over the executions of this run."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim

    def start_rollout(self, name: str, payload: Mapping[str, Any]) -> bool:
        return self._sim.executions.start_execution(name, payload, by="lifecycle")

    def start_delivery(self, name: str, payload: Mapping[str, Any]) -> bool:
        raise NotImplementedError

    def rollout_state(self, name: str) -> ExecutionState:
        found = self._sim.executions.by_name.get(name)
        return found.state if found else ExecutionState.UNKNOWN

    def running_rollouts(self) -> Sequence[str]:
        return [name for name, each in self._sim.executions.by_name.items() if each.running]

    def rollout_end(self, name: str) -> None:
        raise NotImplementedError  # only views call it

    def answer_token(self, token: str, output: Mapping[str, Any]) -> bool:
        return self._sim.executions.answer_token(token)
