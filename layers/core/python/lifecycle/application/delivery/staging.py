"""Automatic staging: which snapshot it wants, and the request that deploys it.

Used by build.py, when a build begins or has ended, or a branch is back at a built commit. A rollout asks again before
it begins (application/rollout/automatic.py).
"""

from datetime import datetime

from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.requests import Requests
from lifecycle.application.rollout.requests import Payload, payload, record_request
from lifecycle.domain.delivery.branch import Branch
from lifecycle.domain.delivery.repository import RepositoryBuilds
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.identity import DELIVERY, DELIVERY_WITHOUT_PUSH
from lifecycle.domain.rollout.deployment import Request, deployment_id
from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source
from lifecycle.domain.service.manifest import Manifest


def superseded(catalogue: Catalogue, manifest: Manifest, folder: str) -> str:
    """Return why an automatic staging does not want a snapshot; empty if it does, or if nothing is known.

    A push that changed one service of several was built in its own run, so nothing has recorded that before. The
    snapshot of the head also says whether later pushes end the service's running builds.
    """
    service, commit = manifest.service, manifest.commit

    def recorded(before: Branch) -> Branch:
        begun = before.begun(service, commit) if folder else before.built(commit)
        late = begun.superseded(commit, service, folder)
        return begun if late else begun.ends(service, superseded=manifest.supersede)

    branch = catalogue.change_branch(manifest.repository, manifest.branch, recorded)
    return branch.superseded(commit, service, folder)


def undelivered(branch: Branch, builds: RepositoryBuilds) -> set[str]:
    """Return the services in folders whose newest snapshot is not what their branch wants; a push builds them.

    Such a service had a later build that made none. It may have ended the deployment of that snapshot. So a push
    builds the service although it has the contents of that snapshot, as one that takes the failed push back.
    """
    commits = {name: last.snapshot.rpartition("-")[2] for name, last in builds.services.items()}
    return {name for name, commit in commits.items() if not branch.delivers(name, commit)}


def request_staging(catalogue: Catalogue, requests: Requests, manifest: Manifest, now: datetime) -> Payload | None:
    """Record the request for the staging rollout of a snapshot; None if the policy does not deploy it there.

    A push of the commit stands behind it. Where another person must approve, no pusher does. Where no push is on
    record, a person started the run, and nobody knows who.
    """
    if not manifest.policy("staging").automatic:
        return None
    branch = catalogue.branch(manifest.repository, manifest.branch)
    request = Request(
        deployment=deployment_id(Cluster("staging", manifest.service), now, manifest.commit[:4]),
        service=manifest.service,
        environment="staging",
        version=manifest.version,
        requested_by=DELIVERY if branch.pushed(manifest.commit) else DELIVERY_WITHOUT_PUSH,
        reason="the staging policy deploys the snapshot of the head",
        pushed_by=branch.pushers(manifest.commit),
    )
    record_request(requests, RecordedRequest(request, Source.DELIVERY, now))
    return payload(request)
