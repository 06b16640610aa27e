"""`python -m apps.agent`: run one host's agent until SIGTERM. `stop-service` stops the service of a stopped agent."""

import functools
import logging
import signal
import sys
import threading
from collections.abc import Sequence
from queue import SimpleQueue

from botocore.exceptions import BotoCoreError

from apps.agent import aws, processes, python_version
from apps.agent.agent import Agent
from apps.agent.home_lock import HomeLock
from apps.agent.ledger_clock import LedgerClock
from apps.agent.log_shipping import LogShipper
from apps.agent.metrics import MetricsPublisher
from apps.agent.polling import Stopping
from apps.agent.service import Service
from apps.agent.settings import Settings, StopService, parse
from apps.agent.signatures import NO_KEYS
from lifecycle.domain.errors import LifecycleError

logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit code; print an expected error as one line."""
    processes.hide()
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO)
    try:
        settings = parse(arguments)
        lock = HomeLock(settings.home)
        try:
            if isinstance(settings, StopService):
                Service(settings.home).stop()
            else:
                run(settings)
        finally:
            lock.release()
    except (LifecycleError, BotoCoreError, OSError) as error:
        print(f"agent: {error}", file=sys.stderr)
        return 1
    return 0


def _forward_signal(signals: "SimpleQueue[int]", stopping: threading.Event) -> None:
    signals.get()
    stopping.set()


def run(settings: Settings) -> None:
    """Run this host's agent until SIGTERM or SIGINT; finish a turn in progress first."""
    # The interrupted code may hold the Event's lock. SimpleQueue.put is reentrant, so a handler may call it.
    signals: SimpleQueue[int] = SimpleQueue()
    stopping = Stopping()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: signals.put(number))
    threading.Thread(target=_forward_signal, args=(signals, stopping), name="signals", daemon=True).start()
    if problem := python_version.outdated(sys.version_info[:3]):
        logger.warning("%s", problem)
    if settings.trusted_keys is None:
        logger.warning("%s", NO_KEYS)
    processes.adopt_orphans()
    if settings.service_user:
        processes.forbid_new_privileges()
    dynamodb, clock = aws.client("dynamodb"), LedgerClock()
    clock.listen(dynamodb)
    agent = Agent(
        settings,
        aws.DynamoTurns(dynamodb, settings.table, settings.cluster, settings.host),
        aws.DynamoReports(dynamodb, settings.table, settings.cluster, settings.host),
        aws.S3Releases(functools.cache(lambda: aws.client("s3")), settings.bucket),
        clock.now,
        clock.seconds_ahead,
        aws.SsmConfigurations(
            functools.cache(lambda: aws.client("ssm")),
            functools.cache(lambda: aws.client("secretsmanager")),
            settings.cluster,
        ),
        aws.DynamoScheduledRuns(dynamodb, settings.table, settings.cluster, settings.host),
    )
    sink = aws.CloudWatchMetricSink(
        functools.cache(lambda: aws.client("cloudwatch")), settings.cluster, settings.host, settings.metrics_seconds
    )
    publisher = MetricsPublisher(settings, sink, agent.measured)
    logs = aws.CloudWatchLogSink(functools.cache(lambda: aws.client("logs")), settings.cluster, settings.host)
    shipper = LogShipper(settings.home, logs, lambda: clock.now().timestamp(), agent.mask)
    publisher.start()
    shipper.start()
    try:
        agent.run(stopping)
    finally:
        publisher.close()
        shipper.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
