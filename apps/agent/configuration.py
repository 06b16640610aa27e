"""The configuration of the running service: read when a version needs it, kept in memory only, and masked in texts.

Used by installer.py. A service may print its configuration when it fails, and the end of its log becomes a report.
"""

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from apps.agent.errors import ConfigUnreadable, StoreUnreachable
from apps.agent.ports import Configurations
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.listing import listed
from lifecycle.domain.service.manifest import Manifest

logger = logging.getLogger(__name__)

# A shorter value is in too many words to be masked, and is no secret.
_SHORTEST_MASKED = 4
# Lines of the service's former starts may be sent after it has another revision.
_REMEMBERED = 4
HIDDEN = "(hidden: it may contain the configuration, which could not be read to mask it)"


class NoConfigurations:
    """The store of an agent that was given none."""

    def values(self, revision: int) -> Mapping[str, str]:
        raise ConfigUnreadable(f"config {revision} cannot be read: this agent was started without a store for it")


class Configuration:
    """The configurations that this agent read last, by their revision."""

    def __init__(self, store: Configurations) -> None:
        self._store = store
        self._known: dict[int, Mapping[str, str]] = {}

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

    def masked(self, text: str, revision: int) -> str:
        """Return a text of the service with the name of each variable instead of its value, or HIDDEN."""
        try:
            return self.mask(text, revision)
        except LifecycleError as error:
            logger.warning("%s", error)
            return HIDDEN

    def mask(self, text: str, revision: int) -> str:
        """Return `masked`; raises StoreUnreachable and ConfigUnreadable. Revisions of before are masked too."""
        if revision and revision not in self._known:
            self._read(revision)
        for secret, name in sorted(_secrets(self._known), key=lambda each: len(each[0]), reverse=True):
            text = text.replace(secret, f"[{name}]")
        return text

    def _read(self, revision: int) -> Mapping[str, str]:
        if not revision:
            return {}
        try:
            values = self._store.values(revision)
        except StoreUnreachable:
            raise
        except LifecycleError as error:
            raise ConfigUnreadable(str(error)) from error
        # A new mapping, because the thread that sends the log reads it.
        last = list(self._known.items())[-(_REMEMBERED - 1) :]
        self._known = {**dict(last), revision: values}
        return values


def _secrets(known: Mapping[int, Mapping[str, str]]) -> set[tuple[str, str]]:
    """Return what must not be printed, with its name: each value, its lines, and the password of an address."""
    found = {
        (part, name)
        for values in known.values()
        for name, value in values.items()
        for part in (value, *value.splitlines(), _password(value))
    }
    return {(part, name) for part, name in found if len(part) >= _SHORTEST_MASKED}


def _password(value: str) -> str:
    try:
        return urlsplit(value).password or ""
    except ValueError:
        return ""
