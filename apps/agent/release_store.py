"""The releases on this host's disk: fetch, check, unpack, switch and prune them.

    releases/<version>/                  the unpacked tree; the service runs in it
    artifacts/<version>/artifact.tar.gz  the checked bytes; a changed tree is unpacked from them again
    artifacts/<version>/manifest.json
    artifacts/<version>/provenance.dsse.json  the envelope with its signature, checked again at each install
    artifacts/<version>/checked.json     the record of the check, written last: without it the version is not used
    current -> releases/<version>
    tmp/                                 work in progress, emptied before the next

Called by installer.py. Preparing a version changes neither `current` nor the tree of the running service.
"""

import contextlib
import logging
import os
import tempfile
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from apps.agent.atomic_file import read_or_none, write_atomically
from apps.agent.digests import HashedSource, check_digest, sha256
from apps.agent.fetch import check_signature, fetch
from apps.agent.fingerprint import fingerprint
from apps.agent.ports import PublishedManifest, Releases
from apps.agent.processes import kernel_boot
from apps.agent.removal import Removal, move
from apps.agent.service_account import ServiceAccount
from apps.agent.signatures import Signatures
from apps.agent.unpack import Room, estimated_room, needed_room, unpack
from lifecycle.domain.errors import DigestMismatch, LifecycleError, Refused, UnreadableRecord
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.service.envelope import ENVELOPE
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.version import parse_version
from lifecycle.gateways.serialization import Source, from_json, to_json

logger = logging.getLogger(__name__)

RETAINED_VERSIONS = 3
SPARE_BYTES = 1024**2
"""The free space that a new version leaves for the agent's own files."""
SPARE_INODES = 64
"""The inodes that it leaves, too."""
_FETCHED_AGAIN = "Delete the folder of this version; the next deployment fetches it again."


