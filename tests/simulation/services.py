"""The fakes of what an agent uses on its host: the service, the release store, the self-test.

`Service` and `ReleaseStore` replace those of apps/agent/service.py and release_store.py, step by step.
"""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from apps.agent import fetch
from apps.agent.digests import sha256
from apps.agent.errors import ServiceFailed, StoreUnreachable
from apps.agent.ports import PublishedManifest
from apps.agent.release_command import ReleaseEnd
from apps.agent.release_store import Prepared
from apps.agent.signatures import Signatures
from lifecycle.domain.errors import DigestMismatch, Unknown
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.trusted_keys import TrustedKey
from tests.fakes.signer import QUICK_SIGNERS, verify_quickly
from tests.simulation import host_faults
from tests.simulation.hosts import Boot, Flaw, Host

if TYPE_CHECKING:
    from lifecycle.domain.service.manifest import Manifest

KEPT = 3
FOLDER = Path("releases")
RELEASE_STEPS, RELEASE_STEP_SECONDS = 4, 1.5


class Service:
    """The service of a host for Installer and Agent; the oracle checks each `stop` and `start`."""

    account = None  # the service's user is the agent's

    def __init__(self, host: Host) -> None:
        self._host = host

    @property
    def started(self) -> Boot | None:
        return self._host.started

    def running(self) -> Boot | None:
        return self._host.boot

    def stop(self) -> None:
        host = self._host
        host.sim.work(host, "stop the service", 2.0)
        if host.boot is not None:
            host.sim.oracle.service_stops(host)
            host.set_boot(None)
        host_faults.require_end_of_leftovers(host)
        host.started = None
        host.sim.work(host, "stopped the service", 0.1)

    def start(
        self,
        manifest: "Manifest",
        folder: Path,
        environment: dict[str, str],
        config: int = 0,
        *,
        restored: bool = False,
    ) -> Boot:
        del restored
        host = self._host
        host.sim.oracle.service_runs(host, manifest)
        host.sim.work(host, "start the service", 0.5)
        host.boots += 1
        version = host.current
        host.sim.oracle.service_is_configured(host, config, environment)
        flaw = host.sim.flaw(version, host.name, config)
        boot = Boot(
            boot=f"{host.name}/{host.boots}",
            version=version,
            digest=host.disk.get(version, ""),
            deployment=host.journal.acted.deployment if host.journal else "",
            at=host.sim.now,
            alive=flaw is not Flaw.ALIVE,
            config=config,
            address=host.address,
            port=host.port,
            tested=host.passed_before == (version, config) and not host.sim.http,
        )
        host.passed_before = None
        host.started = boot
        host.set_boot(boot)
        host.sim.oracle.service_starts(host, boot)
        if flaw is Flaw.DIES:
            host.sim.after(5.0, 150.0, lambda: host.sim.faults.crashes(host, boot))
        host.sim.work(host, "started the service", 0.1)
        return boot

    def exit_status(self, unknown: str = "") -> str:
        return "exit code 1"

    def ended_process(self) -> str:
        return ""

    def end_leftovers(self) -> None:
        if self._host.boot is None:
            host_faults.require_end_of_leftovers(self._host)

    def marked(self, environment: dict[str, str]) -> dict[str, str]:
        return environment

    def trim_log(self) -> None:
        return

    def trimming(self) -> AbstractContextManager[None]:
        return nullcontext()


class ReleaseRunner:
    """The release commands of a host; `Host.release_runs` records each before it begins, and its success."""

    def __init__(self, _home: Path, service: Service) -> None:
        self._host = service._host

    def run(
        self, _command: str, _folder: Path, _environment: dict[str, str], seconds: float, must_end: Callable[[], str]
    ) -> ReleaseEnd:
        host, sim = self._host, self._host.sim
        assert host.journal is not None
        acted = host.journal.acted
        run = (acted.deployment, acted.attempt, acted.version)
        sim.oracle.release_command_begins(host, acted.deployment, acted.attempt)
        host.release_runs.append((*run, False))
        for _ in range(RELEASE_STEPS):
            sim.work(host, "run the release command", min(RELEASE_STEP_SECONDS, seconds / RELEASE_STEPS))
            if reason := must_end():
                return ReleaseEnd(f"the agent ended it: {reason}", interrupted=True)
        if sim.flaw(acted.version, host.name, acted.config) is Flaw.RELEASE:
            return ReleaseEnd("exit code 3")
        host.release_runs[-1] = (*run, True)
        return ReleaseEnd()

    def forget_output(self) -> None:
        return

    def output(self, _mask: Callable[[str], str]) -> str:
        return "the end of the release command's output"

    def add_to_service_log(self, _text: str) -> None:
        return

    def end_leftovers(self) -> str:
        self._host.sim.work(self._host, "end what the release command left", 0.1)
        return ""


