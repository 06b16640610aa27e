"""From `lifecycle local up` to a push in staging, for a person whose shell, Git and AWS are set up for other work.

The checkout, the home and the service have spaces and other letters in their paths.
"""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

from apps.local.paths import REPOSITORY
from apps.local.ports import LOOPBACK, Ports

pytestmark = pytest.mark.emulator

SERVICE = """name = "ambient"
version = "1.0"
[run]
command = "exec python3 -m http.server $PORT --bind $HOST"
[checks]
is_alive = "/"
self_test = "/"
[environments.staging]
automatic = true
"""
GITCONFIG = """[user]
\tname = Zoë
\temail = zoe@example.org
[core]
\thooksPath = {home}/hooks
\tautocrlf = true
[commit]
\tgpgsign = true
[gpg]
\tprogram = false
[safe]
\tbareRepository = explicit
[init]
\ttemplateDir = {home}/template
\tdefaultBranch = trunk
"""
SECONDS = 300


@dataclass(frozen=True)
class Person:
    """A person with a checkout and a home, who types commands."""

    checkout: Path
    home: Path

    @property
    def variables(self) -> dict[str, str]:
        nowhere = f"http://{LOOPBACK}:9"
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "USER": "zoë",
            "AWS_PROFILE": "company",
            "AWS_CONFIG_FILE": str(self.home),
            "AWS_ENDPOINT_URL": nowhere,
            "AWS_USE_FIPS_ENDPOINT": "true",
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"), nowhere),
            "PYTHONIOENCODING": "ascii",
            "GIT_TEMPLATE_DIR": str(self.home / "template"),
            # Only so that Python finds the copy: an installed checkout needs none.
            "PYTHONPATH": f"{self.checkout}:{self.checkout / 'layers' / 'core' / 'python'}",
        }

    def types(self, *command: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["sh", "-c", 'umask 077; exec "$@"', "sh", *command],
            env=self.variables,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=SECONDS,
            check=False,
        )

    def lifecycle(self, *arguments: str) -> str:
        """Run a command of the copied checkout; assert that it succeeds, and return its output."""
        done = self.types(str(self.checkout / ".venv" / "bin" / "python"), "-m", "apps.cli.main", *arguments)
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
        return done.stdout


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    checkout, home = tmp_path / "a checkout of Zoë", tmp_path / "home of Zoë"
    listed = subprocess.run(["git", "-C", str(REPOSITORY), "ls-files", "-z"], capture_output=True, check=True)
    for name in listed.stdout.decode().split("\0"):
        if name and (REPOSITORY / name).is_file():
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, checkout / name)
    for environment in (".venv", ".venv-emulator"):
        (checkout / environment).symlink_to((REPOSITORY / environment).resolve())
    shutil.copytree(REPOSITORY / "build" / "layers", checkout / "build" / "layers", symlinks=True)
    for hooks in (home / "hooks", home / "template" / "hooks"):
        hooks.mkdir(parents=True)
        for name in ("pre-commit", "post-checkout"):
            (hooks / name).write_text("#!/bin/sh\nexit 1\n")
            (hooks / name).chmod(stat.S_IRWXU)
    (home / ".gitconfig").write_text(GITCONFIG.format(home=home))
    made = Person(checkout, home)
    yield made
    made.lifecycle("local", "down")


def test_push_reaches_staging_whatever_the_persons_settings_are(person: Person) -> None:
    ports = ",".join(f"{name}={port}" for name, port in asdict(Ports.free()).items())
    person.lifecycle("local", "up", "--ports", ports)
    folder = person.home / "service of Zoë"
    folder.mkdir()
    (folder / "lifecycle.toml").write_text(SERVICE)
    person.lifecycle("local", "add", str(folder), "--hosts", "1")
    copy = person.checkout / ".lifecycle" / "work" / "ambient"
    done = person.types("git", "-C", str(copy), "push", "lifecycle", "HEAD")
    assert "lifecycle: 202 started" in done.stderr, done.stderr
    watched = person.lifecycle("watch", "--run", "ambient")
    assert "Zoë" in person.types("git", "-C", str(copy), "log", "--format=%an").stdout
    assert "DONE" in watched
    person.lifecycle("history", "ambient")
    person.lifecycle("local", "remove", "ambient")
