"""The same rollout by each tool and by Lifecycle, at several numbers of hosts, under the same traffic."""

import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from apps.local.errors import LaptopError
from apps.local.own_files import read_json
from apps.local.processes import end, recorded
from apps.local.progress import Progress
from apps.local.services import clusters, hosts
from tools.bench import processes
from tools.bench.envoy import compared, counters
from tools.bench.figures import Figures, by_name, summary
from tools.bench.laboratory import Laboratory, say
from tools.bench.load import QUICK, Load
from tools.bench.peers import tools
from tools.bench.peers.fleet import POLL_SECONDS, Artifact, Fleet, artifact, fleet
from tools.bench.peers.marks import round_seconds
from tools.bench.peers.table import LIFECYCLE, processor, ratios
from tools.bench.replies import Span, due_in, figures
from tools.bench.rounds import rounds, wall
from tools.bench.without_lifecycle import own_times
from tools.demo.phases import EXAMPLE

PEERS = (tools.SCRIPT, tools.PYINFRA, tools.PYINFRA_SSH, tools.ANSIBLE, tools.CAPISTRANO)
SIZES = (4, 16, 64)
RATE = 200.0
_REST_SECONDS, _SETTLE_SECONDS = 10.0, 2.0
_OWN_TIMES = 12
# Enough rounds for a median at the small sizes, and one rollout at the large one.
_ROUNDS = 12
_TIMEOUT_SECONDS = 1800.0


@dataclass(frozen=True, slots=True)
class Rolled:
    """One rollout: each host's seconds, the whole command's, and the processor seconds by part."""

    rounds: list[float]
    seconds: float
    cpu: dict[str, float]
    stages: Sequence[dict[str, float]] = ()


def peers(lab: Laboratory, versions: tuple[str, str], wanted: Sequence[str], sizes: Sequence[int]) -> dict[str, Any]:
    """Measure the wanted tools at each size, then Lifecycle; return the figures by tool and size.

    Production must run versions[0], and its hosts must have both on their disks.
    """
    artifacts = (artifact(lab, versions[0]), artifact(lab, versions[1]))
    found: dict[str, Any] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "rate": RATE,
        "poll_seconds": POLL_SECONDS,
        "tools": {},
        "not_available": {},
        "not_measured": {},
    }
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as name, _agents_ended(lab):
        folder = Path(name)
        with fleet(lab, folder) as ours:
            ours.grow(min(sizes), artifacts[0])
            found["service_own_seconds"] = _own(lab, ours, versions[1])
            for size in sorted(sizes):
                ours.grow(size, artifacts[0])
                for peer in [each for each in PEERS if each in wanted]:
                    _add_peer(found, lab, ours, artifacts, peer, size)
    if LIFECYCLE in wanted:
        for size in sorted(sizes):
            with _failure_recorded(found, LIFECYCLE, size):
                say(f"{LIFECYCLE}, {size} hosts")
                _grow(lab, size, versions[0])
                roll = partial(_to_and_fro, lab, versions)
                _add(found, LIFECYCLE, "", size, _under_traffic(lab, lab.production.address, size, roll))
    return {**found, "ratios": ratios(found)}


def _add_peer(
    found: dict[str, Any], lab: Laboratory, ours: Fleet, artifacts: tuple[Artifact, Artifact], name: str, size: int
) -> None:
    """Measure one peer at one size; write down why it is not available if it is not."""
    marks = ours.folder / "marks"

    def roll(number: int) -> Rolled:
        ours.plan(artifacts[1 - number % 2], size, marks)
        return _run(lab, tool, [host["name"] for host in ours.hosts[:size]], marks)

    with ExitStack() as stack:
        try:
            tool = stack.enter_context(tools.available(name, ours.folder, ours.plan(artifacts[1], size, marks)))
        except LaptopError as error:
            found["not_available"][name] = str(error)
            return
        with _failure_recorded(found, name, size):
            say(f"{name} {tool.version}, {size} hosts")
            _add(found, name, tool.version, size, _under_traffic(lab, ours.address, size, roll))


@contextmanager
def _failure_recorded(found: dict[str, Any], name: str, size: int) -> Iterator[None]:
    """Record a failed measurement, so that the others of a long run are not lost."""
    try:
        yield
    except LaptopError as error:
        found["not_measured"][f"{name} with {size} hosts"] = str(error)


def _to_and_fro(lab: Laboratory, versions: tuple[str, str], number: int) -> Rolled:
    return _deploy(lab, versions[1 - number % 2])


def _add(found: dict[str, Any], name: str, version: str, size: int, measured: dict[str, Any]) -> None:
    own = found["service_own_seconds"]["median"]
    walls = measured.pop("rounds")
    figures_of_size = {
        "wall_seconds": summary(walls),
        "processor_seconds": processor(name, measured["cpu_seconds"]),
        "orchestration_seconds": summary(each - own for each in walls),
        **measured,
    }
    known = found["tools"].setdefault(name, {"version": version, "hosts": {}})
    known["hosts"][str(size)] = figures_of_size


