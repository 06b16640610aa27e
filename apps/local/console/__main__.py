"""Starts the laptop's console, and serves until SIGTERM or SIGINT."""

import argparse
import logging
import sys
from collections.abc import Mapping

from apps.local.aws import root_key
from apps.local.console.api import Calls
from apps.local.console.aws import EmbeddedAws
from apps.local.console.server import ConsoleServer
from apps.local.http_server import host_and_port
from apps.local.ports import Ports
from apps.local.signals import endings
from lifecycle.gateways.aws.callers import session_name


def main() -> int:
    """Run until a signal; return 1, and print the reason, if it cannot start."""
    options = _options()
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    return serve(options.listen, options.emulator, root_key.of_process(), options.by)


def serve(listen: str, emulator: str, root: Mapping[str, str], by: str) -> int:
    """Serve until SIGTERM or SIGINT, in the name of `by`; return 1, and print the reason, if it cannot start.

    `root` is the key of the account's root, which assumes the operator's role.
    """
    stopping, by = endings(), session_name(by)
    try:
        address = host_and_port(f"http://{listen}")
        aws = EmbeddedAws(Ports(emulator=host_and_port(emulator)[1]), root, by)
        server = ConsoleServer(address, Calls(aws, by))
        server.start()
    except (OSError, ValueError) as error:
        print(f"the console cannot start: {error}", file=sys.stderr)
        return 1
    print(f"console: {server.url} as {by}", flush=True)
    stopping.get()
    server.stop()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m apps.local.console", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:8090", help="the page's address and port")
    parser.add_argument("--emulator", default="http://127.0.0.1:4566", help="the emulator's URL")
    parser.add_argument("--by", default="operator", help="the name of the operator")
    parser.add_argument("--log-level", default="INFO")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
