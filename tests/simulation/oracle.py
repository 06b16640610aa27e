"""The oracle: on every effect, it checks each invariant that the effect may break.

It judges by what hosts really run and where the load balancer really sends traffic. The checks are in
invariants/, by theme; the past effects that they need are in history.py. A method named `port_method` is
called after each such write (context.py); the other methods are called by the fakes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from apps.agent.decide import State
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Order, RefusedTurn, Turn
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import Answer, Question, QuestionKind
from lifecycle.domain.rollout.deployment import Deployment, Request
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.domain.service.manifest import Manifest
from tests.simulation import throttling
from tests.simulation.history import History
from tests.simulation.hosts import Boot, Host
from tests.simulation.invariants import (
    beds,
    causes,
    ending,
    fencing,
    in_rotation,
    operating,
    records,
    releases,
    shared,
    supervision,
)
from tests.simulation.liars import LIAR
from tests.simulation.scheduler import Actor


class Oracle(History):
    """The effects of a run, one method per effect."""

    # The start of a run, and the actions of operators.

    def deployed_before(self, done: Deployment) -> None:
        self.records[done.id] = done
        self.lease = self.sim.leases.current(self.sim.cluster)

    def deployment_requested(self, request: Request) -> None:
        self.requested.add(request.deployment)
        self.requests[request.deployment] = request

    def execution_started(self, name: str, given: Mapping[str, Any], by: str) -> None:
        if by == LIAR:
            return  # whatever it says, nothing may begin by it
        asked = self._asked(str(given["deployment"]))
        causes.starts_only_what_was_asked_for(self, name, asked, by)
        shared.is_not_repaired_host_by_host(self, asked)
        self.asked_for.add(str(given["deployment"]))

    def _asked(self, deployment: str) -> Mapping[str, Any]:
        """Return the request of a deployment as the records have it, the newest of them first."""
        sim, waiting = self.sim, self.sim.queue.waiting(self.sim.cluster)
        record, recorded = sim.deployments.get(sim.cluster, deployment), sim.requests.find(deployment)
        found = record.request if record else recorded.request if recorded else None
        if found is None and waiting is not None and waiting.request.deployment == deployment:
            found = waiting.request
        if found is None:
            self.fail("26 unproven", f"an execution of {deployment} is started, and no request is on record")
        return asdict(found) if found else {"deployment": deployment}

    def unexpected(self, actor: Actor | None, error: Exception) -> None:
        """Fail the run: an error outside of the product's own tree of errors is an unhandled case."""
        self.fail("unexpected error", f"{actor.name if actor else '?'} raised {error!r}")

    def function_returned(self, actor: Actor, result: Any) -> None:
        if actor.host and isinstance(result, dict) and result.get("outcome") == "PASSED":
            key = (actor.function, actor.deployment, actor.host, actor.given["attempt"])
            self.stage_passed_at.setdefault(key, self.sim.now)
        if actor.function == "next_step" and result["kind"] == "FINISH":
            self.found_done_at.setdefault(actor.deployment, self.sim.now)
        if actor.function == "decide":
            records.answers_what_was_asked(self, actor, result)
        if actor.function == "next_step" and result["kind"] == "UPDATE_HOSTS":
            records.hands_out_what_is_on_record(self, actor, result)

    # Leases.

    def leases_acquire(
        self, actor: Actor, acquired: Lease, cluster: Cluster, name: str, now: datetime, newest: int
    ) -> None:
        fencing.taken_only_when_free(self, now)
        if name not in self.asked_for:
            self.fail("26 unproven", f"{name} takes the lease, and nobody known has asked for it")
        if self.lease.deployment not in ("", self.sim.leases.current(self.sim.cluster).deployment):
            self.lease_expired.add(self.lease.deployment)
        self._lease_now(actor, name)

    def leases_hand_over(self, actor: Actor, acquired: Lease, cluster: Cluster, old: Lease, *_: Any) -> None:
        self._lease_now(actor, old.deployment)

    def leases_renew(self, actor: Actor, lease: Lease, *_: Any) -> None:
        self._lease_now(actor, lease.deployment)

    def leases_release(self, actor: Actor, _: object, cluster: Cluster, lease: Lease) -> None:
        self._lease_now(actor, lease.deployment)

    def lease_lost(self, left: Lease) -> None:
        """Note that somebody set the lease back to `left`; every later epoch exceeds those on record.

        A holder that was lost right after it took the lease has not recorded its epoch, nor acted under it.
        """
        if self.lease.deployment:
            self.lease_lost_at[self.lease.deployment] = self.sim.now
            self.robbed, self.robbed_until = self.lease.deployment, float("inf")
        sim, desired = self.sim, self.sim.registry.desired(self.sim.cluster)
        recorded = [each.epoch for each in sim.deployments.recent(sim.cluster, 1000)]
        recorded += sim.fleet.turn_epochs(sim.cluster).values()
        recorded += [host.acted_epoch for host in sim.hosts.values()]
        known = max([left.epoch, desired.epoch if desired else 0, *recorded])
        self.lease, self.lost_lease = Lease(min(self.lease.epoch, known)), left
        self.lost_epoch = self.lease.epoch

    def _lease_now(self, actor: Actor, deployment: str) -> None:
        old, new = self.lease, self.sim.leases.current(self.sim.cluster)
        if new in (old, self.lost_lease):
            return  # nothing was written
        self.lost_lease, self.robbed_until = None, min(self.robbed_until, self.sim.now)
        fencing.epochs_only_grow(self, old, new)
        self.lease = new
        if new.deployment == old.deployment:
            return
        records.audit_entry_comes_first(self, deployment, "", "", f"the lease {new}")
        if old.deployment and old.deployment != new.deployment:
            self.lease_lost_at[old.deployment] = self.sim.now
        if new.deployment and new.deployment != old.deployment:
            again = new.deployment in self.lease_acquired
            self.lease_acquired[new.deployment] = (new.epoch, self.sim.now)
            self.in_rotation_before = in_rotation.pairs_in_rotation(self)
            if not again:
                operating.begins_only_when_it_may(self, new.deployment)

    # Records.

    def deployments_put(self, actor: Actor, _: object, put: Deployment) -> None:
        stored = self.sim.deployments.get(put.cluster, put.id)
        before = self.records.get(put.id)
        if stored is None or stored == before:
            return
        records.final_is_final(self, actor, before, stored)
        if before is None or stored.epoch > before.epoch:
            fencing.uses_no_lost_epoch(self, actor, f"the record {stored.id}")
        if stored.state.final and (before is None or not before.state.final):
            self.ended_at[stored.id] = self.sim.now
            records.audit_entry_comes_first(self, stored.id, "", "", f"the end of {stored.id} as {stored.state}")
            ending.done_means_done(self, stored)
            ending.no_rollback_is_dropped(self, stored)
        self.records[put.id] = stored

    def deployments_begin_attempt(self, actor: Actor, begun: bool, attempt: HostAttempt) -> None:  # noqa: FBT001
        if not begun:
            return
        key = (attempt.deployment, attempt.host, attempt.number)
        self.attempts[key], self.moved_at[key] = attempt, self.sim.now
        records.begins_in_its_round(self, actor, attempt)
        records.halts_at_failures(self, actor, attempt)
        supervision.fallen_is_asked_about(self, attempt)
        operating.touches_only_what_it_may(self, actor, attempt)
        releases.changes_hosts_after_its_run(self, attempt)
        beds.waits_for_the_verdict(self, actor, attempt)

    def deployments_put_attempt(self, actor: Actor, _: object, put: HostAttempt) -> None:
        key = (put.deployment, put.host, put.number)
        stored = self.sim.deployments._attempts[key]
        before = self.attempts.get(key)
        if stored == before:
            return
        self.attempts[key] = stored
        if before is None or before.state is not stored.state:
            if stored.state is AttemptState.FAILED:
                self.failed_at[key] = self.sim.now
            if stored.state is AttemptState.ALIVE and put.host in self.sim.hosts:
                supervision.stays_alive_first(self, self.sim.hosts[put.host], stored)
            self.moved_at[key] = self.sim.now
            records.attempts_move_forward(self, actor, before, stored)
            records.recorded_stages_are_true(self, actor, stored)
            shared.live_host_is_not_unreachable(self, actor, stored)
            throttling.fails_no_host(self, actor, stored)

    def deployments_answer(self, actor: Actor, answered: Question, question: Question, answer: Answer) -> None:
        records.audit_entry_comes_first(self, question.deployment, question.host, "answered", "an answer")
        records.answers_are_offered(self, answered)
        self.answered_at.setdefault((answered.deployment, answered.id), self.sim.now)
        if answered.kind is QuestionKind.RESUME:
            self.paused_at.pop(answered.deployment, None)

    def deployments_ask(self, actor: Actor, asked: Question, question: Question) -> None:
        shared.repair_asks_nobody(self, asked)
        if asked.kind is QuestionKind.RESUME and asked.answer is None:
            self.paused_at.setdefault(asked.deployment, self.sim.now)

    def freezes_put(self, actor: Actor, none: None, freeze: Freeze) -> None:
        self.frozen_at[freeze.scope] = self.sim.now

    def fleet_quarantine(self, actor: Actor, none: None, cluster: Cluster, name: str, why: str) -> None:
        self.quarantined_at.setdefault(name, self.sim.now)

    def fleet_quarantine_host(self, actor: Actor, none: None, cluster: Cluster, name: str, why: str) -> None:
        self.quarantined_at.setdefault(name, self.sim.now)

    def fleet_remove(self, actor: Actor, none: None, cluster: Cluster, host: str) -> None:
        self.removed_at = self.sim.now

    def fleet_lift_quarantine(self, actor: Actor, none: None, cluster: Cluster, name: str) -> None:
        if self.quarantined_at.pop(name, None) is not None:
            self.lifted_at[name] = self.sim.now

    def audit_log_append(self, actor: Actor, none: None, entry: AuditEntry) -> None:
        self.audited.add((entry.deployment, entry.host, entry.what.partition(" ")[0]))
        self.audited.add((entry.deployment, "", ""))
        records.audit_log_only_grows(self)
        causes.hand_made_is_hand_made(self, entry)

    def registry_set_desired(self, actor: Actor, none: None, cluster: Cluster, desired: Desired) -> None:
        self.desired_before.append(desired)
        if self.desired_by_hand_at is not None:
            self.desired_by_hand_at, self.desired_written_at = None, self.sim.now
        fencing.not_fenced(self, actor, f"desired version {desired.version}")
        records.audit_entry_comes_first(self, actor.deployment or self.last_holder(), "", "", "the desired version")

    def turn_given(self, actor: Actor, refused: Sequence[RefusedTurn], cluster: Cluster, turn: Turn) -> None:
        if refused:
            return
        if what := {Order.INSTALL: "install", Order.RESTORE: "diagnose"}.get(turn.order):
            self.turns_given.add((turn.host, turn.epoch, turn.attempt, turn.order))
            records.audit_entry_comes_first(self, turn.deployment, turn.host, what, "the turn")
        if turn.order is Order.IDLE:
            return  # IDLE only cancels a turn
        fencing.not_fenced(self, actor, f"turn {turn.epoch}.{turn.attempt} {turn.order} of {turn.host}")

    # The load balancer.

    def weights_changed(self) -> None:
        beds.weights_are_served(self)

    def deployments_put_bed(self, actor: Actor, _: object, put: TestBed) -> None:
        stored = self.sim.deployments._beds[put.deployment, put.number]
        if stored != self.beds.get((put.deployment, put.number)):
            self.beds[put.deployment, put.number] = stored
            self.bed_moved_at[put.deployment, put.number] = self.sim.now
            beds.verdict_fits(self, stored)

    def deregisters(
        self, address: str, state: TargetState, group: Group = Group.MAIN, port: int | None = None
    ) -> None:
        actor, host = self.sim.actor, self.sim.hosts_at[address]
        beds.leaves_no_weight_behind(self, actor, address, group)
        if actor is None:
            return
        report = self.sim.fleet.written(host.name)
        if port and report and report.port != port:  # no agent reports this place any more
            self.stray_leaves(address, port)
            in_rotation.enough_stay(self, actor, host, state, group)
            return
        fencing.not_fenced(self, actor, f"deregister {host.name}")
        self.drained_at[address] = self.sim.now
        what = "drain"
        if actor.function == "host_terminating":
            self.sim.balancer.lost_at[address] = self.sim.now  # AWS ends it in any case
        if actor.function == "remove_host":
            what, self.sim.balancer.lost_at[address] = "remove", self.sim.now
        # Convergence returns hosts to the main group that a deployment stopped by hand left in its test bed.
        mine = self.last_holder() if actor.function == "converge" else actor.deployment
        records.audit_entry_comes_first(self, mine, host.name, what, "the drain")
        records.drains_before_it_installs(self, actor, host)
        in_rotation.enough_stay(self, actor, host, state, group)
        shared.is_not_drained_for_a_shared_fault(self, actor, host)
        beds.enough_stay(self, actor, host, state, group)

    def machines_let_end(self, actor: Actor, _: object, cluster: Cluster, host: str) -> None:
        del actor, cluster
        in_rotation.ends_drained(self, host)

    def stray_leaves(self, address: str, port: int) -> None:
        shared.stray_has_an_entry(self, f"{address}:{port}")

    def registers(self, address: str, group: Group = Group.MAIN) -> None:
        in_rotation.only_known_hosts_get_in(self, address)
        actor, host = self.sim.actor, self.sim.hosts_at[address]
        self.registered_at[address] = self.sim.now
        self.healthy_since.pop(address, None)
        if actor is None:
            return
        if actor.deployment and self.late(actor.deployment):
            fencing.lease_outlasts_a_call(self, actor, f"register {host.name}")
            self.registered_late_at[address] = self.sim.now
        fencing.not_fenced(self, actor, f"register {host.name}")
        mine = self.last_holder() if actor.function == "converge" else actor.deployment
        records.audit_entry_comes_first(self, mine, host.name, "register", "the registration")
        records.failed_stays_out(self, actor, mine, host)
        in_rotation.only_tested_gets_in(self, host)
        in_rotation.only_its_target_gets_in(self, actor, host, group)

    def turned_healthy(self, address: str) -> None:
        host = self.sim.hosts_at[address]
        self.healthy_since.setdefault(address, self.sim.now)
        in_rotation.traffic_is_tested(self, host)
        in_rotation.traffic_is_target_or_previous(self, host)

    # The hosts.

    def report_written(self, host: Host, report: HostReport) -> None:
        supervision.end_is_reported(self, host, report)
        if self.installed_reported_at.get(host.name, ("", 0.0))[0] != report.installed:
            self.installed_reported_at[host.name] = (report.installed, self.sim.now)
        if report.ended is None:
            self.end_reported_at.pop(host.name, None)
        else:
            self.end_reported_at.setdefault(host.name, self.sim.now)

    def release_command_begins(self, host: Host, deployment: str, attempt: int) -> None:
        releases.runs_once_by_itself(self, host, deployment, attempt)

    def service_stops(self, host: Host) -> None:
        in_rotation.stops_nothing_in_rotation(self, host)
        fencing.acts_under_a_turn(self, host)

    def service_is_configured(self, host: Host, config: int, environment: dict[str, str]) -> None:
        in_rotation.starts_with_its_pair(self, host, config, environment)

    def service_runs(self, host: Host, manifest: Manifest) -> None:
        in_rotation.runs_what_was_published(self, host, manifest)

    def service_starts(self, host: Host, boot: Boot) -> None:
        fencing.acts_under_a_turn(self, host)
        in_rotation.starts_nothing_in_rotation(self, host)

    def journal_written(self, host: Host, before: State | None, state: State) -> None:
        fencing.host_epoch_only_grows(self, host, state)
        fencing.begins_current_turns(self, host, before, state)
        ending.keeps_rollback_target(self, host, state)

    def self_test_passed(self, host: Host) -> None:
        """Note that the self-test of an INSTALL turn really passed."""
        acted = host.journal.acted if host.journal else None
        if acted is not None and acted.order is Order.INSTALL:
            self.passed.add((host.name, acted.epoch, acted.attempt))
