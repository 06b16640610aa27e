"""`python -m apps.local.bench`: one JSON object on stdout, progress on stderr; exit 1 when something failed."""

import argparse
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import psutil

from apps.local.bench import measures, parts
from apps.local.bench.laboratory import laboratory
from lifecycle.domain.errors import LifecycleError

COMMANDS = {
    "all": "make bench",
    "the first part by itself": "make run",
    "memory of what runs": "lifecycle local status",
    "traffic by itself": "python -m apps.local.traffic URL --rate 200 --seconds 10",
}


def main() -> int:
    """Measure; the exit code."""
    options = _options()
    # What is run here prints to stdout; that is kept for the result.
    with os.fdopen(os.dup(1), "w") as result:
        sys.stdout.flush()
        os.dup2(2, 1)
        try:
            found = bench(options.rollouts)
        except LifecycleError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        print(json.dumps(found, indent=2), file=result)
    return 0


def bench(rollouts: int) -> dict[str, Any]:
    """Every measurement, on one environment."""
    found: dict[str, Any] = {"machine": machine(), "commands": COMMANDS}
    with laboratory() as lab:
        found["make_run"] = measures.make_run(lab)
        first = lab.connection().world.deployments.recent(lab.cluster, 1)[0].target.version
        versions = (lab.release(), first)
        found["per_host"] = measures.per_host(lab, versions, rollouts)
        # An odd number of rollouts ends on the new release.
        now, other = versions if rollouts % 2 else versions[::-1]
        found["under_traffic"] = measures.traffic(lab, now, other)
        found["memory_megabytes"] = parts.memory(lab.layout)
        found["under_traffic"]["control_without_drain"] = measures.control(lab, other)
    found["machine"]["load_average_at_the_end"] = list(os.getloadavg())
    return found


def machine() -> dict[str, Any]:
    """What the figures depend on; the load average says whether something else ran."""
    model = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "cpus": os.cpu_count(),
        "cpu_model": model[0].partition(":")[2].strip() if model else platform.machine(),
        "memory_megabytes": round(psutil.virtual_memory().total / 1e6),
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average_at_the_start": list(os.getloadavg()),
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m apps.local.bench", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=3, help="how many rollouts of 4 hosts are timed")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
