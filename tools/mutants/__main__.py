"""The mutation score: how many of `--count` random faults the unit tests and the simulation find.

Run as `python -m tools.mutants`, or `make mutants`. A run goes on where an earlier one stopped. It exits with 1
when less than the goal was killed, when mutants are left to judge, or when a survivor has no reason.
"""

import argparse
import os
import sys
import time
from pathlib import Path

from tools.mutants.judges import Project
from tools.mutants.line_map import ControlFailed, LineMap
from tools.mutants.report import Report, read_reasons
from tools.mutants.scoring import Court, State
from tools.mutants.sources import Mutant, Sources, digest_of_tree

ROOT = Path(__file__).resolve().parents[2]
SOURCE_ROOT = ROOT / "layers" / "core" / "python"
FOLDERS = ("lifecycle/domain", "lifecycle/application")
# What decides whether a mutant survives.
DECISIVE = ("layers/core/python", "tests/unit", "tests/simulation", "tests/fakes", "tests/support", "statemachines")
REASONS = Path(__file__).with_name("survivors.toml")
KEPT = ROOT / "build" / "mutants"


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="how many mutants (default 500)")
    parser.add_argument("--seed", type=int, default=1, help="which of all possible mutants (default 1)")
    parser.add_argument("--seeds", type=int, default=500, help="seeds of the simulation a mutant (default 500)")
    parser.add_argument("--budget", type=float, default=0, metavar="MINUTES", help="begin no mutant after so long")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: one a core)")
    parser.add_argument("--goal", type=float, default=90.0, help="percent that must be killed (default 90)")
    parser.add_argument("--only", nargs="+", default=[""], metavar="MODULE", help="modules whose name begins so")
    parser.add_argument(
        "--keep-killed", action="store_true", help="do not judge again what was killed before the code changed"
    )
    return parser.parse_args()


def _judge(
    mutants: list[Mutant], sources: Sources, state: State, tree: str, until: float, given: argparse.Namespace
) -> None:
    project = Project(ROOT, SOURCE_ROOT, ("tests/unit",), given.seeds)
    kept = KEPT / "lines.json"
    line_map = LineMap.read(kept, tree) or LineMap.made(project, sources, given.jobs, kept, tree)
    judged = Court(project, sources, line_map, tree).judge_all(mutants, given.jobs, until)
    for number, result in enumerate(judged, start=1):
        state.add(result)
        found = f"killed by {result.judge}: {result.by}" if result.is_killed else "SURVIVED"
        print(f"{number}/{len(mutants)} {result.id} {result.seconds:.1f} s {found}", flush=True)


def main() -> int:
    """Judge the sample, and return 1 below the goal."""
    given = _parsed()
    os.chdir(ROOT)
    until = time.monotonic() + given.budget * 60 if given.budget else float("inf")
    tree = f"{digest_of_tree(ROOT, DECISIVE)}-{given.seeds}"
    sources = Sources(SOURCE_ROOT, FOLDERS)
    sample = sources.sample(given.seed, given.count, given.only)
    state = State.read(KEPT / "state.json")
    if left := state.unjudged(sample, tree, keep_killed=given.keep_killed):
        try:
            _judge(left, sources, state, tree, until, given)
        except ControlFailed as failure:
            print(failure, file=sys.stderr)
            return 2
    report = Report(sample, state.results, tree, read_reasons(REASONS), keep_killed=given.keep_killed)
    print(report.text(ROOT))
    return 0 if report.reaches(given.goal) else 1


if __name__ == "__main__":
    sys.exit(main())
