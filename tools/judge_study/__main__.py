"""`python -m tools.judge_study`: how often the judge is wrong, and what it finds, as tables; 1 when a promise fails.

The tables of docs/test-bed.md are these. Everything is seeded: the same figures every time.
"""

import argparse
import multiprocessing
import sys
import time

from tools.judge_study.tables import false_alarms, laptop, power, speed, wrong_passes


def main() -> int:
    """Print every table, and return 1 when a promise is broken."""
    parser = argparse.ArgumentParser(prog="python -m tools.judge_study", description=__doc__)
    parser.add_argument(
        "--alike", type=int, default=10_000, help="bakes of equal hosts a case (default 10,000)"
    )
    parser.add_argument(
        "--runs", type=int, default=200, help="bakes a degradation, rate and length (default 200)"
    )
    given = parser.parse_args()
    began = time.monotonic()
    promises = [speed()]
    with multiprocessing.Pool() as pool:
        promises += false_alarms(pool, given.alike)
        promises += power(pool, given.runs)
        promises += wrong_passes(pool, 5 * given.runs)
        promises += laptop(pool, given.runs)
    print(f"\n{time.monotonic() - began:.0f} s")
    for promise in promises:
        print(f"{'kept' if promise.kept else 'BROKEN'}: {promise.told}")
    return 0 if all(promise.kept for promise in promises) else 1


if __name__ == "__main__":
    sys.exit(main())
