"""The build of a commit: start it, and record what it published as a snapshot.

Called by functions/delivery/start_build and record_snapshot, in statemachines/delivery.asl.json.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from lifecycle.application.delivery.receive_push import Push
from lifecycle.application.delivery.refused_input import refused_input
from lifecycle.application.delivery.refused_run import record_refused_snapshot, record_refused_start
from lifecycle.application.delivery.sign import sign
from lifecycle.application.delivery.staging import request_staging, superseded, undelivered
from lifecycle.application.ports.artifacts import Artifacts, Received
from lifecycle.application.ports.audit import AuditLog
from lifecycle.application.ports.builds import Builds
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.fleet import Fleet
from lifecycle.application.ports.requests import Requests
from lifecycle.application.ports.signer import Signer
from lifecycle.application.rollout.requests import Payload
from lifecycle.domain.delivery.delivery_name import DeliveryName
from lifecycle.domain.delivery.own_service import not_its_own
from lifecycle.domain.delivery.repository import LastBuild, NewestSnapshot
from lifecycle.domain.delivery.skip_marker import skipped_because
from lifecycle.domain.errors import (
    BuildsFull,
    DigestMismatch,
    InvalidName,
    InvalidValue,
    StoreRefused,
    Unknown,
)
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster, service_name
from lifecycle.domain.listing import listed
from lifecycle.domain.refused_limits import shown
from lifecycle.domain.rollout.deployment import CLOCK_SKEW
from lifecycle.domain.service.commits import COMMITS
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.policy import After, Policy
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.version import SnapshotVersion
from lifecycle.names import INCOMING

# The user id of a build's session (apps/build/main.py), which is one part of a key.
_UPLOAD = re.compile(rf"{INCOMING}/(?!\.+$)[A-Za-z0-9_+=,.@:-]{{1,200}}")


@dataclass(frozen=True, slots=True)
class Sources:
    """The folder of a service, what its snapshot is built from, and the services that the push left unchanged.

    They are one text, because JSONata may take an array of one element for the element.
    """

    folder: str = ""
    source: str = ""
    unchanged: str = ""


NO_SOURCES = Sources()


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of recording: RECORDED, REFUSED, or GONE: the snapshot of an earlier run was deleted since.

    `staging` is the input of the rollout to staging, if the service's policy deploys there. `superseded` says why it
    does not deploy this snapshot. `folder` and `unchanged` are of a repository with several services.
    """

    kind: str
    reason: str
    service: str
    version: str
    staging: Payload | None = None
    folder: str = ""
    unchanged: str = ""
    superseded: str = ""


@dataclass(frozen=True, slots=True)
class Started:
    """The start of a build: STARTED with its id, or why there is none.

    NOTHING: none is wanted, perhaps as a later push has `superseded` it. BUILT: an earlier run made a snapshot of
    this commit, which is not uploaded again. WAIT: the build service is full. REFUSED: no push gives such an input.
    """

    build: str
    kind: str = "STARTED"
    reason: str = ""
    service: str = ""
    version: str = ""
    upload: str = ""
    sources: Sources = NO_SOURCES
    superseded: str = ""


