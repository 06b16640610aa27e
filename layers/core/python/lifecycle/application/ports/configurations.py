"""The ports to configurations: what is recorded of their revisions, and their values."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.configuration import ConfigRevision, Configuration, Value


class ConfigRevisions(Protocol):
    """The revisions of configurations, without a value: the control plane can decrypt none."""

    def newest(self, cluster: Cluster) -> int:
        """Return the newest revision, which is the version of the parameter; 0 if there is none."""

    def recorded(self, cluster: Cluster) -> Sequence[ConfigRevision]:
        """Return the newest hundred recorded revisions, newest first."""

    def claim(self, revision: ConfigRevision) -> bool:
        """Record a revision that is to be written; returns False if its number is recorded with something else."""

    def record(self, revision: ConfigRevision) -> None:
        """Record a revision, in the place of an earlier record of the same number."""


class ConfigStore(Protocol):
    """The values, for the command line of people who may decrypt them, and for the hosts of the cluster.

    A call that IAM or KMS denies raises a StoreRefused that names the permission.
    """

    def read(self, cluster: Cluster, revision: int | None = None) -> Configuration:
        """Return a revision, by default the newest.

        A cluster without a configuration has revision 0, with no values. Raises Unknown for another revision that
        does not exist.
        """

    def write(self, cluster: Cluster, values: Mapping[str, Value], expected: int) -> int:
        """Write the next revision; return its number.

        Parameter Store has no conditional write. A caller that gets another number than `expected` + 1 has replaced
        the document of another writer: it applies its change again, on that document.
        """

    def resolved(self, configuration: Configuration) -> dict[str, str]:
        """Return each name with its text, those of secrets read from Secrets Manager.

        Raises InvalidValue for a text that no environment variable can have.
        """
