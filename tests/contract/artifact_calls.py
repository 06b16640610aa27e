"""Calls of artifacts and of the catalogue, with what they find; a part of calls.py."""

import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias

from lifecycle.application.ports.artifacts import Received
from lifecycle.domain.delivery.branch import Branch, Move
from lifecycle.domain.delivery.repository import RepositoryBuilds
from lifecycle.domain.service.published import Published
from tests.contract.conftest import Gateways
from tests.contract.test_artifacts import BODY, SNAPSHOT, a_manifest

Thunk: TypeAlias = Callable[[], Any]

UPLOAD = "incoming/AROA:AWSCodeBuild-1"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


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


def repository(g: Gateways) -> str:
    return f"https://example.test/{g.service}.git"


def begun(builds: RepositoryBuilds) -> RepositoryBuilds:
    return builds.begun("a" * 40, NOW)


def moved(branch: Branch) -> Branch:
    return branch.moved(Move("b" * 40, "a" * 40, "1", NOW))


def enveloped(g: Gateways, call: Thunk) -> Thunk:
    g.artifacts.keep_envelope(g.service, SNAPSHOT, "an envelope")
    return published(g, call)
