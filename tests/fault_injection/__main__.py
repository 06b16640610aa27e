"""The command `make fault-injection`: run the cases, print a table, and exit with 1 when a case fails."""

import argparse
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from apps.local.ports import Ports, chosen_ports
from apps.local.progress import Progress
from tests.fault_injection import delivery_cases, restart_cases, rollout_cases
from tests.fault_injection.cases import Case, Ended, run
from tests.fault_injection.environment import RELEASES, Environment, running_environment
from tests.fault_injection.operator import Operator
from tests.fault_injection.traffic import Load
from tests.fault_injection.watcher import Watcher


def main() -> int:
    """Run the chosen cases; return the exit code."""
    options = _options()
    every = [*rollout_cases.cases(), *delivery_cases.cases(), *restart_cases.cases()]
    chosen = [case for case in every if not options.only or any(part in case.name for part in options.only)]
    if options.list:
        print("\n".join(case.name for case in chosen))
        return 0
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores SIGINT
        signal.signal(number, signal.default_int_handler)
    try:
        with (
            running_environment(Progress(), chosen_ports() or Ports.free(), RELEASES) as env,
            prepared_suite(env) as suite,
        ):
            found = [_printed(suite.run(case)) for case in chosen]
    except KeyboardInterrupt:
        print("interrupted; the environment was stopped and removed", file=sys.stderr)
        return 130
    return print_totals(found)


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


def print_totals(found: Sequence[Ended]) -> int:
    """Print the totals; return 1 when a case failed or none was run, else 0."""
    bad = [each for each in found if each.problems]
    worst = max((each.recovery for each in found if each.recovery is not None), default=0.0)
    requests, failed = (sum(getattr(each, name) for each in found) for name in ("requests", "failed"))
    print(
        f"\n{len(found)} cases, {len(bad)} failed; slowest recovery {worst:.1f} s;"
        f" {failed} of {requests} requests failed"
    )
    return 1 if bad or not found else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fault_injection", description=__doc__)
    parser.add_argument("only", nargs="*", help="run only the cases whose names contain one of these texts")
    parser.add_argument("--list", action="store_true", help="print the names of the cases and exit")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
