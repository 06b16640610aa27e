"""Signatures as a plan sees them: whether the hosts that check them would find one, before the first host.

Called by observe.py. The hosts have the keys, and check the signature itself (apps/agent/signatures.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from lifecycle.application.context import Context
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.listing import listed
from lifecycle.domain.rollout.deployment import Kind, Request
from lifecycle.domain.service.attestation import Attestation
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.trusted_keys import unlike


@dataclass(frozen=True, slots=True)
class PlannedSignatures:
    """The blocker of a version, the reason against its rollback target, and what an operator should know."""

    blocker: str = ""
    no_rollback_target: str | None = None
    warnings: tuple[str, ...] = ()


def planned_signatures(
    context: Context, request: Request, found: Published, previous: Target | None, reports: Mapping[str, HostReport]
) -> PlannedSignatures:
    """Read the envelopes, if any host checks them. A rollback may begin without: each host decides in its turn."""
    if not any(each.verifies for each in reports.values()):
        return PlannedSignatures()
    why = _unlike(context, request.service, found.target(request.version))
    before = _unlike(context, request.service, previous) if previous else ""
    rollback = request.kind is Kind.ROLLBACK
    without = [host for host, each in sorted(reports.items()) if not each.verifies]
    warnings = [f"{listed(without)} checked no signature: give keys to the agent there"] if without else []
    if rollback and why:
        warnings.append(f"{why}; hosts that have it on the disk with its signature install it, others refuse it")
    return PlannedSignatures("" if rollback else why, before or None, tuple(warnings))


def _unlike(context: Context, service: str, target: Target) -> str:
    wanted = Attestation(
        service, target.version, target.digest, target.manifest or _manifest(context, service, target)
    )
    return unlike(context.artifacts.envelope(service, target.version), wanted)


def _manifest(context: Context, service: str, target: Target) -> str:
    """Return the digest of the stored manifest, for a target from before manifests were recorded."""
    return context.artifacts.stored_manifest(service, target.version).sha256
