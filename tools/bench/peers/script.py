"""`python -m tools.bench.peers.script PLAN`: the tight script, the least that the seven steps need.

It keeps no record, locks nothing, asks nobody and stops at the first failure.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from tools.bench.peers.steps import Plan, await_port, drain, read_plan, register, self_test

_POLL_SECONDS = 0.002


def main() -> None:
    """Roll the plan's version out, host by host."""
    plan = read_plan(sys.argv[1])
    for host in plan["targets"]:
        drain(plan, host)
        release = bring(plan, Path(host["home"]))
        stop(Path(host["home"]))
        switch(Path(host["home"]), release)
        start(Path(host["home"]))
        await_port(plan, host)
        self_test(plan, host)
        register(plan, host)


def bring(plan: Plan, home: Path) -> Path:
    """Copy the artifact to the host's folder, check its digest there, and unpack it; return the release's folder."""
    archive = home / "artifacts" / f"{plan['version']}.tar.gz"
    shutil.copyfile(plan["artifact"], archive)
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != plan["digest"]:
        raise SystemExit(f"{archive}: expected sha256 {plan['digest']}, found {found}")
    release = home / "releases" / str(plan["version"])
    with tarfile.open(archive) as packed:
        packed.extractall(release, filter="data")
    return release


def stop(home: Path) -> None:
    """End the host's service and wait until its process is gone."""
    pid = int((home / "service.pid").read_text())
    os.kill(pid, signal.SIGTERM)
    while runs(pid):
        time.sleep(_POLL_SECONDS)


def switch(home: Path, release: Path) -> None:
    """Point `current` to the release."""
    new = home / "current.new"
    new.symlink_to(release)
    new.replace(home / "current")


def start(home: Path) -> None:
    """Start the service, as a host's init system would."""
    subprocess.run([home / "service.sh", "start"], check=True)


def runs(pid: int) -> bool:
    """Return whether the process runs; a zombie does not."""
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


if __name__ == "__main__":
    main()
