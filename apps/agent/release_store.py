"""The releases on this host's disk: brought there, checked, unpacked, switched between, and thinned out.

    releases/<version>/                  the unpacked tree; the service runs in it
    artifacts/<version>/artifact.tar.gz  the checked bytes, kept so that a changed tree is laid out anew
    artifacts/<version>/manifest.json
    artifacts/<version>/checked.json     what was checked, written last: without it nothing here counts
    current -> releases/<version>
    tmp/                                 work in progress, emptied before the next

Called by installer.py. Preparing a version touches neither `current` nor the tree that runs.
"""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from apps.agent.atomic_file import read_or_none, write_atomically
from apps.agent.digests import HashedSource, check_digest, sha256
from apps.agent.fetch import fetch
from apps.agent.fingerprint import fingerprint
from apps.agent.ports import Releases
from apps.agent.processes import kernel_boot
from apps.agent.unpack import unpack
from lifecycle.domain.errors import DigestMismatch, LifecycleError
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.version import parse_version
from lifecycle.gateways.serialization import from_json, to_json

RETAINED_VERSIONS = 3


@dataclass(frozen=True, slots=True)
class CheckedRelease:
    """What is on the disk of one version, as it was checked.

    `tree` is the fingerprint of its unpacked tree, taken during this run of the `kernel`: after a power loss
    a tree may be torn, so it is laid out anew.
    """

    digest: str
    manifest: str
    tree: str
    kernel: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """A version ready to be placed; `tree` is a new one to move in, None when the one in place is right."""

    manifest: Manifest
    folder: Path
    tree: Path | None


class ReleaseStore:
    """The releases folder of one service on one host."""

    def __init__(self, home: Path, service: str, releases: Releases) -> None:
        self._home = home
        self._service = service
        self._releases = releases
        self._tmp = home / "tmp"
        for folder in (home / "releases", home / "artifacts", self._tmp):
            folder.mkdir(parents=True, exist_ok=True)
        self._tmp.chmod(0o700)
        self._empty_tmp()

    def current(self) -> str:
        """The version that `current` points to; empty when there is none."""
        try:
            return (self._home / "current").readlink().name
        except FileNotFoundError:
            return ""

    def digest(self, version: str) -> str:
        """The digest of the tree in `releases/<version>`; empty when it was never checked."""
        checked = self._checked(version) if version else None
        return checked.digest if checked else ""

    def versions(self) -> tuple[str, ...]:
        """The versions on the disk whose bytes were checked, the last used last."""
        found = [path.parent for path in (self._home / "artifacts").glob("*/checked.json")]
        return tuple(path.name for path in sorted(found, key=lambda path: path.stat().st_mtime_ns))

    def prepare(self, turn: Turn, fetching: Callable[[], None]) -> Prepared:
        """Make the turn's version ready on the disk; `fetching` is called before a store is asked.

        Raises DigestMismatch, UnsafeArchive, Unknown, StoreRefused or StoreUnreachable; then nothing that
        runs or may be run was changed.
        """
        parse_version(turn.version)
        self._empty_tmp()
        manifest = self._stored_manifest(turn)
        if manifest and self._tree_is_unchanged(turn):
            return Prepared(manifest, self._tree(turn.version), None)
        if manifest:
            try:
                return self._unpack(manifest)
            except (DigestMismatch, FileNotFoundError):
                pass  # the disk's copy is no longer what was checked: fetch it again
        fetching()
        into = self._artifact(turn.version)
        return self._unpack(fetch(self._releases, self._service, turn, self._tmp, into))

    def place(self, prepared: Prepared) -> None:
        """Move a prepared tree to where it runs; the service that runs in the old one must have stopped."""
        folder, version = prepared.folder, prepared.manifest.version
        if prepared.tree:
            self._discard(folder)
            prepared.tree.rename(folder)
            self._record_checked(prepared.manifest, fingerprint(folder))
        os.utime(self._artifact(version) / "checked.json")  # the last used are the ones to keep

    def switch(self, version: str) -> None:
        """Point `current` to a version, in one step."""
        new = self._home / "current.new"
        new.unlink(missing_ok=True)
        new.symlink_to(Path("releases") / version)
        new.replace(self._home / "current")

    def prune(self, keep: Iterable[str]) -> None:
        """Remove all but the versions to `keep`, `current`, and the last used up to RETAINED_VERSIONS altogether."""
        kept = {*keep, self.current()} - {""}
        there = {path.name for name in ("releases", "artifacts") for path in (self._home / name).iterdir()}
        for version in reversed(self.versions()):
            if len(kept & there) < RETAINED_VERSIONS:
                kept.add(version)
        for version in there - kept:
            self._discard(self._artifact(version))
            self._discard(self._tree(version))

    def _empty_tmp(self) -> None:
        for path in self._tmp.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink()

    def _tree(self, version: str) -> Path:
        return self._home / "releases" / version

    def _artifact(self, version: str) -> Path:
        return self._home / "artifacts" / version

    def _checked(self, version: str) -> CheckedRelease | None:
        text = read_or_none(self._artifact(version) / "checked.json")
        return from_json(CheckedRelease, text) if text else None

    def _stored_manifest(self, turn: Turn) -> Manifest | None:
        """The manifest on the disk, if this very version was checked before and it is unchanged."""
        checked = self._checked(turn.version)
        text = read_or_none(self._artifact(turn.version) / "manifest.json")
        if not checked or not text or checked.digest != turn.digest or checked.manifest != sha256(text):
            return None
        return from_json(Manifest, text)

    def _tree_is_unchanged(self, turn: Turn) -> bool:
        checked = self._checked(turn.version)
        if not checked or checked.kernel != kernel_boot():
            return False
        try:
            return fingerprint(self._tree(turn.version)) == checked.tree
        except FileNotFoundError:
            return False

    def _unpack(self, manifest: Manifest) -> Prepared:
        """Lay the artifact on the disk out in a new tree; the bytes unpacked are hashed as they are read."""
        final = self._tree(manifest.version)
        tree = Path(tempfile.mkdtemp(prefix=f"{manifest.version}.", dir=self._tmp))
        try:
            with (self._artifact(manifest.version) / "artifact.tar.gz").open("rb") as file:
                check_digest(file, manifest)
                source = HashedSource(file)
                unpack(source, manifest.size, tree)
                source.finish(manifest)
            tree.chmod(0o755)
        except (LifecycleError, OSError):
            self._discard(tree)
            raise
        if not final.exists():
            tree.rename(final)
            self._record_checked(manifest, fingerprint(final))
            return Prepared(manifest, final, None)
        return Prepared(manifest, final, tree)

    def _record_checked(self, manifest: Manifest, tree: str) -> None:
        text = read_or_none(self._artifact(manifest.version) / "manifest.json") or ""
        checked = CheckedRelease(manifest.digest, sha256(text), tree, kernel_boot())
        write_atomically(self._artifact(manifest.version) / "checked.json", to_json(checked))

    def _discard(self, folder: Path) -> None:
        """Remove a folder; by a rename first, so that a crash never leaves half of it in its place."""
        if folder.exists():
            doomed = Path(tempfile.mkdtemp(dir=self._tmp)) / "doomed"
            folder.rename(doomed)
            shutil.rmtree(doomed.parent, ignore_errors=True)
