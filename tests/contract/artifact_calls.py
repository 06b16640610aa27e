"""Calls of artifacts and of the catalogue, with what they find; a part of calls.py."""

import io
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeAlias

from lifecycle.application.ports.artifacts import Received
from lifecycle.domain.delivery.branch import Branch, Move
from lifecycle.domain.delivery.forge_status import CommitState, CommitStatus, Wanted
from lifecycle.domain.delivery.refused_push import RefusedPush
from lifecycle.domain.delivery.reported_status import ReportedStatuses
from lifecycle.domain.delivery.repository import RepositoryBuilds
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.withdrawal import Withdrawal
from tests.contract.conftest import Gateways
from tests.contract.test_artifacts import BODY, SNAPSHOT, a_manifest

Thunk: TypeAlias = Callable[[], Any]

UPLOAD = "incoming/AROA:AWSCodeBuild-1"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
WITHDRAWAL = Withdrawal("1.2.0", "ada", "by mistake", NOW)
_REFUSED = RefusedPush(NOW, "acme/shop", 409, "five runs failed", signed=True)


def uploaded(g: Gateways) -> Thunk:
    g.upload(UPLOAD, a_manifest(g), BODY)
    return lambda: _body(g.artifacts.received(UPLOAD, g.service, SNAPSHOT))


def _body(found: Received) -> bytes:
    return found.artifact.read()


def published(g: Gateways, call: Thunk) -> Thunk:
    g.artifacts.publish(a_manifest(g), io.BytesIO(BODY))
    return call


def listed(g: Gateways) -> Thunk:
    return published(g, lambda: [(each.version, each.bytes) for each in g.artifacts.stored(g.service)])


def claimed(g: Gateways, call: Thunk) -> Thunk:
    g.catalogue.claim_service(g.service, "mine")
    g.catalogue.record_snapshot(g.service, SNAPSHOT, {"digest": "d"})
    g.catalogue.claim_release(g.service, SNAPSHOT, "1.2.0")
    g.catalogue.record_published(g.service, SNAPSHOT, Published("d", "m"))
    return call


def _repository(g: Gateways) -> str:
    return f"https://example.test/{g.service}.git"


def begun(builds: RepositoryBuilds) -> RepositoryBuilds:
    return builds.begun("a" * 40, NOW)


def _moved(branch: Branch) -> Branch:
    return branch.moved(Move("b" * 40, "a" * 40, "1", NOW))


def _claimed(reported: ReportedStatuses) -> ReportedStatuses:
    status = CommitStatus("lifecycle/build", CommitState.PENDING, "the build runs")
    return reported.claimed(Wanted("acme/shop", "a" * 40, "run", "1", status, over=False), "mine", NOW)


def _reported(g: Gateways, call: Thunk) -> Thunk:
    g.catalogue.change_reported(f"acme/{g.service}", _claimed)
    return call


def enveloped(g: Gateways, call: Thunk) -> Thunk:
    g.artifacts.keep_envelope(g.service, SNAPSHOT, "an envelope")
    return published(g, call)


def _refused(g: Gateways, call: Thunk) -> Thunk:
    """Record a refused push, then return the call."""
    g.catalogue.record_refused_push(_REFUSED)
    return call


def _withdrawn(g: Gateways, call: Thunk) -> Thunk:
    g.catalogue.put_withdrawal(g.service, None, WITHDRAWAL)
    return call


def _owned(g: Gateways, call: Thunk) -> Thunk:
    return (g.catalogue.claim_service(g.service, "a"), call)[1]


CATALOGUE_CALLS: Mapping[str, Callable[[Gateways], Thunk]] = {
    "DynamoCatalogue.claim_service": lambda g: lambda: g.catalogue.claim_service(g.service, "mine"),
    "DynamoCatalogue.owner": lambda g: lambda: g.catalogue.owner(g.service),
    "DynamoCatalogue.transfer_service": lambda g: _owned(
        g, lambda: g.catalogue.transfer_service(g.service, "a", "b")
    ),
    "DynamoCatalogue.record_snapshot": lambda g: lambda: g.catalogue.record_snapshot(g.service, SNAPSHOT, {}),
    "DynamoCatalogue.record_published": lambda g: (
        lambda: g.catalogue.record_published(g.service, SNAPSHOT, Published("d", "m"))
    ),
    "DynamoCatalogue.published": lambda g: claimed(g, lambda: g.catalogue.published(g.service, SNAPSHOT)),
    "DynamoCatalogue.snapshots": lambda g: claimed(g, lambda: g.catalogue.snapshots(g.service)),
    "DynamoCatalogue.releases": lambda g: claimed(g, lambda: g.catalogue.releases(g.service)),
    "DynamoCatalogue.claim_release": lambda g: lambda: g.catalogue.claim_release(g.service, SNAPSHOT, "1.2.0"),
    "DynamoCatalogue.withdrawal": lambda g: _withdrawn(g, lambda: g.catalogue.withdrawal(g.service, "1.2.0")),
    "DynamoCatalogue.withdrawals": lambda g: _withdrawn(g, lambda: g.catalogue.withdrawals(g.service)),
    "DynamoCatalogue.put_withdrawal": lambda g: lambda: g.catalogue.put_withdrawal(g.service, None, WITHDRAWAL),
    "DynamoCatalogue.change_builds": lambda g: lambda: g.catalogue.change_builds(_repository(g), begun),
    "DynamoCatalogue.builds": lambda g: lambda: g.catalogue.builds(_repository(g)),
    "DynamoCatalogue.branch": lambda g: lambda: g.catalogue.branch(_repository(g), "main"),
    "DynamoCatalogue.change_branch": lambda g: lambda: g.catalogue.change_branch(_repository(g), "main", _moved),
    "DynamoCatalogue.change_reported": lambda g: lambda: g.catalogue.change_reported(f"acme/{g.service}", _claimed),
    "DynamoCatalogue.reported": lambda g: _reported(
        g, lambda: [each for each in g.catalogue.reported() if each.repository == f"acme/{g.service}"]
    ),
    "DynamoCatalogue.record_refused_push": lambda g: lambda: g.catalogue.record_refused_push(_REFUSED),
    "DynamoCatalogue.refused_pushes": lambda g: _refused(g, lambda: g.catalogue.refused_pushes()[-1:]),
}
