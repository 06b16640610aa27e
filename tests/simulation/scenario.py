"""The start of a run: hosts, a policy, versions with their flaws, and the deployments before the run."""

import hashlib
import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from apps.agent.decide import State, TurnRecord
from apps.agent.ports import PublishedManifest
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import AgentStage, Feature, HostReport, SelfTest
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request, deployment_id
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.service.manifest import Check, Manifest, ReleaseCommand, Run
from lifecycle.domain.service.policy import AfterBake, ApprovalGate, OnFail, Policy
from lifecycle.domain.service.target import Target
from tests.fakes.publishing import publish
from tests.simulation import false_reports
from tests.simulation.hosts import Boot, Flaw, Host

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

VERSIONS = ("1.0.0", "1.0.1", "1.0.2", "1.0.3")
FIRST = "1.0.0"
OLDER = "0.9.0"
_DIGESTS = {version: hashlib.sha256(version.encode()).hexdigest() for version in (OLDER, *VERSIONS)}
_GATES = (ApprovalGate.NONE, ApprovalGate.BEFORE_FIRST_HOST, ApprovalGate.AFTER_FIRST_HOST)
_MIGRATION = ReleaseCommand("python3 manage.py migrate", 60)
_RUN = Run("python3 app.py", 8080)
_WORKER = replace(_RUN, port=0, http=False)
_ALIVE, _TEST = Check(path="/is_alive"), Check(path="/self_test")


