"""The environment at rest: processor time and memory of its processes while nothing is deployed.

`python -m tools.bench.idle` prints one JSON object about the environment that is up (LIFECYCLE_HOME). Nothing may be
pushed or deployed meanwhile, and no console page may be open.
"""

import argparse
import json
import sys
import time
from typing import Any

from apps.local.paths import Layout
from tools.bench import processes
from tools.bench.processes import Used

_SECONDS = 60.0
# After a deployment agents poll more often, and workers and their process stay (apps/agent/polling.py).
AGENTS_ALERT_SECONDS = 90.0
# A process that starts and ends between two readings is missed.
_READ_EVERY_SECONDS = 2.0


def at_rest(layout: Layout, seconds: float = _SECONDS) -> dict[str, Any]:
    """Return percent of one core and megabytes (PSS) by part, and in total, over so many seconds."""
    began = time.monotonic()
    before = processes.used(layout)
    after = dict(before)
    while (left := began + seconds - time.monotonic()) > 0:
        time.sleep(min(left, _READ_EVERY_SECONDS))
        after |= processes.used(layout)
    elapsed = time.monotonic() - began
    memory = processes.memory(layout)
    return {
        "seconds": round(elapsed, 1),
        "processor_percent": percentages(before, after, elapsed),
        "pss_megabytes": {"total": memory["total"].get("pss", 0.0)}
        | {name: found["pss"] for name, found in memory["parts"].items()},
        "processes": {"total": memory["total"].get("processes", 0)}
        | {name: found["processes"] for name, found in memory["parts"].items()},
    }


def percentages(before: Used, after: Used, seconds: float) -> dict[str, float]:
    """Return the percent of one core that each part used between two readings, with their total first."""
    parts = processes.spent(before, after)
    by_part = {name: round(100 * used / seconds, 2) for name, used in parts.items()}
    return {"total": round(100 * sum(parts.values()) / seconds, 2), **by_part}


def main() -> int:
    """Measure the environment that is up; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.idle", description=__doc__)
    parser.add_argument("--seconds", type=float, default=_SECONDS, help="the time to measure (60)")
    seconds = parser.parse_args().seconds
    layout = Layout.find()
    if not processes.members(layout):
        print(f"error: no environment is up at {layout.home}; next: make run", file=sys.stderr)
        return 1
    print(json.dumps(at_rest(layout, seconds), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
