"""The chain of a version from its commit to the hosts that run it, each link checked against the next.

Called by `lifecycle verify`, with the public keys that this installation trusts. Nothing here takes the artifact
store's word alone: the ledger and a signature have to agree with it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from lifecycle.application.context import Context
from lifecycle.application.ports.artifacts import StoredManifest
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.readable import readable
from lifecycle.application.rollout.recorded_bytes import recorded_bytes
from lifecycle.domain.errors import LifecycleError, SignatureRefused, Unknown
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.service.attestation import Attestation, attestation_of
from lifecycle.domain.service.envelope import parse_envelope
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.trusted_keys import TrustedKey, Verify, signer, verified
from lifecycle.domain.service.version import is_release


@dataclass(frozen=True, slots=True)
class Link:
    """One link of the chain: its name, what was found, and what is wrong with it; nothing if it holds."""

    name: str
    found: str
    problem: str = ""


@dataclass(frozen=True, slots=True)
class _Version:
    """A version as the stores have it."""

    service: str
    version: str
    stored: StoredManifest
    snapshot: str

    @property
    def published(self) -> Published:
        return self.stored.as_published

    @property
    def claimed(self) -> Attestation:
        """The facts by the manifest alone, which nobody has signed."""
        return attestation_of(self.stored.manifest, self.published)


def chain(
    context: Context, catalogue: Catalogue, keys: Sequence[TrustedKey], verify: Verify, service: str, version: str
) -> list[Link]:
    """Return every link of a version; raises InvalidName, and Unknown for a version that is not stored."""
    stored = context.artifacts.stored_manifest(service, version)
    found = _Version(service, version, stored, (stored.manifest.snapshot or "") if is_release(version) else version)
    text = context.artifacts.envelope(service, version)
    problem, signed = "", found.claimed
    try:
        wanted = Attestation(service, version, found.published.artifact, found.published.manifest)
        signed = verified(text, wanted, keys, verify)
    except SignatureRefused as error:
        problem = str(error)
    facts = _facts(catalogue, service, found.snapshot)
    unsigned = "it is the manifest's word alone: no trusted signature says so" if problem else ""
    return [
        _commit(found, signed, facts.get("commit", ""), unsigned),
        _build(found, signed, unsigned),
        _snapshot(context, catalogue, found, facts.get("digest", "")),
        *([_release(context, catalogue, found)] if is_release(version) else []),
        _ledger(catalogue, found),
        _envelope(signed, problem),
        _key(text, version, keys, verify),
        *_hosts(context, found),
    ]


def _facts(catalogue: Catalogue, service: str, snapshot: str) -> dict[str, str]:
    every, _ = readable(lambda: catalogue.snapshots(service), {})
    return dict(every.get(snapshot, {}))


def _commit(found: _Version, signed: Attestation, recorded: str, unsigned: str) -> Link:
    text = f"{signed.commit[:12]} of {signed.repository}, branch {signed.branch}"
    if not recorded:
        return Link("commit", text, f"the ledger has no record of snapshot {found.snapshot or '-'}")
    other = next((each for each in (recorded, found.stored.manifest.commit) if each != signed.commit), "")
    return Link("commit", text, f"the ledger or the manifest says {other[:12]}" if other else unsigned)


def _build(found: _Version, signed: Attestation, unsigned: str) -> Link:
    tests = f"{len(signed.tests)} test commands passed in it" if signed.tests else "it names no test commands"
    claimed = found.claimed.run
    return Link(
        "build",
        f"{signed.run}, at {signed.built_at}; {tests}",
        f"the manifest says {claimed}" if claimed != signed.run else unsigned,
    )


def _snapshot(context: Context, catalogue: Catalogue, found: _Version, recorded: str) -> Link:
    name, artifact = found.snapshot or "-", found.published.artifact
    text = f"{name}, sha256 {artifact[:12]}"
    if recorded != artifact:
        return Link("snapshot", text, f"the ledger has sha256 {recorded[:12] or 'none'} of it")
    if not is_release(found.version):
        return Link("snapshot", text, _missing(context, found))
    try:
        stored = context.artifacts.stored_manifest(found.service, name)
    except Unknown:
        return Link("snapshot", f"{text}; its objects were deleted, the ledger has the digest")
    except LifecycleError as error:
        return Link("snapshot", text, str(error))
    known = catalogue.published(found.service, name)
    same = stored.manifest.digest == artifact and (known is None or known.agrees_with(stored.as_published))
    return Link("snapshot", text, "" if same else f"the artifact store has sha256 {stored.manifest.digest[:12]}")


def _release(context: Context, catalogue: Catalogue, found: _Version) -> Link:
    text = f"{found.version} of {found.snapshot}, sha256 {found.published.artifact[:12]}"
    withdrawal = catalogue.withdrawal(found.service, found.version)
    if withdrawal and withdrawal.done:
        return Link("release", text, withdrawal.in_words)
    claimed = readable(lambda: catalogue.releases(found.service), {})[0].get(found.version, "")
    if claimed != found.snapshot:
        return Link("release", text, f"the ledger says that it is of snapshot {claimed or 'none'}")
    return Link("release", text, _missing(context, found))


def _missing(context: Context, found: _Version) -> str:
    if context.artifacts.has_artifact(found.published.target(found.version), found.service):
        return ""
    return "the artifact store has no artifact with the digest of its manifest"


def _ledger(catalogue: Catalogue, found: _Version) -> Link:
    recorded = recorded_bytes(catalogue, found.service, found.version)
    if recorded is None:
        return Link("ledger", "no digests", "it was not built or promoted here")
    text = f"artifact sha256 {recorded.artifact[:12]}, manifest {recorded.manifest[:12] or 'not recorded'}"
    if recorded.agrees_with(found.published):
        return Link("ledger", text)
    artifact, manifest = found.published.artifact[:12], found.published.manifest[:12]
    return Link("ledger", text, f"the artifact store has artifact {artifact}, manifest {manifest}")


def _envelope(signed: Attestation, problem: str) -> Link:
    text = "in-toto statement with SLSA provenance"
    by = f", promoted by {signed.promoted_by}" if signed.promoted_by else ""
    return Link("envelope", f"{text} of {signed.service} {signed.version}{by}", problem)


def _key(text: str, version: str, keys: Sequence[TrustedKey], verify: Verify) -> Link:
    if not keys:
        return Link("key", "none", "this installation has no keys: deploy the control plane again")
    try:
        envelope = parse_envelope(text) if text else None
    except LifecycleError:
        envelope = None
    if envelope and (by := signer(envelope, version, keys, verify)):
        return Link("key", f"{by.id}, which signs {by.kind}s")
    used = ", ".join(each.key for each in envelope.signatures) if envelope else ""
    known = ", ".join(each.id for each in keys)
    return Link("key", used or "none", f"no trusted key has signed it; trusted are {known}")


def _hosts(context: Context, found: _Version) -> Iterator[Link]:
    for environment in ENVIRONMENTS:
        cluster = Cluster(environment, found.service)
        for host, report in sorted(context.fleet.reports(cluster).items()):
            if isinstance(report, UnreadableReport):
                why = f"nobody knows what it runs: {report.why}"
                yield Link(f"host {host}", f"{cluster}: its report cannot be read", why)
            elif report.installed == found.version:
                yield Link(f"host {host}", _as_reported(cluster, report), _differs(found, report))


def _as_reported(cluster: Cluster, report: HostReport) -> str:
    how = "it checks signatures" if report.verifies else "it was given no keys, and checks no signature"
    state = "runs it" if report.running else "has it installed"
    return f"{cluster}: {state}, sha256 {report.digest[:12]}; {how}"


def _differs(found: _Version, report: HostReport) -> str:
    if report.digest != found.published.artifact:
        return f"it reports artifact sha256 {report.digest[:12] or 'none'}"
    if report.manifest and report.manifest != found.published.manifest:
        return f"it reports manifest sha256 {report.manifest[:12]}"
    return ""