def start_build(
    builds: Builds,
    catalogue: Catalogue,
    audit_log: AuditLog,
    push: Push,
    started: str,
    execution: str,
    cache: str = "",
) -> Started:
    """Start the build of one push, at most once per execution.

    There is none if its head commit asks for none, if a later push has superseded it, or if it was built before. A
    person who repeats a build gets it. `cache` is a random text, below which a new repository's caches will be.
    """
    at = datetime.fromisoformat(started)
    if why := refused_input(push, execution, at, catalogue.builds(push.repository).branch):
        given = {"execution": execution, "repository": push.repository, "service": push.service}
        return refuse_start(catalogue, audit_log, given, why, at)
    if push.head_read:
        read_at = push.read_at(at)
        # A record that cannot be read stays, and then nothing is superseded.
        _ = catalogue.change_branch(
            push.repository, push.branch, lambda before: before.believed(at).read(push.commit, read_at)
        )
    # Else the build finds the marker in the clone.
    if push.skip and not push.again and catalogue.branch(push.repository, push.branch).skips(push.commit):
        return Started("", "NOTHING", skipped_because(push.skip))
    if not push.again and (why := superseded_run(catalogue, push, execution)):
        return Started("", "NOTHING", f"no build: {why}", superseded=why)
    if push.version:
        return Started("", "BUILT", "an earlier run built this commit", push.service, push.version)
    variables = {
        "LIFECYCLE_REPOSITORY": push.repository,
        "LIFECYCLE_COMMIT": push.commit,
        "LIFECYCLE_BRANCH": push.branch,
        "LIFECYCLE_BUILT_AT": push.pushed or started,
    }
    branch = catalogue.branch(push.repository, push.branch)
    builds_so_far = catalogue.change_builds(
        push.repository, lambda before: before.without(undelivered(branch, before)).begun(push.commit, at, cache)
    )
    if builds_so_far.cache:
        variables["LIFECYCLE_CACHE_PREFIX"] = builds_so_far.cache  # apps/build/s3_caches.py
    if push.folder:
        variables["LIFECYCLE_FOLDER"] = push.folder
    else:
        # A service in the top folder needs neither; only the clone shows which kind of repository it is.
        variables["LIFECYCLE_KNOWN"] = builds_so_far.known_to(push.commit, at)
        variables |= {} if push.again or push.head_read else {"LIFECYCLE_SKIP_CI": "1"}
    try:
        return Started(builds.start(push.repository, push.commit, execution, variables))
    except BuildsFull as error:
        return Started("", "WAIT", str(error))


def refuse_start(
    catalogue: Catalogue, audit_log: AuditLog, given: Mapping[str, Any], why: str, now: datetime
) -> Started:
    """Record that a run does not begin by this input, which no push gives, and return the refusal."""
    record_refused_start(catalogue, audit_log, given, why, now)
    return Started("", "REFUSED", why)


def superseded_run(catalogue: Catalogue, push: Push, execution: str) -> str:
    """Return the later push that has superseded a run, in words; empty for none. The run is then dropped."""
    if not push.folder:
        branch = catalogue.change_branch(push.repository, push.branch, lambda before: before.run_of(push.commit))
        return branch.superseded(push.commit)
    branch = catalogue.branch(push.repository, push.branch)
    return branch.superseded(push.commit, service_of(execution), push.folder)


def service_of(execution: str) -> str:
    """Return the service whose own run this is; empty for the run of a whole push."""
    name = DeliveryName.parse(execution)
    return name.service if name else ""


@dataclass(frozen=True, slots=True)
class FinishedBuild:
    """A build that has ended, by facts of its run, and what it said that it uploaded: service, version and key.

    `run` is the name of the run, and `folder` that of the one service that it is for.
    """

    repository: str
    commit: str
    branch: str
    build: str
    service: str
    version: str
    upload: str
    sources: Sources = NO_SOURCES
    run: str = ""
    folder: str = ""


def record_snapshot(
    catalogue: Catalogue,
    artifacts: Artifacts,
    signer: Signer,
    requests: Requests,
    audit_log: AuditLog,
    fleet: Fleet,
    built: FinishedBuild,
    now: datetime,
) -> Recorded:
    """Check what the build uploaded, bind the service to its repository, publish, record and sign the snapshot.

    A build may write its own upload and nothing else. So its manifest is a claim: what the run itself knows replaces
    what the manifest says. Each refusal is in the audit log of the services that the run is about.
    """
    found = _published(catalogue, artifacts, signer, requests, fleet, built, now)
    return _on_record(catalogue, audit_log, built, found, now)


def _on_record(
    catalogue: Catalogue, audit_log: AuditLog, built: FinishedBuild, found: Recorded, now: datetime
) -> Recorded:
    if found.kind == "REFUSED":
        record_refused_snapshot(catalogue, audit_log, built, found.reason, now)
    return found


