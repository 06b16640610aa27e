"""The target of a deployment: a version, the digests of its bytes, and the revision of its configuration."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


def config_name(revision: int) -> str:
    """Return the name under which a revision of a configuration is quarantined."""
    return f"config-{revision}"


def named_config(name: str) -> int:
    """Return the revision whose quarantine has this name; 0 for the name of a version or of a host."""
    found = re.fullmatch(r"config-([1-9][0-9]{0,8})", name)
    return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class Target:
    """A version, the digest of its bytes, and the revision of its configuration; 0 is none.

    The three go out together and come back together. `manifest` is the sha256 of the manifest's bytes; empty in a
    record of before. It says nothing more about what runs, so targets are compared without it.
    """

    version: str
    digest: str
    config: int = 0
    manifest: str = field(default="", compare=False)

    @property
    def in_words(self) -> str:
        """Return the version, and the revision if there is one."""
        return f"{self.version} with config {self.config}" if self.config else self.version

    @property
    def quarantine_names(self) -> tuple[str, ...]:
        """The names under which it may be quarantined: its version, and its configuration's revision."""
        return (self.version, *((config_name(self.config),) if self.config else ()))

    def quarantined_in(self, quarantined: Mapping[str, str]) -> str:
        """Return what of it is quarantined and why; empty if nothing is."""
        return "; ".join(
            f"{name} is quarantined: {quarantined[name]}" for name in self.quarantine_names if name in quarantined
        )

    def bad_part(self, back: "Target") -> str:
        """Return the name to quarantine when it is rolled back to another target; empty if both are the same."""
        if self.version != back.version:
            return self.version
        return config_name(self.config) if self.config and self.config != back.config else ""

    def differs_from(self, other: "Target | None") -> bool:
        """Return whether a host that runs the other one has to be updated for this one."""
        return other is None or (self.version, self.config) != (other.version, other.config)
