"""The command `make fault-injection`: run the cases, print a table, and exit with 1 when a case fails.

With `--state FILE`, a run goes on after the cases that are done, until all are.
"""

import argparse
import shutil
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

from apps.local import environment as local_environment
from apps.local.paths import Layout
from apps.local.ports import Ports, chosen_ports
from apps.local.progress import Progress
from tests.fault_injection import delivery_cases, restart_cases, rollout_cases
from tests.fault_injection.cases import Case, Ended, run
from tests.fault_injection.environment import QUIET, RELEASES, Environment, running_environment
from tests.fault_injection.operator import Operator
from tests.fault_injection.traffic import Load
from tests.fault_injection.watcher import Watcher
from tests.support.resumable import UNFINISHED, Budget, OtherRun, State, opened

# The result of a case depends on these and on nothing else of this repository.
SOURCES = (
    "apps",
    "functions",
    "infra",
    "layers",
    "requirements",
    "statemachines",
    "tests/fault_injection",
    "tools/demo",
)
# Seconds that a case, and the end of the environment, take at most unless something is wrong.
LONGEST_CASE = 30.0


def main() -> int:
    """Run the chosen cases; return the exit code."""
    options = _options()
    every = [*rollout_cases.cases(), *delivery_cases.cases(), *restart_cases.cases()]
    chosen = chosen_cases(every, options.only)
    if options.list:
        print("\n".join(case.name for case in chosen))
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores SIGINT
        signal.signal(number, signal.default_int_handler)
    if options.state is None:
        found: list[Ended] = []
        interrupted = _run_cases(chosen, found, Budget(options.budget))
        return 130 if interrupted else print_totals(found, len(chosen))
    try:
        with opened(options.state, SOURCES, {}) as state:
            return run_in_pieces(state, chosen, Budget(options.budget), again=options.again)
    except OtherRun as error:
        print(error, file=sys.stderr)
        return 2


def chosen_cases(every: Sequence[Case], only: Sequence[str]) -> list[Case]:
    """Return the cases with one of these names; without such a case, those whose names contain one of the texts."""
    exact = [case for case in every if case.name in only]
    return exact or [case for case in every if not only or any(part in case.name for part in only)]


RunCases: TypeAlias = Callable[[Sequence[Case], list[Ended], Budget, Callable[[Path], None]], bool]


def run_in_pieces(
    state: State, chosen: Sequence[Case], budget: Budget, *, again: bool, run_cases: RunCases | None = None
) -> int:
    """Run the cases that the state file has no result of, or with `again` also those that failed."""
    results = [_ended(each) for each in state.kept.get("results", ())]
    _remove_killed_environment(state.kept.get("folder"))
    newest = {each.case: each for each in results}
    left = [case for case in chosen if case.name not in newest or (again and newest[case.name].problems)]
    if len(left) < len(chosen):
        print(f"going on after {len(chosen) - len(left)} of {len(chosen)} cases of {state.path}", flush=True)

    def save(folder: Path | None = None) -> None:
        state.save({"results": [asdict(each) for each in results], "folder": str(folder or "")})

    interrupted = (run_cases or _run_cases)(left, results, budget, save) if left else False
    save()
    names = {case.name for case in chosen}
    code = print_totals([each for each in results if each.case in names], len(chosen))
    print(state.origin_now(SOURCES))
    return 130 if interrupted else code


def _ended(plain: dict[str, Any]) -> Ended:
    return Ended(**{**plain, "problems": tuple(plain["problems"])})


def _remove_killed_environment(folder: str | None) -> None:
    """Stop and remove the environment of a piece that was killed."""
    if folder and Path(folder).exists():
        local_environment.down(Layout(Path(folder)), QUIET)
        shutil.rmtree(folder, ignore_errors=True)


def _run_cases(cases: Sequence[Case], results: list[Ended], budget: Budget, save: Any = lambda _: None) -> bool:
    """Run cases one after the other in one environment; return True if Ctrl-C ended it before its time."""
    try:
        with (
            running_environment(Progress(), chosen_ports() or Ports.free(), RELEASES, save) as env,
            prepared_suite(env) as suite,
        ):
            for case in cases:
                if not budget.allows(LONGEST_CASE):
                    break
                results.append(_printed(suite.run(case)))
                save(env.layout.home)
    except KeyboardInterrupt:
        print("interrupted; the environment was stopped and removed", file=sys.stderr)
        return True
    return False


@dataclass(frozen=True, slots=True)
class Suite:
    """An environment under load, with a watcher of its records."""

    env: Environment
    watcher: Watcher
    load: Load

    def run(self, case: Case) -> Ended:
        return run(case, self.env, self.watcher, self.load)


@contextmanager
def prepared_suite(env: Environment) -> Iterator[Suite]:
    """Deploy the first release to production and put it under load; yield the suite."""
    with Watcher(env) as watcher:
        first = Operator(env, watcher)
        first.finish(first.deploy(env.releases["one"]))
        with Load(env.production.address, env.notes) as load:
            yield Suite(env, watcher, load)


def _printed(ended: Ended) -> Ended:
    print_case(ended)
    return ended


def print_case(ended: Ended) -> None:
    """Print one line of the table."""
    recovery = "-" if ended.recovery is None else f"{ended.recovery:.1f}"
    failure = "" if not ended.problems else "   FAILED: " + "; ".join(ended.problems)
    print(
        f"{ended.case:42} {ended.ended:24} {recovery:>6} {ended.failed:>4}/{ended.requests:<6}"
        f" {ended.seconds:6.1f}{failure}",
        flush=True,
    )


def print_totals(results: Sequence[Ended], wanted: int) -> int:
    """Print the totals of the newest result of each case; return 0 only when all were run and none failed."""
    newest = {each.case: each for each in results}
    found = list(newest.values())
    bad = [each for each in found if each.problems]
    repaired = sorted({each.case for each in results if each.problems} - {each.case for each in bad})
    worst = max((each.recovery for each in found if each.recovery is not None), default=0.0)
    requests, failed = (sum(getattr(each, name) for each in found) for name in ("requests", "failed"))
    seconds = sum(each.seconds for each in found)
    print(
        f"\n{len(found)} of {wanted} cases, {len(bad)} failed; slowest recovery {worst:.1f} s;"
        f" {failed} of {requests} requests failed; {seconds:.0f} s"
    )
    for each in bad:
        print(f'  FAILED: {each.problems[0]}\n    .venv/bin/python -m tests.fault_injection "{each.case}"')
    for name in repaired:
        print(f"  passed only when it was run again: {name}")
    if len(found) < wanted:
        print(f"{wanted - len(found)} cases are left: the same command goes on")
    return 1 if bad or not found else UNFINISHED if len(found) < wanted else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fault_injection", description=__doc__)
    parser.add_argument("only", nargs="*", help="run only these cases, or those with these texts in their names")
    parser.add_argument("--list", action="store_true", help="print the names of the cases and exit")
    parser.add_argument("--state", type=Path, metavar="FILE", help="keep the results here, and go on from there")
    parser.add_argument("--budget", type=float, metavar="MINUTES", help="end within this time, after a whole case")
    parser.add_argument("--again", action="store_true", help="run the cases again that failed, with --state only")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
