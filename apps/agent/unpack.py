"""Safe unpacking: extract an artifact into an empty folder, or refuse all of it.

Called by release_store.py. The bytes match their published digest, but may still be malicious. tar_reader.py only
parses: this module creates every file, folder and link new, inside the folder, and links last. So no write can follow
a link, replace a file, or leave the folder.
"""

import os
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from apps.agent.tar_reader import Limits, Member, Source, TarReader
from lifecycle.domain.errors import UnsafeArchive

_SHOWN = 200
_BLOCK = 4096  # a file takes whole blocks of the disk
_HEADER = 512  # and at least this much of an archive


def unpack(
    archive: Source,
    packed: int,
    into: Path,
    limits: Limits | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Extract `archive` (tar.gz, `packed` bytes) into `into`, which must be empty; raise UnsafeArchive.

    Refused paths are absolute, contain `..`, occur twice, or run through a file. Refused members are hard links,
    devices, pipes, sparse files, and links that point outside. `limits` bounds bytes, members, names and time.
    Setuid, setgid, sticky and group or world write bits are dropped. After a refusal `into` holds a part of the
    archive; remove it.
    """
    limits = limits or Limits()
    _Extraction(into, limits).extract(TarReader(archive, packed, limits, clock))


@dataclass(frozen=True, slots=True)
class Room:
    """The need of files on a disk: bytes, and inodes, which may run out before."""

    size: int
    inodes: int = 1


def estimated_room(archive: IO[bytes]) -> Room:
    """Return more than the files of a tar.gz take, from its last four bytes: its unpacked length modulo 4 GiB.

    A file of one byte takes a block on the disk, and a quarter of that in the archive, half of it for its header. The
    numbers are wrong for an archive that was packed in several parts.
    """
    archive.seek(-4, os.SEEK_END)
    length = int.from_bytes(archive.read(4), "little")
    return Room(length * 4, length // _HEADER)


def needed_room(archive: IO[bytes], packed: int, limits: Limits | None = None) -> Room:
    """Return what the files of a tar.gz take on the disk, from its headers; raise UnsafeArchive.

    `archive` is read from its start. Reading the headers unpacks the whole archive in memory, piece by piece.
    """
    limits = limits or Limits()
    archive.seek(0)
    total = count = 0
    for count, member in enumerate(TarReader(archive, packed, limits).members()):
        if count >= limits.members:
            break  # `unpack` refuses it
        total += -(-member.size // _BLOCK) * _BLOCK if member.is_file else _BLOCK
    return Room(total, count + 1)


class _Extraction:
    """The extraction of one archive, with the names that it created so far."""

    def __init__(self, into: Path, limits: Limits) -> None:
        self._into = into
        self._limits = limits
        self._named: set[str] = set()
        self._folders: set[str] = {""}
        self._links: list[tuple[str, str]] = []
        self._created = self._names_bytes = 0

    def extract(self, tar: TarReader) -> None:
        for member in tar.members():
            name = self._checked_name(member)
            if member.is_folder:
                self._folder(name)
                continue
            self._folder(_parent(name))
            self._count(name, member.link)
            if member.is_link:
                self._links.append((name, member.link))
            else:
                self._file(tar, member, name)
        self._make_links(tar)

    def _checked_name(self, member: Member) -> str:
        """Return the member's normalized path; raise UnsafeArchive for a member that is not allowed."""
        name = _normalized(member.name, self._limits)
        if not (member.is_file or member.is_folder or member.is_link):
            raise UnsafeArchive(
                member.name, f"is {member.in_words}; only plain files, folders and symbolic links are allowed"
            )
        if name in self._named or (name in self._folders and not member.is_folder):
            raise UnsafeArchive(member.name, "occurs twice")
        if "\0" in member.link or len(os.fsencode(member.link)) > self._limits.path_bytes:
            raise UnsafeArchive(member.name, f"points to no path of at most {self._limits.path_bytes} bytes")
        self._named.add(name)
        return name

    def _count(self, name: str, link: str = "") -> None:
        """Count what is created, folders that no member names included."""
        self._created += 1
        self._names_bytes += len(os.fsencode(name)) + len(os.fsencode(link))
        if self._created > self._limits.members:
            raise UnsafeArchive(name, f"is one of more than {self._limits.members} members")
        if self._names_bytes > self._limits.names_bytes:
            raise UnsafeArchive("the archive", f"has more than {self._limits.names_bytes} bytes of names")

    def _folder(self, name: str) -> None:
        if name in self._folders:
            return
        self._folder(_parent(name))
        self._count(name)
        try:
            (self._into / name).mkdir(mode=0o755)
        except FileExistsError as error:
            raise UnsafeArchive(name, "is both a file and a folder") from error
        self._folders.add(name)

    def _file(self, tar: TarReader, member: Member, name: str) -> None:
        mode = 0o755 if member.mode & stat.S_IXUSR else 0o644
        try:
            target = os.open(self._into / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
        except FileExistsError as error:
            raise UnsafeArchive(name, "occurs twice") from error
        with open(target, "wb") as file:  # noqa: PTH123 - a descriptor, not a path
            file.writelines(tar.data())
            file.flush()
            seconds = min(member.modified, 2**33)
            os.utime(target, (seconds, seconds))

    def _make_links(self, tar: TarReader) -> None:
        names = {name for name, _ in self._links}
        if clash := names & self._folders:
            raise UnsafeArchive(min(clash), "is both a link and a folder")
        for name, target in self._links:
            if target.startswith("/") or not target:
                raise UnsafeArchive(name, f"points to {target!r}")
            (self._into / name).symlink_to(target)
        # A path may run through another link, so resolve the targets only after every link is made.
        inside = os.path.realpath(self._into) + os.sep
        for name, target in self._links:
            tar.check_time()  # each one may run through many others
            if not (_resolved(self._into / name) + os.sep).startswith(inside):
                raise UnsafeArchive(name, f"points outside, to {target!r}")


def _normalized(name: str, limits: Limits) -> str:
    shown = name[:_SHOWN]
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/"):
        raise UnsafeArchive(shown, "is an absolute path")
    if ".." in parts:
        raise UnsafeArchive(shown, "contains '..'")
    lengths = [len(os.fsencode(part)) for part in parts]
    if "\0" in name or sum(lengths) > limits.path_bytes or max(lengths, default=0) > 255:
        raise UnsafeArchive(shown, "is not a valid path of this file system")
    if len(parts) > limits.depth:
        raise UnsafeArchive(shown, f"is more than {limits.depth} folders deep")
    return "/".join(parts)


def _resolved(path: Path) -> str:
    try:
        return os.path.realpath(path)
    except RecursionError as error:
        raise UnsafeArchive(path.name, "runs through too many links") from error


def _parent(name: str) -> str:
    return name.rpartition("/")[0]
