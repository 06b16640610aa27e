"""The script that installs the agent, run with stubs of what it calls: updates, their checks, and their undoing."""

import hashlib
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from string import Template
from zipfile import ZipFile

import pytest

from infra.constructs.hosts import INSTALL

# Each stub writes its call to `calls`. systemctl starts the agent that `current` names; a broken one reports nothing.
_STUB = """#!/bin/bash
echo "$(basename "$0") $*" >> "$ROOT/calls"
case "$(basename "$0") $1 $2" in
  "aws s3 cp") for last; do :; done; cp "$BUNDLE" "$last";;
  "aws dynamodb get-item") if [ -e "$ROOT/reported" ]; then cat "$ROOT/reported"; else echo None; fi;;
  "aws kms"*) echo "An error occurred (NotFoundException)" >&2; exit 254;;
  "curl "*) echo i-1;;
  "systemctl is-active -q") exit 0;;
  "systemctl start "*|"systemctl restart "*)
    runs="$(readlink "$ROOT/opt/agent/current")"
    if [ ! -e "$runs/broken" ]; then
      echo '{"agent_started_at": "'"$(basename "$runs") $(wc -l < "$ROOT/calls")"'"}' > "$ROOT/reported"
    fi;;
esac
"""
_STUBBED = ("aws", "curl", "systemctl", "nft", "dnf", "useradd", "chown", "sleep", "flock", "python3.11")


@dataclass
class Machine:
    """A host whose /etc, /opt, /run and /var are below `root`."""

    root: Path
    output: str = ""

    def install(self, bundle: Path, digest: str = "", packages: str = "", install: str = "true") -> int:
        """Run the script; return its exit code."""
        values = {
            "bundle": f"s3://assets/{bundle.name}",
            "digest": digest or hashlib.sha256(bundle.read_bytes()).hexdigest(),
            "packages": packages,
            "requirements": hashlib.sha256(f"{packages} {install}".encode()).hexdigest(),
            "install": install,
            **dict.fromkeys(("region", "service", "environment", "table", "also", "bucket", "group", "hook"), "x"),
            "port": "8080",
            "reports": "REPORTS#",
            "always": "0",
        }
        script = Template(INSTALL.read_text()).substitute(values)
        below = {"/opt/lifecycle": "opt", "/var/lib/lifecycle": "var", "/etc/": "etc/", "/run/": "run/"}
        for folder, place in below.items():
            script = script.replace(folder, f"{self.root}/{place}")
        path = f"{self.root}/bin:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-c", script],
            env={"PATH": path, "ROOT": str(self.root), "BUNDLE": str(bundle)},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        self.output = done.stdout + done.stderr
        return done.returncode

    @property
    def current(self) -> str:
        return (self.root / "opt/agent/current").readlink().name

    @property
    def calls(self) -> list[str]:
        return (self.root / "calls").read_text().splitlines()

    def bundle(self, name: str, *, broken: bool = False) -> Path:
        made = self.root / f"{name}.zip"
        with ZipFile(made, "w") as archive:
            archive.writestr("broken" if broken else "apps/agent/__main__.py", name)
        return made


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for folder in ("bin", "etc/systemd/system", "run", "var", "opt"):
        (tmp_path / folder).mkdir(parents=True)
    for name in _STUBBED:
        (tmp_path / "bin" / name).write_text(_STUB)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "bin" / "id").write_text("#!/bin/bash\n")
    (tmp_path / "bin" / "id").chmod(0o755)
    (tmp_path / "calls").touch()
    return Machine(tmp_path)


def test_new_agent_replaces_the_former_one_once_it_reports(machine: Machine) -> None:
    for name in ("one", "two"):
        assert machine.install(machine.bundle(name)) == 0, machine.output
        assert machine.current == name
    folders = [each for each in (machine.root / "opt/agent").iterdir() if each.is_dir() and not each.is_symlink()]
    assert [each.name for each in folders] == ["two"]
    before = len(machine.calls)
    assert machine.install(machine.bundle("two")) == 0
    assert not [call for call in machine.calls[before:] if call.startswith(("systemctl st", "dnf"))]


def test_host_whose_new_agent_does_not_report_goes_back_and_fails(machine: Machine) -> None:
    assert machine.install(machine.bundle("one")) == 0, machine.output
    unit = machine.root / "etc/systemd/system/lifecycle-agent.service"
    former = unit.read_text()
    assert machine.install(machine.bundle("two", broken=True)) == 1
    assert machine.current == "one"
    assert (machine.calls[-1], unit.read_text()) == ("systemctl restart lifecycle-agent", former)
    assert "the agent two did not report within 300 s" in machine.output
    before = len(machine.calls)
    assert machine.install(machine.bundle("two", broken=True)) == 1
    assert "did not report on this host before" in machine.output
    assert not [call for call in machine.calls[before:] if call.startswith("systemctl st")]
    assert machine.install(machine.bundle("three")) == 0, machine.output
    assert machine.current == "three"


def test_first_agent_that_does_not_report_fails(machine: Machine) -> None:
    assert machine.install(machine.bundle("one", broken=True)) == 1
    assert not [call for call in machine.calls if "complete-lifecycle-action" in call]


def test_bundle_with_another_digest_is_not_installed(machine: Machine) -> None:
    assert machine.install(machine.bundle("one")) == 0, machine.output
    assert machine.install(machine.bundle("two"), digest="0" * 64) != 0
    assert machine.current == "one"


def test_packages_and_the_install_script_come_before_the_agent_and_again_when_they_change(machine: Machine) -> None:
    install = f"echo installed >> {machine.root}/calls"
    for packages, times in (("python3.13 ffmpeg", 1), ("python3.13 ffmpeg", 1), ("node", 2)):
        assert machine.install(machine.bundle("one"), packages=packages, install=install) == 0, machine.output
        assert machine.calls.count("installed") == times
    calls = machine.calls
    assert "dnf install -y -q python3.13 ffmpeg" in calls
    assert calls.index("installed") < next(n for n, call in enumerate(calls) if call.startswith("systemctl start"))


def test_install_script_that_fails_stops_before_anything_is_changed(machine: Machine) -> None:
    assert machine.install(machine.bundle("one")) == 0, machine.output
    assert machine.install(machine.bundle("two"), install="exit 7") == 7
    assert machine.current == "one"