def _published(
    catalogue: Catalogue,
    artifacts: Artifacts,
    signer: Signer,
    requests: Requests,
    fleet: Fleet,
    built: FinishedBuild,
    now: datetime,
) -> Recorded:
    service, version, sources = built.service, built.version, built.sources
    try:
        received = _received(artifacts, built, now)
    except (InvalidValue, Unknown, StoreRefused) as error:
        return Recorded("REFUSED", f"the build published no snapshot: {error}", service, version)
    said = received.manifest
    foreign = not_its_own(built.run, built.folder, service, sources.folder)
    if why := foreign or _refusal(said, received.size, built, now):
        return Recorded("REFUSED", why, service, version)
    manifest = replace(said, repository=built.repository, branch=built.branch, builder=built.build, snapshot=None)
    manifest = replace(manifest, policies={name: _of_today(policy) for name, policy in said.policies.items()})
    if why := _not_owned(catalogue, fleet, built):
        return Recorded("REFUSED", why, service, version)
    try:
        artifacts.publish(manifest, received.artifact)
    except (DigestMismatch, StoreRefused) as error:
        return Recorded("REFUSED", f"the snapshot was not published: {error}", service, version)
    if refused := _record_and_sign(catalogue, artifacts, signer, manifest, sources.folder, now):
        return Recorded("REFUSED", refused, service, version)
    last = LastBuild(version, sources.source, manifest.built_at) if sources.source else None
    newest = NewestSnapshot(version, manifest.built_at, manifest.commits)
    # A record that cannot be read only makes pushes build more.
    _ = catalogue.change_builds(built.repository, lambda builds: builds.built(service, last, built.branch, newest))
    return _recorded(catalogue, requests, manifest, sources, now)


def _not_owned(catalogue: Catalogue, fleet: Fleet, built: FinishedBuild) -> str:
    """Return why a build's repository does not own its service; its first build makes it the owner.

    Hosts that exist before that are somebody's: a person says which repository may deploy to them.
    """
    service, repository = built.service, built.repository
    how = f"`lifecycle service transfer {service} --to {repository} --why '...'`"
    clusters = [Cluster(environment, service) for environment in ENVIRONMENTS]
    if catalogue.owner(service) is None and (used := [str(each) for each in clusters if fleet.names(each)]):
        found = f"no repository owns service {service}, and {listed(used)} has hosts"
        return f"{found}: if they are for {repository}, say so with {how}, then repeat this run with `build --again`"
    if (owner := catalogue.claim_service(service, repository)) == repository:
        return ""
    wrong = f"service {service} belongs to {owner}, but was built from {repository}"
    return f"{wrong}: choose another name, or hand it over with {how}"


def _recorded(
    catalogue: Catalogue, requests: Requests, manifest: Manifest, sources: Sources, now: datetime
) -> Recorded:
    """Return that the snapshot is recorded, with the request for staging if that wants it."""
    service, version = manifest.service, manifest.version
    late = superseded(catalogue, manifest, sources.folder)
    staging = None if late else request_staging(catalogue, requests, manifest, now)
    reason = f"{service} {version}, sha256 {manifest.digest[:12]}"
    return Recorded("RECORDED", reason, service, version, staging, sources.folder, sources.unchanged, late)


def deploy_again(
    catalogue: Catalogue,
    artifacts: Artifacts,
    requests: Requests,
    audit_log: AuditLog,
    fleet: Fleet,
    built: FinishedBuild,
    now: datetime,
) -> Recorded:
    """Deploy the snapshot that an earlier run made of this commit; GONE if there is none any more.

    One that was withdrawn with its service is none: its commit is built again, as the first of a new service.
    """
    return _on_record(catalogue, audit_log, built, _again(catalogue, artifacts, requests, fleet, built, now), now)


