"""An SSH server on loopback for the peers that reach their hosts over SSH: new keys, its own port, this user only."""

import getpass
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from apps.local.errors import LaptopError
from apps.local.ports import LOOPBACK, listens, next_free

_TIMEOUT_SECONDS = 10.0
# OpenSSH's server refuses to run as root without it.
_PRIVILEGE_SEPARATION = Path("/run/sshd")


@dataclass(frozen=True, slots=True)
class Sshd:
    """A running server, and what a client needs to log in."""

    pid: int
    port: int
    user: str
    key: Path

    def cpu_seconds(self) -> float:
        """Return the processor seconds of the server, its sessions, and the commands that ended in them."""
        server = psutil.Process(self.pid)
        return sum(sum(each.cpu_times()[:4]) for each in (server, *server.children(recursive=True)))


@contextmanager
def sshd(folder: Path, first_port: int) -> Iterator[Sshd]:
    """Run a server until the block ends. Raises LaptopError when this machine has none."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
    if (program := shutil.which("sshd", path=path)) is None or shutil.which("ssh-keygen") is None:
        raise LaptopError("no `sshd` on the PATH; install it: sudo apt install openssh-server")
    if os.geteuid() == 0:
        _PRIVILEGE_SEPARATION.mkdir(exist_ok=True)
    folder.mkdir()
    folder.chmod(0o700)
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    port = next_free(LOOPBACK, first_port)
    settings = {
        "ListenAddress": f"{LOOPBACK}:{port}",
        "HostKey": str(folder / "host"),
        "AuthorizedKeysFile": str(folder / "user.pub"),
        "PidFile": "none",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "AllowUsers": getpass.getuser(),
        "Subsystem": "sftp internal-sftp",
        "MaxStartups": "200",
        # bash reads ~/.bashrc for each command over SSH, and a person's may take longer than the command.
        "SetEnv": f"HOME={folder}",
    }
    (folder / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    with (folder / "log").open("wb") as log:
        command = [program, "-D", "-e", "-f", str(folder / "config")]
        server = subprocess.Popen(command, stderr=log, stdin=subprocess.DEVNULL)
    try:
        _await(port, server, folder / "log")
        yield Sshd(server.pid, port, getpass.getuser(), folder / "user")
    finally:
        server.terminate()
        server.wait(_TIMEOUT_SECONDS)


def _await(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _TIMEOUT_SECONDS
    while not listens(LOOPBACK, port):
        if server.poll() is not None or time.monotonic() > until:
            said = log.read_text(errors="replace").strip()[-300:]
            raise LaptopError(f"sshd does not listen on port {port} after {_TIMEOUT_SECONDS:.0f} s: {said}")
        time.sleep(0.02)
