"""The gate of a promotion: staging must have verified the snapshot, or somebody says why it need not.

Used by functions/delivery/promote and by the console. The plan of a deployment has the same gate
(domain/rollout/preflight.py), because staging may roll the version back after its promotion.
"""

from dataclasses import dataclass

from lifecycle.application.context import Context
from lifecycle.application.rollout.earlier_environment import PRODUCTION, read_verdict
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import needs_reason
from lifecycle.domain.rollout.earlier_environment import HOW_TO_OVERRIDE, Verdict
from lifecycle.domain.service.manifest import Manifest


@dataclass(frozen=True, slots=True)
class StagingGate:
    """The gate for one person. With `despite` it lets everything pass, and records `why` in the audit log."""

    context: Context
    by: str
    despite: bool = False
    why: str = ""

    def __call__(self, manifest: Manifest, *, promoted: bool) -> str:
        """Return what staging says of the snapshot; raises Refused unless it may be, or was, `promoted`."""
        what = f"the promotion of {manifest.service} {manifest.version}"
        if self.despite and not self.why.strip():
            raise Refused(what, [needs_reason("--despite-staging")])
        found = read_verdict(self.context, PRODUCTION, manifest)
        if found is None:
            return ""
        if found.blocks and not promoted:
            self._pass(manifest, found, what)
        return found.sentence

    def _pass(self, manifest: Manifest, found: Verdict, what: str) -> None:
        if not self.despite:
            raise Refused(what, [f"{found.environment} has not verified it: {found.sentence}; {HOW_TO_OVERRIDE}"])
        cluster = Cluster(PRODUCTION, manifest.service)
        done = f"override staging: promote {manifest.version}, although {found.sentence}"
        self.context.record(cluster, done, self.by, self.why)
