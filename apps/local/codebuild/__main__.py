"""Starts the laptop's build service, and serves until SIGTERM or SIGINT, which ends every build."""

import argparse
import logging
import sys
from pathlib import Path

from apps.local.aws.proxy import PassThrough
from apps.local.codebuild.account import Account
from apps.local.codebuild.builds import Builds
from apps.local.codebuild.endpoint import Endpoint
from apps.local.http_server import host_and_port
from apps.local.signals import endings


def main() -> int:
    """Run until a signal; return 1, and print the reason, if it cannot start."""
    options = _options()
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stopping = endings()
    account = Account(options.emulator, options.region)
    try:
        builds = Builds(account, Path(options.home).resolve(), options.concurrency)
        endpoint = Endpoint(builds, account)
        server = PassThrough(host_and_port(f"http://{options.listen}"), options.emulator, endpoint.answer)
        server.start()
    except (OSError, ValueError) as error:
        print(f"the build service cannot start: {error}", file=sys.stderr)
        return 1
    print(f"build service: CodeBuild on {server.url}", flush=True)
    stopping.get()
    server.stop()
    builds.shut_down()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m apps.local.codebuild", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:4568", help="the endpoint's address and port")
    parser.add_argument("--emulator", default="http://127.0.0.1:4566", help="the emulator's URL")
    parser.add_argument("--home", required=True, help="folder for the builds' records, logs and work")
    parser.add_argument("--concurrency", type=int, default=2, help="builds that run at the same time")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--log-level", default="INFO")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