def _again(
    catalogue: Catalogue, artifacts: Artifacts, requests: Requests, fleet: Fleet, built: FinishedBuild, now: datetime
) -> Recorded:
    service, version = built.service, built.version
    facts, known = catalogue.snapshots(service).get(version), catalogue.published(service, version)
    gone = Recorded("GONE", f"the snapshot {service} {version} is gone: it is built again", service, version)
    if facts is None or known is None or facts.get("commit") != built.commit:
        return gone
    if (withdrawal := catalogue.withdrawal(service, version)) and withdrawal.done:
        return replace(gone, reason=f"{service} {version} was {withdrawal.in_words}; its commit is built again")
    try:
        manifest = artifacts.manifest(service, version, known.manifest)
    except Unknown:
        return gone
    except DigestMismatch as error:
        return Recorded("REFUSED", f"the snapshot of an earlier run cannot be deployed: {error}", service, version)
    folder, why = facts.get("folder", ""), ""
    if manifest.repository != built.repository:
        why = f"{service} {version} was built from {manifest.repository}, not from {built.repository}"
    if why := not_its_own(built.run, built.folder, service, folder) or why or _not_owned(catalogue, fleet, built):
        return Recorded("REFUSED", why, service, version)
    return _recorded(catalogue, requests, manifest, Sources(folder), now)


def _of_today(policy: Policy) -> Policy:
    """Return a build's policy that says what comes before; one from before that rule passes production's gate."""
    return replace(policy, after=After.DEFAULT) if policy.after is After.OLDER_BUILD else policy


def _refusal(said: Manifest, size: int, built: FinishedBuild, now: datetime) -> str:
    """Return why a build's manifest is not of this build, or of no build; empty if it may be published."""
    if (said.service, said.version, said.commit) != (built.service, built.version, built.commit):
        wanted = f"{built.service} {built.version} of {built.commit}"
        return f"the build's manifest must be of {wanted}, found {said.service} {said.version} of {said.commit}"
    if said.built_at > now + CLOCK_SKEW:
        return f"the build's manifest must be of a time before {now:%Y-%m-%d %H:%M} UTC, found {said.built_at}"
    from lifecycle.servicefile.manifests import refused_values  # noqa: PLC0415 (other phases do not pay for it)

    if wrong := refused_values(said):
        return f"the build's manifest has values that lifecycle.toml refuses: {listed(wrong, separator='; ')}"
    if said.size != size:
        return f"the build's manifest must have the size of its artifact, {size} bytes, found {said.size}"
    return ""


def _received(artifacts: Artifacts, built: FinishedBuild, now: datetime) -> Received:
    named = SnapshotVersion.parse(built.version)
    if named.commit != built.commit[:7] or named.built_at > now + CLOCK_SKEW:
        expected = f"{named.base}-<time of the build>-{built.commit[:7]}"
        raise InvalidName("version of this build", built.version, expected)
    service_name(built.service)
    if not _UPLOAD.fullmatch(built.upload):
        key = shown(built.upload, 100) or "no key"
        raise Unknown("upload", key, f"Expected a key below {INCOMING}/; start the build again.")
    return artifacts.received(built.upload, built.service, built.version)


def _record_and_sign(
    catalogue: Catalogue, artifacts: Artifacts, signer: Signer, manifest: Manifest, folder: str, now: datetime
) -> str:
    """Record and sign a published snapshot; return why that was refused, or nothing."""
    found = Published(manifest.digest, artifacts.manifest_digest(manifest))
    if refused := _record_digests(catalogue, manifest, found, folder, now):
        return refused
    try:
        sign(artifacts, signer, manifest, found)
    except StoreRefused as error:
        return f"the snapshot was not signed: {error}"
    return ""


def _record_digests(catalogue: Catalogue, manifest: Manifest, found: Published, folder: str, now: datetime) -> str:
    """Record the snapshot and its digests, each once; return why they differ from those that were recorded before."""
    service, version = manifest.service, manifest.version
    facts = {
        "commit": manifest.commit,
        "digest": manifest.digest,
        "branch": manifest.branch,
        "built": now.isoformat(),
    }
    if folder:
        facts["folder"] = folder
    facts |= {COMMITS: str(manifest.commits)} if manifest.commits else {}
    before = catalogue.record_snapshot(service, version, facts)
    recorded = catalogue.record_published(service, version, found)
    if before["digest"] == found.artifact and recorded.agrees_with(found):
        return ""
    was = f"{before['digest'][:12]}, and its manifest with {recorded.manifest[:12]}"
    now_found = f"found {found.artifact[:12]} and {found.manifest[:12]}"
    return f"{service} {version} was recorded with sha256 {was}, {now_found}: publish the bytes under another version"
