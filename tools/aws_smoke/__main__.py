"""Run the kit in an account, or remove what a run left; print a report, and exit with 1 if anything failed."""

import argparse
import json
import os
import signal
import sys
import time
import tomllib
import urllib.request
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import boto3

from apps.local.paths import REPOSITORY
from lifecycle.domain.errors import LifecycleError
from lifecycle.gateways.aws.client import client_config
from lifecycle.gateways.aws.errors import failure
from lifecycle.names import Account
from tools.aws_smoke.aws import AwsCloud
from tools.aws_smoke.commands import process
from tools.aws_smoke.journal import Journal
from tools.aws_smoke.smoke import Report, Smoke, lines
from tools.aws_smoke.spending import Budget, estimate

_PRICES = REPOSITORY / "tools" / "cost" / "prices.toml"
_OWN_ADDRESS = "https://checkip.amazonaws.com"
_AGAIN = "run it again with --clean-up-only until nothing is left; it costs money until then"


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse the command line and run; return 0 if everything was as expected and nothing is left."""
    options = parse(arguments)
    prices = tomllib.loads(_PRICES.read_text())
    expected = estimate(prices)
    if expected > options.cap_usd and not options.clean_up_only:
        print(
            f"error: a run costs about {expected:.2f} USD, more than --cap-usd {options.cap_usd:g}", file=sys.stderr
        )
        return 1
    where = f"profile {options.profile}, {options.region}"
    act = "Remove the kit from" if options.clean_up_only else f"For about {expected:.2f} USD, deploy to and clear"
    if not (options.yes or _confirmed(f"{act} {where}?")):
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        report = _run(options, prices)
    except KeyboardInterrupt:
        print(f"interrupted; {_AGAIN}", file=sys.stderr)
        return 130
    except Exception as error:
        words = error if isinstance(error, LifecycleError) else failure(error)
        if words is None:
            raise
        print(f"error: {words}; see: lifecycle doctor --profile {options.profile}", file=sys.stderr)
        return 1
    for line in lines(report):
        print(line)
    if options.report:
        options.report.write_text(json.dumps(asdict(report), indent=2))
    return 0 if report.succeeded else 1


def _run(options: argparse.Namespace, prices: dict[str, Any]) -> Report:
    session = boto3.Session(profile_name=options.profile, region_name=options.region)
    clients: dict[str, Any] = {}

    def client(name: str) -> Any:
        return clients.setdefault(name, session.client(name, config=client_config()))

    caller = client("sts").get_caller_identity()
    account = Account(caller["Arn"].split(":")[1], options.region, caller["Account"])
    variables = {
        "PATH": f"{Path(sys.prefix) / 'bin'}:{os.environ.get('PATH', '')}",  # cdk.json names python3
        "AWS_PROFILE": options.profile,
        "LIFECYCLE_PROFILE": options.profile,
        "AWS_REGION": options.region,
        "AWS_DEFAULT_REGION": options.region,
    }
    address = "" if options.clean_up_only else _own_address()
    cloud = AwsCloud(client, account, options.profile, caller["Arn"], process(variables), address)
    began = time.monotonic()
    budget = Budget(options.cap_usd, prices, lambda: time.monotonic() - began)
    journal = Journal(REPOSITORY / "build" / f"aws-smoke-{account.number}-{account.region}.json")
    smoke = Smoke(cloud, journal, budget, lambda text: print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True))
    return smoke.clean_up() if options.clean_up_only else smoke.run()


def _own_address() -> str:
    """Return the public address of this machine, the only one that may call the kit's service."""
    with urllib.request.urlopen(_OWN_ADDRESS, timeout=10) as answer:  # nosec B310 (a constant)
        return str(answer.read().decode().strip())


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        print(f"{question} Say so with --yes.", file=sys.stderr)
        return False
    return input(f"{question} [y/N] ").strip().lower() == "y"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Parse the command line; print what is missing and exit, as argparse does."""
    parser = argparse.ArgumentParser(prog="python -m tools.aws_smoke", description=__doc__)
    parser.add_argument("--profile", required=True, help="the profile of an account for tests, with all rights")
    parser.add_argument("--region", required=True, help="a region of it without Lifecycle")
    parser.add_argument(
        "--cap-usd", type=_positive, required=True, help="the most that a run may cost, by list prices"
    )
    parser.add_argument("--yes", action="store_true", help="do not ask")
    parser.add_argument("--clean-up-only", action="store_true", help="only remove what an earlier run left")
    parser.add_argument("--report", type=_writable, metavar="FILE", help="write the report as JSON, too")
    return parser.parse_args(arguments)


def _writable(text: str) -> Path:
    """Return the path of a file that can be written; a run must not end with a report that cannot."""
    file = Path(text)
    try:
        file.open("a").close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text} cannot be written: {error.strerror}") from error
    return file


def _positive(text: str) -> float:
    try:
        found = float(text)
    except ValueError:
        found = 0.0
    if not 0 < found < 1000:
        raise argparse.ArgumentTypeError(f"expected USD above 0 and below 1000, found '{text}'")
    return found


if __name__ == "__main__":
    sys.exit(main())