def _under_traffic(lab: Laboratory, address: str, size: int, roll: Callable[[int], Rolled]) -> dict[str, Any]:
    """Do rollouts under traffic after a stretch of rest; return the figures of all of them."""
    before = counters(lab.ports)
    with Load(address, RATE, slow_rate=0) as load:
        time.sleep(_SETTLE_SECONDS)
        began = time.monotonic()
        time.sleep(_REST_SECONDS)
        rest: Span = (began, time.monotonic())
        rolled = [roll(number) for number in range(max(1, _ROUNDS // size))]
        rolling: Span = (rest[1], time.monotonic())
        time.sleep(_SETTLE_SECONDS)
    quick = load.replies[QUICK]
    at_rest, during = (figures(due_in(quick, [span]))["latency_ms"].get("p99", 0.0) for span in (rest, rolling))
    return {
        "rounds": [each for one in rolled for each in one.rounds],
        "whole_seconds": summary(one.seconds / size for one in rolled),
        "cpu_seconds": by_name([{name: value / size for name, value in one.cpu.items()} for one in rolled]),
        "stages": by_name([each for one in rolled for each in one.stages]),
        "requests": len(quick),
        "failed": load.failed,
        "p99_at_rest_ms": at_rest,
        "p99_ms": during,
        "p99_ratio": round(during / at_rest, 2) if at_rest else None,
        "envoy": compared(before, counters(lab.ports), len(load.every)),
    }


def _run(lab: Laboratory, tool: tools.Tool, names: Sequence[str], marks: Path) -> Rolled:
    """Run a tool's rollout; raise LaptopError with the end of its output if it fails."""
    before, spent, served = processes.used(lab.layout), _of_children(), _of_sshd(tool)
    began = time.monotonic()
    done = subprocess.run(
        tool.command,
        env=tool.environment,
        cwd=marks.parent,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=_TIMEOUT_SECONDS,
    )
    seconds = time.monotonic() - began
    own = {"tool": _of_children() - spent, "sshd": _of_sshd(tool) - served}
    cpu = {**own, **processes.spent(before, processes.used(lab.layout))}
    if done.returncode:
        raise LaptopError(f"{tool.name} ended with exit code {done.returncode}: {done.stdout[-2000:]}")
    return Rolled(round_seconds(marks.read_text(), names), seconds, cpu)


def _deploy(lab: Laboratory, version: str) -> Rolled:
    """Roll a version out with Lifecycle; the hosts must fetch it again."""
    for host in lab.production.hosts:
        for kind in ("artifacts", "releases"):
            shutil.rmtree(lab.layout.hosts / host.name / kind / version, ignore_errors=True)
    before = processes.used(lab.layout)
    deployment = lab.roll(version)
    cpu = processes.spent(before, processes.used(lab.layout))
    history = lab.history(deployment.id)
    seconds = (history[-1]["timestamp"] - history[0]["timestamp"]).total_seconds()
    found = rounds(history)
    return Rolled([wall(each) for each in found], seconds, cpu, found)


def _own(lab: Laboratory, ours: Fleet, version: str) -> Figures:
    """Return the seconds that the service itself takes, under the same traffic."""
    say("the service's own stop, start and self-test")
    with Load(ours.address, RATE, slow_rate=0):
        time.sleep(_SETTLE_SECONDS)
        own = own_times(lab.layout, lab.production.hosts[0], version, _OWN_TIMES)
    return summary(sum(each.values()) for each in own)


def _grow(lab: Laboratory, size: int, version: str) -> None:
    """Add hosts to production if it has fewer, and roll the version out to all."""
    if len(lab.production.hosts) < size:
        clusters.add_service(lab.layout, EXAMPLE, Progress(quiet=True), {"production": size})
        lab.roll(version)


@contextmanager
def _agents_ended(lab: Laboratory) -> Iterator[None]:
    """End Lifecycle's agents in this block, so that their polls take no time of the peers."""
    parts = recorded(lab.layout)
    agents = [part for name, part in parts.items() if name.startswith(hosts.AGENT)]
    end(lab.layout, agents)
    try:
        yield
    finally:
        known = read_json(lab.layout.environment, {})
        for cluster in hosts.clusters(lab.layout).values():
            for host in cluster.hosts:
                hosts.start_agent(lab.layout, known, host)


def _of_sshd(tool: tools.Tool) -> float:
    return tool.server.cpu_seconds() if tool.server else 0.0


def _of_children() -> float:
    """Return the processor seconds of the ended processes of this one, and of those that they waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
