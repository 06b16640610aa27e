"""The judge study: measure how often the judge is wrong and what it finds, and print the results as tables.

Run as `python -m tools.judge_study`, or `make judge-study`. docs/test-bed-statistics.md has its tables. The
study is seeded, so it prints the same figures every time. It exits with 1 if a promise is broken.
"""

import argparse
import multiprocessing
import sys
import time

from tools.judge_study.tables import false_alarms, laptop, power, speed, wrong_passes


def main() -> int:
    """Print every table, and return 1 if a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tools.judge_study", description=__doc__)
    parser.add_argument(
        "--equal", type=int, default=10_000, help="bakes of equal hosts for each case (default 10,000)"
    )
    parser.add_argument(
        "--runs", type=int, default=200, help="bakes for each degradation, rate and length (default 200)"
    )
    given = parser.parse_args()
    began = time.monotonic()
    promises = [speed()]
    with multiprocessing.Pool() as pool:
        promises += false_alarms(pool, given.equal)
        promises += power(pool, given.runs)
        promises += wrong_passes(pool, 5 * given.runs)
        promises += laptop(pool, given.runs)
    print(f"\n{time.monotonic() - began:.0f} s")
    for promise in promises:
        print(f"{'held' if promise.held else 'BROKEN'}: {promise.text}")
    return 0 if all(promise.held for promise in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
