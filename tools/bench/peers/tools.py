"""The peers: how each tool is had, and the command that runs its rollout."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from apps.local.errors import LaptopError
from apps.local.paths import REPOSITORY
from tools.bench.peers.sshd import Sshd, sshd
from tools.bench.peers.steps import read_plan

SCRIPT, PYINFRA, PYINFRA_SSH, ANSIBLE, CAPISTRANO = "script", "pyinfra", "pyinfra-ssh", "ansible", "capistrano"
_OVER_SSH = "-ssh"
_FIRST_SSH_PORT = 22022
_HERE = Path(__file__).parent
_VENV = REPOSITORY / ".venv-peers"
_LOCK = REPOSITORY / "requirements" / "peers.txt"


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that is there: its version, and the command and variables of a rollout."""

    name: str
    version: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    server: Sshd | None = None


@contextmanager
def available(name: str, folder: Path, plan: Path) -> Iterator[Tool]:
    """Yield the tool; install it first if pip can. Raises LaptopError with the reason if it is not available."""
    tool = _find(name.removesuffix(_OVER_SSH), folder, plan)
    if not name.endswith(_OVER_SSH):
        yield tool
        return
    with TemporaryDirectory(prefix="bench-sshd-") as keys, sshd(Path(keys) / "sshd", _FIRST_SSH_PORT) as server:
        login = {
            "PEERS_SSH_PORT": str(server.port),
            "PEERS_SSH_USER": server.user,
            "PEERS_SSH_KEY": str(server.key),
        }
        yield replace(tool, name=name, environment={**tool.environment, **login}, server=server)


def _find(name: str, folder: Path, plan: Path) -> Tool:
    common = {**os.environ, "PYTHONPATH": str(REPOSITORY), "PEERS_PLAN": str(plan)}
    if name == SCRIPT:
        return Tool(name, "", (sys.executable, "-m", "tools.bench.peers.script", str(plan)), common)
    if name == CAPISTRANO:
        return _capistrano(folder, common)
    _install()
    if name == ANSIBLE:
        return _ansible(folder, common)
    return _pyinfra(folder, common)


def _pyinfra(folder: Path, common: Mapping[str, str]) -> Tool:
    # The entry point by which pyinfra finds the connector, as an installed package would have it.
    metadata = folder / "bench_connector-1.dist-info"
    metadata.mkdir(exist_ok=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: bench-connector\nVersion: 1\n")
    entry = "[pyinfra.connectors]\nhere = tools.bench.peers.pyinfra_connector:HereConnector\n"
    (metadata / "entry_points.txt").write_text(entry)
    command = (
        *(str(_VENV / "bin" / "pyinfra"), "--yes", "--serial"),
        *(str(_HERE / "pyinfra_inventory.py"), str(_HERE / "pyinfra_deploy.py")),
    )
    environment = {**common, "PYTHONPATH": f"{REPOSITORY}:{folder}"}
    return Tool(PYINFRA, _pip_version("pyinfra"), command, environment)


def _ansible(folder: Path, common: Mapping[str, str]) -> Tool:
    plan = common["PEERS_PLAN"]
    own = ("home", "address", "port")
    hosts = {
        each["name"]: {"ansible_connection": "local", **{name: each[name] for name in own}}
        for each in read_plan(plan)["targets"]
    }
    inventory = folder / "ansible_inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    command = (
        *(str(_VENV / "bin" / "ansible-playbook"), "--inventory", str(inventory)),
        *(str(_HERE / "ansible.yml"), "--extra-vars", f"@{plan}", "--extra-vars", f"plan={plan}"),
    )
    settings = {
        "ANSIBLE_HOME": str(folder / "ansible"),
        "ANSIBLE_LOCALHOST_WARNING": "False",
        "ANSIBLE_PIPELINING": "True",
        "ANSIBLE_PYTHON_INTERPRETER": str(_VENV / "bin" / "python"),
        "LC_ALL": "C.UTF-8",
    }
    return Tool(ANSIBLE, _pip_version("ansible-core"), command, {**common, **settings})


def _capistrano(folder: Path, common: Mapping[str, str]) -> Tool:
    if (cap := shutil.which("cap")) is None:
        raise LaptopError("no `cap` on the PATH; install it: sudo apt install capistrano (or gem install capistrano)")
    version = _output(cap, "--version").splitlines()[0].removeprefix("Capistrano Version: ").partition(" ")[0]
    stage = folder / "config" / "deploy" / "peers.rb"
    stage.parent.mkdir(parents=True, exist_ok=True)
    stage.touch()
    shutil.copy(_HERE / "capistrano.rb", folder / "config" / "deploy.rb")
    # The artifact comes from no repository, so Capistrano gets no SCM.
    (folder / "Capfile").write_text('set :scm, nil\nrequire "capistrano/setup"\n')
    return Tool(CAPISTRANO, version, (cap, "peers", "roll"), common)


def _install() -> None:
    """Make the virtual environment of the peers unless requirements/peers.txt did not change since."""
    marker = _VENV / ".installed"
    if marker.exists() and marker.stat().st_mtime >= _LOCK.stat().st_mtime:
        return
    python = _VENV / "bin" / "python"
    install = ("-m", "pip", "install", "--quiet", "--no-deps", "--no-input", "--require-hashes", "-r", str(_LOCK))
    for command in ((sys.executable, "-m", "venv", str(_VENV)), (str(python), *install)):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LaptopError(f"`{' '.join(command)}` ended with {done.returncode}: {done.stderr.strip()[-500:]}")
    marker.touch()


def _pip_version(package: str) -> str:
    return _output(
        str(_VENV / "bin" / "python"), "-c", f"import importlib.metadata as m; print(m.version({package!r}))"
    )


def _output(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