@dataclass(frozen=True, slots=True)
class CheckedRelease:
    """The record of one version's check on this disk.

    `digest` and `manifest` are the sha256 of the artifact and of the manifest's text. `tree` is the fingerprint of
    the unpacked tree, valid for one boot of the `kernel`: a power loss may damage a tree, so after a boot it is
    unpacked again. It is empty for a tree that had changed already.
    """

    digest: str
    manifest: str
    tree: str
    kernel: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A version that is ready to be placed; `tree` is a new tree, or None when the tree in place is correct."""

    manifest: Manifest
    folder: Path
    tree: Path | None


class ReleaseStore:
    """The releases folder of one service on one host."""

    def __init__(
        self,
        home: Path,
        service: str,
        releases: Releases,
        keep: Callable[[], Iterable[str]] = tuple,
        account: ServiceAccount | None = None,
        signatures: Signatures | None = None,
    ) -> None:
        """`keep` returns the versions that are never removed to make room, beside `current`."""
        self._signatures = signatures or Signatures(home)
        self._reported = "", ""
        self._account = account
        self._home = home
        self._keep = keep
        self._service = service
        self._releases = releases
        self._tmp = home / "tmp"
        self._make_folders()
        self._empty_tmp()

    def _make_folders(self) -> None:
        for folder in (self._home / "releases", self._home / "artifacts", self._tmp):
            folder.mkdir(parents=True, exist_ok=True)
        self._tmp.chmod(0o700)

    def current(self) -> str:
        """Return the version that `current` points to; empty when there is none."""
        try:
            return (self._home / "current").readlink().name
        except FileNotFoundError:
            return ""

    def digest(self, version: str) -> str:
        """Return the artifact's digest of the tree in `releases/<version>`; empty when it was never checked."""
        checked = self._checked(version) if version else None
        return checked.digest if checked else ""

    def manifest_digest(self, version: str) -> str:
        """Return the sha256 of the manifest of a version on the disk; empty when it was never checked."""
        if not version:
            return ""
        if version != self._reported[0]:  # every report asks
            checked = self._checked(version)
            self._reported = version, checked.manifest if checked else ""
        return self._reported[1]

    def versions(self) -> tuple[str, ...]:
        """Return the versions on the disk whose bytes were checked, the last used last."""
        found = [path.parent for path in (self._home / "artifacts").glob("*/checked.json")]
        return tuple(path.name for path in sorted(found, key=lambda path: path.stat().st_mtime_ns))

    def folder(self, version: str) -> Path:
        """Return the folder of an unpacked version."""
        return self._tree(version)

    def manifest(self, version: str) -> Manifest | None:
        """Return the manifest on the disk; None if there is none, or if it cannot be read any more."""
        with contextlib.suppress(LifecycleError):
            file = self._artifact(version) / "manifest.json"
            text = read_or_none(file)
            return from_json(Manifest, text, Source(str(file), _FETCHED_AGAIN)) if text else None
        return None

    def prepare(self, turn: Turn, fetching: Callable[[], None]) -> Prepared:
        """Make the turn's version ready on the disk; call `fetching` before reading from the store.

        Makes room by removing the versions that were used least recently. Raises DigestMismatch, UnsafeArchive,
        SignatureRefused, Refused, Unknown, StoreRefused or StoreUnreachable. An error leaves every placed version
        unchanged, and nothing of a version that was not there before.
        """
        parse_version(turn.version)
        self._make_folders()  # a person may have removed them, to make room
        self._signatures.refuse_older(turn)
        self._empty_tmp()
        manifest = self._stored_manifest(turn)
        if manifest and self._tree_is_unchanged(turn):
            return Prepared(manifest, self._tree(turn.version), None)
        if manifest:
            try:
                return self._unpack(manifest)
            except (DigestMismatch, FileNotFoundError):
                pass  # the copy on the disk changed since its check: fetch it again
        fetching()
        try:
            self._remove_unchecked(turn.version)
            into = self._artifact(turn.version)

            def make_room(what: str, size: int) -> None:
                self._make_room(what, Room(size), turn.version)

            return self._unpack(
                fetch(self._releases, self._signatures, self._service, turn, self._tmp, into, make_room)
            )
        except (LifecycleError, OSError):
            self._empty_tmp()
            self._remove_unchecked(turn.version)
            raise

    def place(self, prepared: Prepared) -> None:
        """Move a prepared tree into `releases/`. A service that runs in the old tree must have stopped before."""
        folder, version = prepared.folder, prepared.manifest.version
        if prepared.tree:
            self._discard(folder)
            checked = fingerprint(prepared.tree) or ""
            prepared.tree.rename(folder)
            self._record_checked(prepared.manifest, checked)
        os.utime(self._artifact(version) / "checked.json")  # `prune` retains the last used

    def switch(self, version: str) -> None:
        """Point `current` to a version atomically."""
        self._signatures.ran(version)
        new = self._home / "current.new"
        new.unlink(missing_ok=True)
        new.symlink_to(Path("releases") / version)
        new.replace(self._home / "current")

    def prune(self, keep: Iterable[str]) -> None:
        """Remove versions, except `keep`, `current` and the last used ones up to RETAINED_VERSIONS in total.

        It raises nothing: the turn has ended, and the log names what stays.
        """
        retained, removal = {*keep, self.current()} - {""}, Removal()
        stored = self._stored()
        for version in reversed(self.versions()):
            if len(retained & stored) < RETAINED_VERSIONS:
                retained.add(version)
        for version in stored - retained:
            self._remove_if_possible(version, removal)

    def _make_room(self, what: str, room: Room, version: str) -> None:
        """Remove versions until there is room for this version; raise Refused when no more can be removed."""
        kept = {*self._keep(), self.current(), version} - {""}
        stored, removal = self._stored(), Removal()
        checked = self.versions()
        for each in (*sorted(stored - set(checked)), *checked):
            if not self._lack(room):
                return
            if each not in kept:
                self._remove_if_possible(each, removal)
        if lack := self._lack(room):
            found = ", ".join(sorted(kept & stored - {version})) or "no other version"
            mend = "remove other files there, or use a larger disk"
            raise Refused(what, [f"{lack}, and of the versions only {found} stayed; {mend}"])

    def _lack(self, room: Room) -> str:
        """Return what the disk lacks for that; empty where there is room. Some file systems count no inodes."""
        disk = os.statvfs(self._tmp)
        free = disk.f_bavail * disk.f_frsize
        if room.size + SPARE_BYTES > free:
            return (
                f"it needs {room.size} bytes on the disk of {self._home} and {SPARE_BYTES} to spare; {free} are free"
            )
        if disk.f_files and room.inodes + SPARE_INODES > disk.f_favail:
            needs = f"{room.inodes} inodes on the disk of {self._home} and {SPARE_INODES} to spare"
            return f"it needs {needs}, one for each file; {disk.f_favail} are free"
        return ""

    def _make_room_for_tree(self, artifact: BinaryIO, manifest: Manifest) -> None:
        """Make room for the unpacked artifact. The tree of an earlier boot, which nothing runs in, may go for it."""
        if not self._lack(estimated_room(artifact)):
            return
        room = needed_room(artifact, manifest.size)
        what = f"the unpacked tree of {manifest.version}"
        try:
            self._make_room(what, room, manifest.version)
        except Refused:
            checked = self._checked(manifest.version)
            if checked is None or checked.kernel == kernel_boot():
                raise
            self._discard(self._tree(manifest.version))
            self._make_room(what, room, manifest.version)

    def _stored(self) -> set[str]:
        """Return every version of which anything is on the disk."""
        return {path.name for name in ("releases", "artifacts") for path in (self._home / name).iterdir()}

    def _remove_if_possible(self, version: str, removal: Removal) -> None:
        """Remove a version; the log names one whose folder cannot be moved."""
        try:
            self._remove(version, removal)
        except OSError as error:
            logger.warning("%s is not removed: %s", version, error)

    def _remove(self, version: str, removal: Removal | None = None) -> None:
        self._discard(self._artifact(version), removal)
        self._discard(self._tree(version), removal)

    def _remove_unchecked(self, version: str) -> None:
        """Remove what a failed fetch left of a version."""
        if not (self._artifact(version) / "checked.json").exists() and version != self.current():
            self._remove(version)

    def _empty_tmp(self) -> None:
        Removal().empty(self._tmp)

    def _tree(self, version: str) -> Path:
        return self._home / "releases" / version

    def _artifact(self, version: str) -> Path:
        return self._home / "artifacts" / version

    def _checked(self, version: str) -> CheckedRelease | None:
        """Return the record of a check. One that cannot be read counts as none: the version is fetched again."""
        file = self._artifact(version) / "checked.json"
        text = read_or_none(file)
        try:
            return from_json(CheckedRelease, text, Source(str(file), _FETCHED_AGAIN)) if text else None
        except UnreadableRecord:
            return None

    def _stored_manifest(self, turn: Turn) -> Manifest | None:
        """Return the manifest on the disk if this version with these digests was checked; None if not, or changed."""
        checked = self._checked(turn.version)
        file = self._artifact(turn.version) / "manifest.json"
        text = read_or_none(file)
        if not checked or not text or checked.digest != turn.digest or checked.manifest != sha256(text):
            return None
        if turn.manifest and checked.manifest != turn.manifest:
            return None
        manifest = from_json(Manifest, text, Source(str(file), _FETCHED_AGAIN))
        self._check_signature(turn, PublishedManifest(manifest, text))
        return manifest

    def _check_signature(self, turn: Turn, published: PublishedManifest) -> None:
        """Check the signature of a version on the disk. An agent of before has kept none: it is fetched then."""
        file = self._artifact(turn.version) / ENVELOPE
        stored = read_or_none(file)
        envelope = check_signature(self._releases, self._signatures, published, self._service, turn, stored)
        if envelope != (stored or ""):
            write_atomically(file, envelope)

    def prepared_again(self, turn: Turn, prepared: Prepared) -> Prepared:
        """Return the version as it was prepared; unpack it again where its tree has changed since."""
        if prepared.tree is not None or self._tree_is_unchanged(turn):
            return prepared
        return self._unpack(prepared.manifest)

    def _tree_is_unchanged(self, turn: Turn) -> bool:
        checked = self._checked(turn.version)
        if not checked or checked.kernel != kernel_boot():
            return False
        tree, owner = self._tree(turn.version), self._account.uid if self._account else os.geteuid()
        try:
            return tree.stat().st_uid == owner and fingerprint(tree) == checked.tree
        except OSError:  # it is not there, or its owner lets nobody read it
            return False

    def _unpack(self, manifest: Manifest) -> Prepared:
        """Unpack the artifact on the disk into a new tree; hash the bytes while they are unpacked."""
        final = self._tree(manifest.version)
        tree = Path(tempfile.mkdtemp(prefix=f"{manifest.version}.", dir=self._tmp))
        try:
            with (self._artifact(manifest.version) / "artifact.tar.gz").open("rb") as file:
                check_digest(file, manifest)
                self._make_room_for_tree(file, manifest)
                file.seek(0)
                source = HashedSource(file)
                unpack(source, manifest.size, tree)
                source.finish(manifest)
            if self._account:
                self._account.own(tree)
            tree.chmod(0o755)
            checked = fingerprint(tree) or ""  # before its user can find it
        except (LifecycleError, OSError):
            self._discard(tree)
            raise
        if not final.exists():
            tree.rename(final)
            self._record_checked(manifest, checked)
            return Prepared(manifest, final, None)
        return Prepared(manifest, final, tree)

    def _record_checked(self, manifest: Manifest, tree: str) -> None:
        text = read_or_none(self._artifact(manifest.version) / "manifest.json") or ""
        checked = CheckedRelease(manifest.digest, sha256(text), tree, kernel_boot())
        write_atomically(self._artifact(manifest.version) / "checked.json", to_json(checked))
        self._reported = "", ""

    def _discard(self, folder: Path, removal: Removal | None = None) -> None:
        """Remove a folder. Rename it first, so that a crash never leaves a part of it in its place.

        The rename needs no new folder, for which a full disk has no space. What cannot be removed stays in `tmp`.
        """
        if os.path.lexists(folder):
            doomed = self._tmp / f"doomed-{uuid.uuid4().hex}"
            move(folder, doomed)
            (removal or Removal()).remove(doomed)