class Scenario:
    """The choices of a seed. `flaws`: version -> (flaw, host or "" for every host, probability)."""

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim
        rng = sim.rng
        self.size = rng.choice((1, 2, 2, 3, 3, 3, 3, 4, 6))
        if sim.checkpoint_from == 0:
            self.size += 3  # a checkpoint matters after the second host
        self.policy = Policy(
            approval=rng.choice((ApprovalGate.NONE,) * 5 + _GATES),
            approval_expires_seconds=rng.choice((600, 86_400)),
            decision_expires_seconds=rng.choice((900, 604_800)),
            max_unavailable=rng.choice((1, 1, 2, 2, "50%")) if self.size > 2 else 1,
            min_healthy=rng.choice((0, 0, 0, 1)) if self.size > 1 else 0,
            max_unreachable=rng.choice((0, 1, 1, "50%")),
            drain_seconds=rng.choice((5, 60)),
            alive_seconds=rng.choice((20, 60)),
            bake_minutes=rng.choice((0, 0, 0, 0, 0, 0, 4, 12)) if self.size > 2 else 0,
            on_fail=rng.choice(tuple(OnFail)),
            after_bake=rng.choice((AfterBake.GO_ON, AfterBake.GO_ON, AfterBake.ASK)),
        )
        if not sim.http:
            # lifecycle.toml of such a service may not say these.
            usual = Policy()
            self.policy = replace(
                self.policy, bake_minutes=0, on_fail=usual.on_fail, after_bake=usual.after_bake,
                drain_seconds=usual.drain_seconds,
            )  # fmt: skip
        self.bad_in_the_test_bed = {version for version in VERSIONS[1:] if rng.random() < 0.3}
        self.flaws: dict[str, tuple[Flaw, str, float]] = {}
        self.published: dict[str, Manifest] = {}
        self.signed: dict[str, str] = {}
        for version in (OLDER, *VERSIONS):
            self.flaws[version] = self._draw_flaw()
        self.migrating = {version for version in VERSIONS if rng.random() < 0.2}
        self.config_flaws: dict[int, Flaw] = {}
        self.versions = VERSIONS
        self._joined = 0

    def _draw_flaw(self) -> tuple[Flaw, str, float]:
        rng = self._sim.rng
        if rng.random() < 0.55:
            return Flaw.NONE, "", 1.0
        flaw = rng.choice(
            (Flaw.BYTES, Flaw.START, Flaw.SELF_TEST, Flaw.SELF_TEST, Flaw.ALIVE, Flaw.DIES, Flaw.DIES, Flaw.RELEASE)
        )
        where = f"host-{rng.randint(1, self.size)}" if rng.random() < 0.4 else ""
        return flaw, where, rng.choice((1.0, 1.0, 0.5))

    def flaw(self, version: str, host: str) -> Flaw:
        flaw, where, often = self.flaws[version]
        if flaw is Flaw.ALIVE and not self._sim.http:
            return Flaw.NONE
        if flaw is Flaw.NONE or (where and where != host) or (flaw is Flaw.DIES and self._sim.calm):
            return Flaw.NONE
        return flaw if often == 1.0 or self._sim.random() < often else Flaw.NONE

    def prepare(self) -> None:
        """Publish the versions, start the hosts, and record the deployments before the run, if any."""
        sim = self._sim
        for version in (OLDER, *self.versions):
            self.publish(version)
        hosts = [self.new_host() for _ in range(self.size)]
        if sim.random() < 0.3:
            self._a_host_covers_up(sim.rng.choice(hosts))
        if sim.random() < 0.9:
            self._add_earlier_deployment(hosts)
        for host in hosts:
            sim.start_agent(host)

    def _a_host_covers_up(self, host: Host) -> None:
        """Make a host report failed self-tests as passed, and one version fail its self-test."""
        host.cover_up = self._sim.rng.choice(false_reports.COVER_UPS)
        self.flaws[self._sim.rng.choice(VERSIONS[1:])] = (Flaw.SELF_TEST, "", 1.0)

    def publish(self, version: str) -> None:
        made = self.published.setdefault(version, self._manifest(version))
        artifacts = self._sim.artifacts
        artifacts.replace_manifest(made)  # somebody may have written there
        artifacts.replace_envelope("hello", version, self.signed.get(version, ""))
        publish(artifacts, self._sim.catalogue, made, version.encode())
        self.signed[version] = artifacts.envelope("hello", version)
        self._sim.oracle.back_at[version] = self._sim.now

    def _target(self, version: str) -> Target:
        return self._sim.artifacts.stored_manifest("hello", version).as_published.target(version)

    def _manifest(self, version: str) -> Manifest:
        return Manifest(
            service="hello",
            version=version,
            commit="a" * 40,
            repository="https://example.test/hello.git",
            branch="main",
            digest=_DIGESTS[version],
            size=len(version),
            built_at=self._sim.time(),
            builder="build-1",
            run=_RUN if self._sim.http else _WORKER,
            is_alive=_ALIVE if self._sim.http else Check(timeout_seconds=2),
            self_test=_TEST if self._sim.http else Check(command="./check.sh"),
            policies={"production": self.policy},
            release=_MIGRATION if version in self.migrating else None,
        )

    def new_host(self) -> Host:
        """Add a host with an empty disk."""
        sim = self._sim
        self._joined += 1
        number = self._joined
        host = Host(sim, f"host-{number}", f"127.0.10.{number}", "ab"[number % 2])
        host.slowness = sim.rng.choice((0.3, 1.0, 1.0, 1.0, 5.0, 30.0))
        sim.hosts[host.name] = sim.hosts_at[host.address] = host
        if sim.closed:
            sim.fleet.bind(sim.cluster, {host.name: host.address})
        return host

    def _finished_deployment(
        self, suffix: str, epoch: int, target: Target, previous: Target | None, hosts: list[Host]
    ) -> Deployment:
        """Return a deployment that was DONE days ago; the smaller its epoch, the older it is."""
        began = self._sim.time() - timedelta(days=2 - epoch)
        name = deployment_id(self._sim.cluster, began, suffix)
        return Deployment(
            request=Request(name, "hello", "production", target.version, "ada", "it was wanted"),
            epoch=epoch,
            target=target,
            previous=previous,
            hosts=tuple(host.name for host in hosts),
            policy=self.policy,
            started_at=began,
            execution=name,
            state=DeploymentState.DONE,
            reason="every host serves it",
            finished_at=began,
        )

    def _add_earlier_deployment(self, hosts: list[Host]) -> None:
        sim, target = self._sim, self._target(FIRST)
        older = self._add_older_deployment(hosts) if sim.random() < 0.4 else None
        done = self._finished_deployment("init", 1, target, older, hosts)
        sim.deployments.put(done)
        sim.leases._leases[sim.cluster] = Lease(1)
        sim.registry.set_desired(sim.cluster, Desired(FIRST, target.digest, 1, done.id, manifest=target.manifest))
        for host in hosts:
            self._make_serving(host, done)
        sim.oracle.deployed_before(done)

    def _add_older_deployment(self, hosts: list[Host]) -> Target:
        """Record an older version on every host, so that a rollback also has a rollback target."""
        sim, target = self._sim, self._target(OLDER)
        older = self._finished_deployment("old", 0, target, None, hosts)
        sim.deployments.put(older)
        sim.oracle.deployed_before(older)
        return target

    def _make_serving(self, host: Host, done: Deployment) -> None:
        sim, target, boot = self._sim, done.target, f"{host.name}/0"
        before = (done.previous,) if done.previous else ()
        for each in (*before, target):
            host.disk[each.version] = each.digest
            made = self.published[each.version]
            host.manifests[each.version] = PublishedManifest(made, sim.artifacts.text(made.prefix))
            host.envelopes[each.version] = self.signed[each.version]
        host.current = target.version
        host.newest = json.dumps({"release": target.version})
        host.boot = host.started = Boot(
            boot, target.version, target.digest, done.id, 0.0, tested=True, address=host.address
        )
        test = SelfTest(True, target.digest, boot, "ok")
        acted = TurnRecord(1, 1, Order.INSTALL, done.id, target.version, target.digest, 1, AgentStage.DONE)
        host.journal = State(acted, test, target.version, done.previous.version if done.previous else "")
        host.acted_epoch = 1
        sim.balancer.put_into_rotation(host.address)
        sim.fleet.write_report(
            sim.cluster,
            HostReport(
                host=host.name,
                address=host.address,
                port=host.port,
                zone=host.zone,
                seen_at=sim.time(),
                agent_started_at=sim.time(),
                epoch=1,
                attempt=1,
                order=Order.INSTALL,
                deployment=done.id,
                stage=AgentStage.DONE,
                installed=target.version,
                digest=target.digest,
                boot=boot,
                running=True,
                self_test=test,
                releases=tuple(host.disk),
                features=tuple(Feature),
                newest=(target.version,),
            ),
        )
