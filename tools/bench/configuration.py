"""The time that a configuration adds to the update of a host: the same rollouts without one, then with one.

`python -m tools.bench.configuration` prints one JSON object. Run it with nothing else on the machine.
"""

import argparse
import json
import os
import statistics
import sys
from typing import Any

from tools.bench.figures import summary
from tools.bench.laboratory import Laboratory, laboratory, say
from tools.bench.rounds import rounds, wall
from tools.demo.phases import lifecycle

ROLLOUTS = 4
_NAMES = 20


def added(without: list[float], with_one: list[float]) -> dict[str, Any]:
    """Return what the two kinds of rollouts took for a host, and the difference of their medians in milliseconds."""
    difference = statistics.median(with_one) - statistics.median(without)
    return {
        "without_seconds": summary(without),
        "with_seconds": summary(with_one),
        "added_milliseconds": round(1000 * difference, 1),
    }


def measure(lab: Laboratory, rollouts: int) -> dict[str, Any]:
    """Roll two versions out in turn, and again after the cluster got a configuration of several names."""
    lab.run_demo()
    first = lab.connection().context.deployments.recent(lab.cluster, 1)[0].target.version
    versions = (lab.release(), first)
    _hosts(lab, versions, 2)  # the first ones warm functions and page cache up
    without = _hosts(lab, versions, rollouts)
    names = [f"BENCH_{number}={'x' * 40}" for number in range(_NAMES)]
    lifecycle(lab.demo, "the configuration", "config", "set", lab.cluster.service, *names)
    _hosts(lab, versions, 2)
    with_one = _hosts(lab, versions, rollouts)
    return {**added(without, with_one), "names": _NAMES, "load_average": os.getloadavg()}


def _hosts(lab: Laboratory, versions: tuple[str, str], rollouts: int) -> list[float]:
    found: list[float] = []
    for number in range(rollouts):
        say(f"rollout {number + 1} of {rollouts}: {versions[number % 2]}")
        found += [wall(each) for each in rounds(lab.history(lab.roll(versions[number % 2]).id))]
    return found


def main() -> int:
    """Measure, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tools.bench.configuration", description=__doc__)
    parser.add_argument("--rollouts", type=int, default=ROLLOUTS, help="rollouts of four hosts of each kind (4)")
    rollouts = parser.parse_args().rollouts
    # Stdout is only for the result; what runs here prints to stdout, so that goes to stderr.
    with os.fdopen(os.dup(1), "w") as result:
        os.dup2(2, 1)
        with laboratory(0) as lab:
            print(json.dumps(measure(lab, rollouts), indent=2), file=result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
