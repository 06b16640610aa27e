"""The build of a commit: start it, check its state, and record what it published as a snapshot.

Called by functions/delivery/start_build, check_build and record_snapshot, in statemachines/delivery.asl.json.
"""

from dataclasses import dataclass
from datetime import datetime

from lifecycle.application.ports.artifacts import Artifacts
from lifecycle.application.ports.builds import Builds
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.rollout.requests import Payload, payload
from lifecycle.domain.errors import InvalidValue, StoreRefused, Unknown
from lifecycle.domain.fleet.cluster import Cluster, service_name
from lifecycle.domain.rollout.deployment import Request, deployment_id
from lifecycle.domain.service.version import SnapshotVersion


@dataclass(frozen=True, slots=True)
class Recorded:
    """The result of recording: RECORDED or REFUSED.

    `staging` is the input of the rollout to staging, if the service's policy deploys every snapshot there.
    """

    kind: str
    reason: str
    service: str
    version: str
    staging: Payload | None = None


@dataclass(frozen=True, slots=True)
class Started:
    """The start of a build: STARTED with its id, or REFUSED because the input is not a push."""

    build: str
    kind: str = "STARTED"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The state of a build: RUNNING, SUCCEEDED with the version that it published, or FAILED with the reason."""

    kind: str
    reason: str
    service: str = ""
    version: str = ""


def check_build(builds: Builds, build: str) -> Checked:
    """Read the state of a build once."""
    state = builds.state(build)
    service, version = (state.exported.get(f"LIFECYCLE_{name}", "") for name in ("SERVICE", "VERSION"))
    return Checked(state.kind, state.reason, service, version)


def start_build(builds: Builds, repository: str, commit: str, branch: str, started: str, execution: str) -> str:
    """Start the build of one commit, at most once per execution; returns its id."""
    return builds.start(
        repository,
        commit,
        execution,
        {
            "LIFECYCLE_REPOSITORY": repository,
            "LIFECYCLE_COMMIT": commit,
            "LIFECYCLE_BRANCH": branch,
            "LIFECYCLE_BUILT_AT": started,
        },
    )


def record_snapshot(
    catalogue: Catalogue,
    artifacts: Artifacts,
    repository: str,
    commit: str,
    service: str,
    version: str,
    now: datetime,
) -> Recorded:
    """Check what the build published, bind the service to its repository, and record the snapshot."""
    try:
        SnapshotVersion.parse(version)
        manifest = artifacts.manifest(service_name(service), version)
    except (InvalidValue, Unknown, StoreRefused) as error:
        return Recorded("REFUSED", f"the build published no snapshot: {error}", service, version)
    if (manifest.service, manifest.version, manifest.commit) != (service, version, commit):
        found = f"{manifest.service} {manifest.version} of {manifest.commit}"
        return Recorded(
            "REFUSED",
            f"the build's manifest must be of {service} {version} of {commit}, found {found}",
            service,
            version,
        )
    owner = catalogue.claim_service(service, repository)
    if owner != repository:
        reason = f"service {service} belongs to {owner}, but was built from {repository}: choose another name"
        return Recorded("REFUSED", reason, service, version)
    facts = {"commit": commit, "digest": manifest.digest, "branch": manifest.branch, "built": now.isoformat()}
    before = catalogue.record_snapshot(service, version, facts)
    if before["digest"] != manifest.digest:
        reason = f"{service} {version} was recorded with sha256 {before['digest'][:12]}, found {manifest.digest[:12]}"
        return Recorded("REFUSED", f"{reason}: publish the bytes under another version", service, version)
    staging = None
    if manifest.policy("staging").automatic:
        staging = payload(_staging(service, version, commit, now))
    return Recorded("RECORDED", f"{service} {version}, sha256 {manifest.digest[:12]}", service, version, staging)


def _staging(service: str, version: str, commit: str, now: datetime) -> Request:
    return Request(
        deployment=deployment_id(Cluster("staging", service), now, commit[:4]),
        service=service,
        environment="staging",
        version=version,
        requested_by="delivery",
        reason="the staging policy deploys every snapshot",
    )
