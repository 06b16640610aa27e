"""The command: `--seeds 20000` runs many seeds on all cores, `--seed 4711` prints one run as a timeline."""

import argparse
import sys

from tests.simulation.many import run_many
from tests.simulation.run import run


def _at_least_one(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"expected a number from 1, found {text!r}")
    return int(text)


def _say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seed", type=int, help="print this one run as a timeline")
    parser.add_argument("--seeds", type=_at_least_one, default=1000, help="how many seeds to run (default 1000)")
    parser.add_argument("--from", dest="first", type=int, default=0, help="the first seed (default 0)")
    parser.add_argument("--cores", type=int, default=0, help="how many processes (default: all cores)")
    given = parser.parse_args()
    if given.seed is not None:
        result = run(given.seed, tracing=True)
        print("\n".join(result.timeline))
        print(f"seed {given.seed}: {result.steps} steps, {result.hours:.1f} simulated hours, {result.ends}")
        return 1 if result.violation else 0
    summary = run_many(given.first, given.seeds, given.cores, say=_say)
    print(summary.table())
    return 1 if summary.violations or summary.seeds < given.seeds else 0


if __name__ == "__main__":
    sys.exit(main())
