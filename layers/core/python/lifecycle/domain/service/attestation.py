"""Attestations: what is signed of a version, as an in-toto statement with SLSA provenance.

The formats are https://in-toto.io/Statement/v1 and https://slsa.dev/provenance/v1. A statement has no time of its own
and no random part: the same version gives the same bytes. Built by promote.py and build.py, checked by
trusted_keys.py.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lifecycle.domain.errors import InvalidJson, InvalidValue
from lifecycle.domain.foreign_json import parse_object
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.version import artifact_prefix

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:lifecycle:buildspec:v1"
BUILDER = "urn:lifecycle:codebuild:v1"
PROMOTION = "promoted by "
"""The words between the build of a release's snapshot and the person who promoted it, in a manifest's `builder`."""

_ARTIFACT, _MANIFEST = "artifact.tar.gz", "manifest.json"
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Attestation:
    """The facts of one version that are signed.

    `artifact` and `manifest` are the sha256 of both objects. `run` is the build that made the bytes, and `tests` the
    test commands that passed in it. A release has its `snapshot`, and `promoted_by`.
    """

    service: str
    version: str
    artifact: str
    manifest: str
    repository: str = ""
    commit: str = ""
    branch: str = ""
    run: str = ""
    built_at: str = ""
    tests: tuple[str, ...] = ()
    snapshot: str = ""
    promoted_by: str = ""

    def over(self, others: "Attestation") -> str:
        """Return in words which facts of the bytes differ from `others`; empty if none does."""
        names = ("service", "version", "artifact", "manifest")
        differ = [name for name in names if getattr(self, name) != getattr(others, name)]
        return ", ".join(f"{name} {_short(getattr(self, name))}" for name in differ)


def attestation_of(manifest: Manifest, published: Published) -> Attestation:
    """Return what is signed of a version that was published with these digests."""
    run, _, by = manifest.builder.partition(f", {PROMOTION}")
    return Attestation(
        service=manifest.service,
        version=manifest.version,
        artifact=published.artifact,
        manifest=published.manifest,
        repository=manifest.repository,
        commit=manifest.commit,
        branch=manifest.branch,
        run=run,
        built_at=manifest.built_at.isoformat(),
        tests=manifest.tests,
        snapshot=manifest.snapshot or "",
        promoted_by=by,
    )


def statement(facts: Attestation) -> bytes:
    """Return the in-toto statement of these facts, which is the payload that is signed."""
    prefix = artifact_prefix(facts.service, facts.version)
    digests = {_ARTIFACT: facts.artifact, _MANIFEST: facts.manifest}
    parameters = {
        "service": facts.service,
        "version": facts.version,
        "repository": facts.repository,
        "branch": facts.branch,
        "commit": facts.commit,
        **({"snapshot": facts.snapshot} if facts.snapshot else {}),
    }
    found = {
        "_type": STATEMENT,
        "subject": [{"name": f"{prefix}/{name}", "digest": {"sha256": sha256}} for name, sha256 in digests.items()],
        "predicateType": PREDICATE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": parameters,
                "internalParameters": {"tests": list(facts.tests), "promotedBy": facts.promoted_by},
                "resolvedDependencies": [
                    {"uri": f"git+{facts.repository}@{facts.branch}", "digest": {"gitCommit": facts.commit}}
                ],
            },
            "runDetails": {
                "builder": {"id": BUILDER},
                "metadata": {"invocationId": facts.run, "finishedOn": facts.built_at},
            },
        },
    }
    return json.dumps(found, sort_keys=True, separators=(",", ":")).encode()


def parse_statement(payload: bytes) -> Attestation:
    """Return the facts of a statement; raises InvalidValue for any other text."""
    try:
        found = parse_object(payload)
        if (found["_type"], found["predicateType"]) != (STATEMENT, PREDICATE):
            raise _invalid(payload, "it is of another type")
        return _parsed(found)
    except (AttributeError, InvalidJson, KeyError, TypeError, ValueError) as error:
        raise _invalid(payload, f"{error!r:.200}") from error


def _parsed(found: Mapping[str, Any]) -> Attestation:
    definition, run = found["predicate"]["buildDefinition"], found["predicate"]["runDetails"]
    outer, inner = definition["externalParameters"], definition["internalParameters"]
    service, version = _text(outer["service"]), _text(outer["version"])
    subjects = {each["name"]: each["digest"]["sha256"] for each in found["subject"]}
    prefix = artifact_prefix(service, version)
    artifact, manifest = (_digest(subjects[f"{prefix}/{name}"]) for name in (_ARTIFACT, _MANIFEST))
    return Attestation(
        service=service,
        version=version,
        artifact=artifact,
        manifest=manifest,
        repository=_text(outer["repository"]),
        commit=_text(outer["commit"]),
        branch=_text(outer["branch"]),
        run=_text(run["metadata"]["invocationId"]),
        built_at=_text(run["metadata"]["finishedOn"]),
        tests=tuple(_text(each) for each in inner["tests"]),
        snapshot=_text(outer.get("snapshot", "")),
        promoted_by=_text(inner["promotedBy"]),
    )


def _invalid(payload: bytes, why: str) -> InvalidValue:
    allowed = f"JSON of _type {STATEMENT} and predicateType {PREDICATE}, as Lifecycle writes it; {why}"
    return InvalidValue("statement of a version", payload[:40].decode(errors="replace"), allowed)


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError(f"expected a text, found {found!r:.40}")
    return found


def _digest(found: object) -> str:
    if not _SHA256.fullmatch(text := _text(found)):
        raise ValueError(f"expected a sha256, found {text!r:.80}")
    return text


def _short(text: str) -> str:
    return text[:12] if _SHA256.fullmatch(text) else text or "none"
