"""The bytes that a version was published as, by the sha256 of its artifact and its manifest; the ledger keeps them.

The artifact store says what a version is, and somebody may have written there. So plan.py and promote.py compare it
with the record, and agents compare what they fetch with the turn, which has both digests.
"""

from dataclasses import dataclass

from lifecycle.domain.service.target import Target


@dataclass(frozen=True, slots=True)
class Published:
    """The sha256 of a version's artifact and of its manifest's bytes, in hex; `by` is who promoted it.

    `manifest` is empty for a version from before manifests were recorded.
    """

    artifact: str
    manifest: str = ""
    by: str = ""

    def target(self, version: str) -> Target:
        """Return these bytes as the target of a version, without a configuration."""
        return Target(version, self.artifact, manifest=self.manifest)

    def agrees_with(self, other: "Published") -> bool:
        """Return whether both may be of the same bytes."""
        return self.artifact == other.artifact and (not self.manifest or self.manifest == other.manifest)


def published_as(target: Target) -> Published:
    """Return what a deployment was given as the bytes of its version."""
    return Published(target.digest, target.manifest)


def foreign_bytes(version: str, found: Published, recorded: Published | None, verified: Target | None) -> str:
    """Return why a version in the artifact store is not the one that was published; empty if it is.

    `recorded` is its record in the ledger, and `verified` a target with which it was verified on every host. One of
    them has to be known.
    """
    if recorded is None and verified is None:
        return (
            f"{version} is in the artifact store, but the ledger has no record that it was built or promoted: "
            "deploy another version; or push its commit again, and promote that snapshot"
        )
    known = [("published", recorded), ("verified on every host", published_as(verified) if verified else None)]
    for how, expected in known:
        if expected and not expected.agrees_with(found):
            return _difference(version, how, expected, found)
    return ""


def _difference(version: str, how: str, expected: Published, found: Published) -> str:
    what = "artifact" if expected.artifact != found.artifact else "manifest"
    was, now = getattr(expected, what), getattr(found, what)
    return (
        f"{version} is not what was {how}: its {what} was sha256 {was[:12]}, and the artifact store has {now[:12]}; "
        "restore the earlier object in the versioned bucket, or deploy another version"
    )
