"""The user as whom a service's commands run, where that is another one than the agent's.

Made by agent.py from `--service-user`. A service's process cannot read the memory, the environment or the files of an
agent of another user, so it has none of the agent's credentials.
"""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from apps.agent.errors import NoServiceAccount


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """A user of this host, with all groups and the home folder."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    home: str

    def own(self, tree: Path) -> None:
        """Give a tree to this user; nobody else may be able to change it meanwhile."""
        for folder, folders, files in os.walk(tree):
            for name in (".", *folders, *files):
                os.chown(Path(folder, name), self.uid, self.gid, follow_symlinks=False)

    def protect(self, home: Path) -> None:
        """Let this user reach the releases in an agent's folder, and nothing else in it."""
        for name, mode in (("", 0o711), ("releases", 0o711), ("tmp", 0o711), ("artifacts", 0o700), ("logs", 0o700)):
            (home / name).chmod(mode)


def find(name: str, agent: int | None = None) -> ServiceAccount | None:
    """Return the account with this name; None for an empty one. `agent` is the agent's user id.

    Raises NoServiceAccount.
    """
    if not name:
        return None
    if (agent := os.geteuid() if agent is None else agent) != 0:
        raise NoServiceAccount(name, f"the agent runs as user {agent}", "start it as root, or leave the flag out")
    try:
        found = pwd.getpwnam(name)
    except KeyError:
        raise NoServiceAccount(name, "this host has no such user", f"useradd --system {name}") from None
    if found.pw_uid == 0:
        raise NoServiceAccount(name, "it is root itself", "name a user without rights")
    groups = tuple(os.getgrouplist(name, found.pw_gid))
    return ServiceAccount(found.pw_uid, found.pw_gid, groups, found.pw_dir)
