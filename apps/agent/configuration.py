"""The configuration of the running service: read when a version needs it, kept in memory only, and masked in texts.

Used by installer.py. A service may print its configuration when it fails, and the end of its log becomes a report.
"""

import logging
import threading
from collections.abc import Mapping

from apps.agent.errors import ConfigUnreadable, StoreUnreachable
from apps.agent.masking import Masking
from apps.agent.ports import Configurations
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.listing import listed
from lifecycle.domain.service.manifest import Manifest

logger = logging.getLogger(__name__)

# Lines of the service's former starts may be sent after it has another revision. The same revision has other values
# once a secret was rotated.
_REMEMBERED = 8
HIDDEN = "(hidden: it may contain the configuration, which could not be read to mask it)"


class NoConfigurations:
    """The store of an agent that was given none."""

    def values(self, revision: int) -> Mapping[str, str]:
        raise ConfigUnreadable(f"config {revision} cannot be read: this agent was started without a store for it")


class Configuration:
    """The configurations that this agent read last, each with its revision."""

    def __init__(self, store: Configurations) -> None:
        self._store = store
        self._known: tuple[tuple[int, Mapping[str, str]], ...] = ()
        self._masking = Masking()
        self._lock = threading.Lock()

    def prepare(self, manifest: Manifest, revision: int) -> Mapping[str, str]:
        """Read a revision and return its values; raises ConfigUnreadable if the version misses one.

        It is read again at each call, because the secrets that it names may have changed.
        """
        values = self._read(revision)
        if missing := sorted(set(manifest.config.required) - set(values)):
            raise ConfigUnreadable(
                f"{manifest.version} requires {listed(missing)}, which config {revision} does not have"
            )
        return values

    def masked(self, text: str, revision: int, *, part: bool = False) -> str:
        """Return a text of the service with the name of each variable instead of its value, or HIDDEN.

        A `part` may have been cut in the middle of a value.
        """
        try:
            return self.mask(text, revision, part=part)
        except LifecycleError as error:
            logger.warning("%s", error)
            return HIDDEN

    def mask(self, text: str, revision: int, *, part: bool = False) -> str:
        """Return `masked`; raises StoreUnreachable and ConfigUnreadable. Revisions of before are masked too."""
        if revision and revision not in {number for number, _ in self._known}:
            self._read(revision)
        return self._masking.part(text) if part else self._masking.whole(text)

    def _read(self, revision: int) -> Mapping[str, str]:
        if not revision:
            return {}
        try:
            values = self._store.values(revision)
        except StoreUnreachable:
            raise
        except LifecycleError as error:
            raise ConfigUnreadable(str(error)) from error
        self._remember((revision, values))
        return values

    def _remember(self, read: tuple[int, Mapping[str, str]]) -> None:
        """Mask these values from now on, beside those of before: a service runs with the ones of its own start."""
        with self._lock:  # the thread that sends the log reads, too
            if self._known[-1:] == (read,):
                return
            self._known = (*(each for each in self._known if each != read), read)[-_REMEMBERED:]
            self._masking = Masking(values for _, values in self._known)