class Configurations:
    """The agent's port to the values of its cluster's configuration."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def values(self, revision: int) -> dict[str, str]:
        host, sim = self._host, self._host.sim
        sim.work(host, f"read config {revision}", 0.1)
        if sim.now < host.cut_off_until:
            raise StoreUnreachable("the configuration", "the network is down")
        return sim.config_store.resolved(sim.config_store.read(sim.cluster, revision))


class HostSignatures(Signatures):
    """The signatures of a host: its key is the installation's, and its file is the host's attribute `newest`."""

    def __init__(self, host: Host) -> None:
        super().__init__(FOLDER, FOLDER, verify_quickly)
        self._host = host

    def _trusted(self) -> tuple[TrustedKey, ...]:
        return tuple(each.trusted for each in QUICK_SIGNERS.values())

    def _write(self, text: str) -> None:
        self._host.sim.work(self._host, "remember the version", 0.02, disk=True)
        self._host.newest = text

    def _read(self) -> str | None:
        return self._host.newest


class ReleaseStore:
    """The releases on the disk: version -> digest of the bytes that are really there."""

    def __init__(self, host: Host, signatures: HostSignatures) -> None:
        self._host = host
        self._signatures = signatures

    def current(self) -> str:
        return self._host.current

    def digest(self, version: str) -> str:
        return self._host.disk.get(version, "")

    def versions(self) -> tuple[str, ...]:
        return tuple(self._host.disk)

    def manifest(self, _version: str) -> None:
        return None

    def manifest_digest(self, version: str) -> str:
        copy = self._host.manifests.get(version)
        return sha256(copy.text) if copy and version in self._host.disk else ""

    def envelope(self, service: str, version: str) -> str:
        """Read an envelope from the artifact store."""
        host, sim = self._host, self._host.sim
        sim.work(host, f"fetch the envelope of {version}", 0.1)
        if sim.now < host.cut_off_until:
            raise StoreUnreachable("the artifact bucket", "the network is down")
        return sim.artifacts.envelope(service, version)

    def _check_signature(self, turn: Turn, published: PublishedManifest) -> None:
        service, stored = self._host.sim.cluster.service, self._host.envelopes.get(turn.version)
        found = fetch.check_signature(self, self._signatures, published, service, turn, stored)  # type: ignore[arg-type]
        self._host.envelopes[turn.version] = found

    def prepare(self, turn: Turn, fetching: Callable[[], None]) -> Prepared:
        """Take a release from the disk, or fetch and check it; raise what the real one raises."""
        host, sim = self._host, self._host.sim
        self._signatures.refuse_older(turn)
        copy = host.manifests.get(turn.version)
        if copy and host.disk.get(turn.version) == turn.digest and turn.manifest in ("", sha256(copy.text)):
            self._check_signature(turn, copy)
            return Prepared(copy.manifest, FOLDER, None)
        fetching()
        sim.work(host, f"fetch {turn.version}", 4.0)
        if sim.now < host.cut_off_until:
            raise StoreUnreachable("the artifact bucket", "the network is down")
        manifest = sim.artifacts.manifest(sim.cluster.service, turn.version)
        host_faults.require_room(host, turn.version)
        published = PublishedManifest(manifest, sim.artifacts.text(manifest.prefix))
        fetch.check_manifest(published, sim.cluster.service, turn)
        self._check_signature(turn, published)
        if not sim.artifacts.has_artifact(Target(turn.version, turn.digest), sim.cluster.service):
            raise Unknown("release", turn.version)
        if sim.flaw(turn.version, host.name) is Flaw.BYTES:
            raise DigestMismatch(f"the artifact of {turn.version}", turn.digest, "0" * 64)
        host.manifests[turn.version] = published
        return Prepared(manifest, FOLDER, FOLDER)

    def prepared_again(self, _turn: Turn, prepared: Prepared) -> Prepared:
        return prepared

    def place(self, prepared: Prepared) -> None:
        self._host.sim.work(self._host, f"place {prepared.manifest.version}", 0.2)
        self._host.disk.pop(prepared.manifest.version, None)
        self._host.disk[prepared.manifest.version] = prepared.manifest.digest

    def switch(self, version: str) -> None:
        self._signatures.ran(version)
        self._host.sim.work(self._host, f"switch to {version}", 0.1)
        self._host.current = version

    def prune(self, keep: Iterable[str]) -> None:
        kept = {*keep, self._host.current} - {""}
        for version in reversed(list(self._host.disk)):
            if len(kept & set(self._host.disk)) < KEPT:
                kept.add(version)
        for version in [each for each in self._host.disk if each not in kept]:
            del self._host.disk[version]


def ready(host: Host, seconds: float, how_it_died: Callable[[], str | None]) -> None:
    """Replace the agent's wait_until_ready: wait, then raise ServiceFailed if the service has ended."""
    host.sim.work(host, "wait until it is ready", min(seconds, 6.0))
    if host.boot is not None and host.sim.flaw(host.boot.version, host.name, host.boot.config) is Flaw.START:
        host.set_boot(None)
    if died := how_it_died():
        raise ServiceFailed(f"the service ended before it listened: {died}")


def tested(host: Host) -> str:
    """Replace the agent's self_test, and note its true result in the boot."""
    host.sim.work(host, "self-test", 3.0)
    if not host.sim.http:
        return _tested_before(host)
    boot = host.boot
    down = host.sim.now < host.sim.outage_until
    if boot is None or down or host.sim.flaw(boot.version, host.name, boot.config) is Flaw.SELF_TEST:
        raise ServiceFailed("GET /self_test answered 503")
    boot.tested = True
    host.sim.oracle.self_test_passed(host)
    return "GET /self_test answered 200"


def _tested_before(host: Host) -> str:
    """Note the true result of the self-test of a service without HTTP, which comes before its start."""
    config = host.journal.acted.config if host.journal else 0
    host.passed_before = None
    down = host.sim.now < host.sim.outage_until
    if down or host.sim.flaw(host.current, host.name, config) is Flaw.SELF_TEST:
        raise ServiceFailed("'./check.sh' ended with exit code 1, expected 0")
    host.passed_before = (host.current, config)
    host.sim.oracle.self_test_passed(host)
    return "'./check.sh' ended with exit code 0"
