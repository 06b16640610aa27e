"""`make bench`: print one JSON object to stdout and progress to stderr; exit 1 when something failed."""

import argparse
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from apps.local import priority
from lifecycle.domain.errors import LifecycleError
from tools.bench import idle, measurements, processes
from tools.bench.bad_builds import bad_builds
from tools.bench.heal import heal
from tools.bench.laboratory import laboratory, say
from tools.bench.log_shipping import log_shipping
from tools.bench.peers import comparison
from tools.bench.peers.table import LIFECYCLE, markdown
from tools.bench.pushes import pushes
from tools.bench.under_load import under_load
from tools.bench.verdict import problems

# The niceness of the control plane: on AWS it has its own machines, here it shares cores with the services.
NICE = 10
# Production has 4 hosts already, and each host has a loopback address of its own.
FEWEST_HOSTS, MOST_HOSTS = 4, 250
PARTS = (
    "make_run",
    "rest",
    "per_host",
    "load",
    "traffic",
    "bad_builds",
    "heal",
    "memory",
    "control",
    "logs",
    "pushes",
)
COMMANDS = {
    "all": "make bench",
    "one part by itself": ".venv/bin/python -m tools.bench --only load",
    "the first part by itself": "make run",
    "the comparison with other tools": ".venv/bin/python -m tools.bench --peers",
    "an environment that is up, at rest": ".venv/bin/python -m tools.bench.idle",
    "the log of a service, by itself": ".venv/bin/python -m tools.bench.log_shipping",
    "memory of what runs": "lifecycle local status",
    "traffic by itself": "python -m tools.demo.traffic URL --rate 200 --seconds 10",
}


def main() -> int:
    """Measure what the options ask for; return the exit code."""
    options = _options()
    # Stdout is only for the result; what runs here prints to stdout, so that goes to stderr.
    with os.fdopen(os.dup(1), "w") as result:
        sys.stdout.flush()
        os.dup2(2, 1)
        try:
            found = bench(options)
        except LifecycleError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("interrupted: the environment was ended, and nothing was measured", file=sys.stderr)
            return 130
        print(json.dumps(found, indent=2), file=result)
    if options.peers:
        _write_table(markdown(found["peers"], found["machine"]), options.table)
    for problem in found["problems"]:
        print(f"problem: {problem}", file=sys.stderr)
    return 1 if found["problems"] else 0


def bench(options: argparse.Namespace) -> dict[str, Any]:
    """Make the chosen measurements in one environment; return them with the problems found."""
    found: dict[str, Any] = {"machine": {**machine(), priority.VARIABLE: options.nice}, "commands": COMMANDS}
    wanted = set(options.only or PARTS)
    if options.peers:
        return {**found, **with_peers(options)}
    with laboratory(options.nice) as lab:
        make_run = measurements.make_run(lab, synthesis="make_run" in wanted)
        if "make_run" in wanted:
            found["make_run"] = make_run
        if "rest" in wanted:
            say("at rest: waiting until the agents are, then a minute")
            time.sleep(idle.AGENTS_ALERT_SECONDS)
            found["at_rest"] = idle.at_rest(lab.layout)
        first = lab.connection().context.deployments.recent(lab.cluster, 1)[0].target.version
        versions = (first, lab.release())
        if "per_host" in wanted:
            found["per_host"] = measurements.per_host(lab, versions[::-1], options.rollouts)
        lab.ensure_version(versions[0])
        if "traffic" in wanted:
            found["under_traffic"] = measurements.traffic(lab, *versions)
        if "load" in wanted:
            found["load"] = under_load(lab, versions, options.rate, options.requests)
        if "bad_builds" in wanted:
            found["bad_builds"] = bad_builds(lab, versions[0], options.rate)
        found |= {"heal": heal(lab)} if "heal" in wanted else {}
        found |= {"logs": log_shipping()} if "logs" in wanted else {}
        found |= {"pushes": pushes(lab, options.rollouts)} if "pushes" in wanted else {}
        if "memory" in wanted:
            found["memory_megabytes"] = processes.memory(lab.layout)
        if "control" in wanted:
            control = measurements.control(lab, versions[0])
            found.setdefault("under_traffic", {})["control_without_drain"] = control
    found["machine"]["load_average_at_the_end"] = list(os.getloadavg())
    found["problems"] = problems(found)
    return found


def with_peers(options: argparse.Namespace) -> dict[str, Any]:
    """Measure the chosen peers and Lifecycle; return their figures with the problems found."""
    with laboratory(options.nice) as lab:
        lab.run_demo()
        first = lab.connection().context.deployments.recent(lab.cluster, 1)[0].target.version
        second = lab.release()
        lab.roll(second)
        wanted = options.peer or (*comparison.PEERS, LIFECYCLE)
        found = comparison.peers(lab, (second, first), wanted, options.hosts or comparison.SIZES)
    return {"peers": found, "problems": problems({"peers": found})}


def machine() -> dict[str, Any]:
    """Return the facts about this machine; the load average shows if something else ran."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpus": os.cpu_count(),
        "cpu_model": model[0].partition(":")[2].strip() if model else platform.machine(),
        "memory_megabytes": round(psutil.virtual_memory().total / 1e6),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average_at_the_start": list(os.getloadavg()),
    }


def _write_table(table: str, file: Path | None) -> None:
    if file:
        file.write_text(table)
    else:
        print(table, file=sys.stderr)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=3, help="the number of rollouts of 4 hosts to time")
    parser.add_argument("--only", action="append", choices=PARTS, help="measure only this part; may be repeated")
    parser.add_argument(
        "--nice",
        type=int,
        default=None,
        help="the niceness of the control plane, so that it gives way to the services",
    )
    parser.add_argument("--rate", type=float, default=250.0, help="requests per second during load and bad_builds")
    parser.add_argument(
        "--requests", type=int, default=100_000, help="the number of requests to send during the rollouts of load"
    )
    parser.add_argument("--peers", action="store_true", help="only compare with other tools, and with the script")
    parser.add_argument(
        "--peer",
        action="append",
        choices=(*comparison.PEERS, LIFECYCLE),
        help="compare only this tool; may be repeated",
    )
    parser.add_argument(
        "--hosts", action="append", type=int, help="the number of hosts of a comparison; may be repeated"
    )
    parser.add_argument("--table", type=Path, help="the file for the comparison's Markdown table; default: stderr")
    options = parser.parse_args()
    options.peers = bool(options.peers or options.peer or options.hosts)
    if any(not FEWEST_HOSTS <= number <= MOST_HOSTS for number in options.hosts or ()):
        parser.error(f"argument --hosts: expected from {FEWEST_HOSTS} to {MOST_HOSTS}, found {options.hosts}")
    if options.nice is None:
        options.nice = 0 if options.peers else NICE
    return options


if __name__ == "__main__":
    sys.exit(main())
