"""`python -m tests.fault_injection`, or `make fault-injection`: the table, and exit 1 when a case fails."""

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
    """Run what was chosen; the exit code."""
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
        print("interrupted; everything was ended", file=sys.stderr)
        return 130
    return print_totals(found)


@dataclass(frozen=True, slots=True)
class Suite:
    """An environment under load, and somebody who watches its records."""

    env: Environment
    watcher: Watcher
    load: Load

    def run(self, case: Case) -> Ended:
        return run(case, self.env, self.watcher, self.load)


@contextmanager
def prepared_suite(env: Environment) -> Iterator[Suite]:
    """The first release is in production, and asked for all the time."""
    with Watcher(env) as watcher:
        first = Operator(env, watcher)
        first.finish(first.deploy(env.releases["one"]))
        with Load(env.production.address, env.notes) as load:
            yield Suite(env, watcher, load)


def _printed(ended: Ended) -> Ended:
    print_case(ended)
    return ended


def print_case(ended: Ended) -> None:
    """One line of the table, as soon as it is known."""
    recovery = "-" if ended.recovery is None else f"{ended.recovery:.1f}"
    well = "" if not ended.problems else "   FAILED: " + "; ".join(ended.problems)
    print(
        f"{ended.case:42} {ended.ended:24} {recovery:>6} {ended.failed:>4}/{ended.requests:<6}"
        f" {ended.seconds:6.1f}{well}",
        flush=True,
    )


def print_totals(found: Sequence[Ended]) -> int:
    """The totals; 1 when a case failed."""
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
    parser.add_argument("only", nargs="*", help="only cases whose name has one of these in it")
    parser.add_argument("--list", action="store_true", help="print the cases, and do nothing")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
