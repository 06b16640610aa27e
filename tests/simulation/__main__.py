"""The command: `--seeds 20000` runs many seeds on all cores, `--seed 4711` prints one run as a timeline.

With `--state FILE`, a run goes on where Ctrl-C, a kill or the end of its `--budget` left it.
"""

import argparse
import sys
from pathlib import Path

from tests.simulation.many import Summary, go_on
from tests.simulation.run import run
from tests.support.resumable import UNFINISHED, Budget, OtherRun, opened

# The verdict of a seed depends on these and on nothing else of this repository.
SOURCES = ("apps/agent", "layers/core/python", "statemachines", "tests/fakes", "tests/simulation")


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
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep the results here, and go on from there")
    parser.add_argument("--budget", type=float, metavar="MINUTES", help="end after this time, with --state only")
    given = parser.parse_args()
    if given.budget is not None and given.state is None:
        parser.error("--budget needs --state FILE, which keeps what was done")
    if given.seed is not None:
        result = run(given.seed, tracing=True)
        print("\n".join(result.timeline))
        print(f"seed {given.seed}: {result.steps} steps, {result.hours:.1f} simulated hours, {result.ends}")
        return 1 if result.violation else 0
    budget = Budget(given.budget)
    budget.ends_at_signals()
    if given.state is not None:
        return _run_in_pieces(given.state, given.first, given.seeds, given.cores, budget)
    summary = Summary(given.first)
    go_on(summary, given.seeds, given.cores, budget, _say)
    print(summary.table())
    return 1 if summary.violations or summary.seeds < given.seeds else 0


def _run_in_pieces(path: Path, first: int, seeds: int, cores: int, budget: Budget) -> int:
    """Run the seeds that the state file has no results of; return 0 when all are done without a violation."""
    try:
        with opened(path, SOURCES, {"first": first}) as state:
            summary = Summary.from_plain(state.kept) if state.kept else Summary(first)
            if summary.seeds:
                _say(f"going on after {summary.seeds:,} seeds of {path}")
            go_on(summary, seeds, cores, budget, _say, lambda: state.save(summary.plain()))
    except OtherRun as error:
        print(error, file=sys.stderr)
        return 2
    print(summary.table())
    print(f"{state.origin_now(SOURCES)}, Python {sys.version.split()[0]}")
    if summary.seeds < seeds:
        print(f"{seeds - summary.seeds:,} of {seeds:,} seeds are left: the same command goes on")
    return 1 if summary.violations else UNFINISHED if summary.seeds < seeds else 0


if __name__ == "__main__":
    sys.exit(main())
