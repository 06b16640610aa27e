"""Signatures on this host: which keys it trusts, and which versions are too old for it.

The keys are a file that the host was given when it was installed (infra/install_agent.sh; apps/local on a laptop). It
is read at each check, so that a rotated key needs no restart. The newest versions that ran here are in
<home>/newest.json. Called by release_store.py before a version is fetched or unpacked.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from apps.agent.atomic_file import read_or_none, write_despite_full_disk
from apps.agent.digests import sha256
from apps.agent.ports import PublishedManifest
from lifecycle.domain.errors import InvalidValue, LifecycleError, Refused
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.foreign_json import parse_object
from lifecycle.domain.service.attestation import Attestation
from lifecycle.domain.service.trusted_keys import KeyKind, TrustedKey, Verify, kind_of, parse_keys, verified
from lifecycle.domain.service.version import is_older, parse_version
from lifecycle.gateways import p256

logger = logging.getLogger(__name__)

NO_KEYS = "this agent was given no keys, so it checks no signature: start it with --trusted-keys FILE"


class Signatures:
    """The trusted keys of a host and its memory of versions. Without a file of keys it checks nothing."""

    def __init__(self, home: Path, keys: Path | None = None, verify: Verify = p256.verify) -> None:
        self._newest = home / "newest.json"
        self._known: Mapping[str, str] | None = None
        self._keys = keys
        self._verify = verify

    @property
    def checks(self) -> bool:
        """Return whether this host was given keys."""
        return self._keys is not None

    def check(self, service: str, turn: Turn, published: PublishedManifest, envelope: str) -> None:
        """Raise SignatureRefused unless a trusted key signed these digests for this service and version."""
        if self.checks:
            wanted = Attestation(service, turn.version, published.manifest.digest, sha256(published.text))
            verified(envelope, wanted, self._trusted(), self._verify)

    def refuse_older(self, turn: Turn) -> None:
        """Raise Refused for a version that is older than one which ran here, unless the turn says so.

        A control plane of before does not say whether it does.
        """
        newest = self._read_newest().get(kind_of(turn.version), "")
        if not self.checks or turn.goes_back is not False or not newest or not is_older(turn.version, newest):
            return
        why = (
            f"this host ran {newest}: expected that or a newer version, found {turn.version}, and the command does "
            "not say that it goes back; plan it again: lifecycle rollback, or lifecycle deploy"
        )
        raise Refused(f"the version {turn.version}", [why])

    def ran(self, version: str) -> None:
        """Remember a version that the host switches to, if it is the newest of its kind."""
        found = self._read_newest()
        before = found.get(kind_of(version), "")
        if version != before and not (before and is_older(version, before)):
            self._known = {**found, kind_of(version): version}
            self._write(json.dumps(self._known))

    def newest(self) -> tuple[str, ...]:
        """Return the newest release and the newest snapshot that ran here."""
        return tuple(self._read_newest().values())

    def _write(self, text: str) -> None:
        write_despite_full_disk(self._newest, text)

    def _read(self) -> str | None:
        return read_or_none(self._newest)

    def _trusted(self) -> tuple[TrustedKey, ...]:
        text = read_or_none(self._keys) if self._keys else None
        try:
            return parse_keys(text or "")
        except InvalidValue as error:
            raise LifecycleError(f"{self._keys} cannot be read: {error}; install this host's agent again") from error

    def _read_newest(self) -> Mapping[str, str]:
        """Return the memory; one that cannot be read counts as none, and is written again at the next install."""
        if self._known is None:
            text = self._read()
            try:
                found = parse_object(text) if text else {}
                self._known = {str(KeyKind(kind)): str(parse_version(version)) for kind, version in found.items()}
            except (AttributeError, InvalidValue, TypeError, ValueError) as error:
                logger.warning("%s cannot be read, and counts as empty: %r", self._newest, error)
                self._known = {}
        return self._known
