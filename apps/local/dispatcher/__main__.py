"""Starts the laptop's load balancer, and serves until SIGTERM or SIGINT."""

import argparse
import logging
import sys
from pathlib import Path

from apps.local import priority
from apps.local.aws import root_key
from apps.local.aws.clients import Clients
from apps.local.aws.proxy import PassThrough
from apps.local.dispatcher.balancer import Balancer
from apps.local.dispatcher.elbv2 import EmulatorElbv2
from apps.local.dispatcher.endpoint import Endpoint
from apps.local.dispatcher.envoy import SUPERVISOR, Envoy, EnvoyUnreachable
from apps.local.dispatcher.envoy_files import EnvoyFiles
from apps.local.dispatcher.metrics_publisher import EmulatorMetrics, MetricsPublisher
from apps.local.errors import LaptopError
from apps.local.http_server import host_and_port
from apps.local.paths import private
from apps.local.signals import endings


def main() -> int:
    """Run until a signal; return 1, and print the reason, if it cannot start."""
    options = _options()
    logging.basicConfig(level=options.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    stopping = endings()
    folder = Path(options.home).resolve()
    private(folder)
    once = {"total_max_attempts": 1}
    patience = {"connect_timeout": 2, "read_timeout": 10}
    clients = Clients(options.emulator, root_key.of_process(), options.region, **patience, retries=once)
    balancer = Balancer(
        folder,
        EmulatorElbv2(clients),
        Envoy(folder, options.workers),
        EnvoyFiles(folder, options.address, options.check_interval),
    )
    publisher = MetricsPublisher(balancer, folder, EmulatorMetrics(clients), options.metrics_period)
    try:
        endpoint = Endpoint(balancer, options.emulator)
        server = PassThrough(host_and_port(f"http://{options.listen}"), options.emulator, endpoint.answer)
        balancer.start(options.sync_interval)
        server.start()
    except (OSError, ValueError, EnvoyUnreachable, LaptopError) as error:
        balancer.stop()
        print(f"the load balancer cannot start: {error}", file=sys.stderr)
        return 1
    publisher.start()
    if options.nice:
        priority.lower_threads(options.nice, except_named=SUPERVISOR)
    print(f"load balancer: ELBv2 on {server.url}, Envoy's admin on {balancer.envoy.admin}", flush=True)
    stopping.get()
    publisher.stop()
    server.stop()
    balancer.stop()
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m apps.local.dispatcher", description=__doc__)
    parser.add_argument("--listen", default="127.0.0.1:4567", help="the ELBv2 endpoint's address and port")
    parser.add_argument("--emulator", default="http://127.0.0.1:4566", help="the emulator's URL")
    parser.add_argument("--home", required=True, help="folder for Envoy's files and logs")
    parser.add_argument("--address", default="127.0.0.1", help="the address that listeners bind to")
    parser.add_argument("--check-interval", type=float, default=2.0, help="seconds between health checks")
    parser.add_argument("--sync-interval", type=float, default=4.0, help="seconds between reads of the emulator")
    parser.add_argument(
        "--metrics-period", type=float, default=60.0, help="seconds that one datum of a metric covers"
    )
    parser.add_argument("--workers", type=int, default=1, help="Envoy's worker threads")
    parser.add_argument(
        "--nice", type=int, default=0, help="the niceness of this process; Envoy keeps the usual priority"
    )
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--log-level", default="INFO")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
