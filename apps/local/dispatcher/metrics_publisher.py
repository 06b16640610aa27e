"""Publishes an ALB's metrics to the emulator's CloudWatch: requests, answers, latency, healthy hosts by target group.

A thread of the dispatcher reads Envoy's log (access_log.py) every period, and publishes the data (metrics.py). A
listener's groups after the first, those of a test bed and its control, are published every period, because the judge
needs each one. The others are published every ten periods, because the emulator holds all data in memory.
"""

import logging
import math
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from apps.local.aws.clients import Clients
from apps.local.dispatcher import metrics
from apps.local.dispatcher.access_log import FLUSH_MILLISECONDS, NAME, RequestsLog
from apps.local.dispatcher.balancer import Balancer
from apps.local.dispatcher.envoy_configuration import FixedResponse
from apps.local.dispatcher.metrics import Datum, Hosts, Tally
from apps.local.dispatcher.targets import HEALTHY

# A period is read this much later, when Envoy has written all of it.
_LATER_SECONDS = 0.15 + FLUSH_MILLISECONDS / 1000
_COARSE = 10
_LONGEST_COARSE = 60.0

log = logging.getLogger(__name__)


class MetricsSink(Protocol):
    """A service that takes metric data."""

    def put(self, data: list[Datum]) -> None: ...


class EmulatorMetrics:
    """The emulator's CloudWatch, called as root; raises boto3's errors."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def put(self, data: list[Datum]) -> None:
        self._clients.client("cloudwatch").put_metric_data(Namespace=metrics.NAMESPACE, MetricData=data)


@dataclass(frozen=True, slots=True)
class PublishedGroup:
    """A target group that a listener forwards to; a `fine` one is published every period."""

    arn: str
    cluster: str
    dimensions: dict[str, str]
    fine: bool


class MetricsPublisher:
    """The thread that publishes; `period` is in seconds."""

    def __init__(self, balancer: Balancer, folder: Path, sink: MetricsSink, period: float) -> None:
        self._balancer, self._sink, self._period = balancer, sink, period
        self._log = RequestsLog(folder / NAME)
        self._counted: dict[str, Tally] = {}
        self._every = max(1, round(min(period * _COARSE, max(period, _LONGEST_COARSE)) / period))
        self._failing = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()

    def _run(self) -> None:
        number = math.floor(time.time() / self._period)
        while True:
            end = (number + 1) * self._period + _LATER_SECONDS
            if self._stopping.wait(max(0.0, end - time.time())):
                return
            try:
                self.publish(number)
            except Exception:
                log.exception("the metrics of a period are lost")
            number = max(number + 1, math.floor((time.time() - _LATER_SECONDS) / self._period))

    def publish(self, number: int) -> None:
        """Publish one period, numbered from the Unix epoch; the coarse groups after every tenth."""
        for cluster, tally in metrics.tallies(self._log.new()).items():
            self._counted.setdefault(cluster, Tally()).join(tally)
        coarse = (number + 1) % self._every == 0
        data: list[Datum] = []
        for group in self._published():
            length = 1 if group.fine else self._every
            at = datetime.fromtimestamp((number + 1 - length) * self._period, UTC)
            if group.fine or coarse:
                data += self._requests(group, at)
            if coarse:
                data += self._hosts(group, at)
        if coarse:
            self._counted.clear()  # of groups that are gone
        if data:
            self._put(data)

    def _requests(self, group: PublishedGroup, at: datetime) -> list[Datum]:
        tally = self._counted.pop(group.cluster, None)
        return metrics.of_requests(tally, group.dimensions, at) if tally else []

    def _hosts(self, group: PublishedGroup, at: datetime) -> list[Datum]:
        states = [health.state for _, health in self._balancer.health(group.arn, ())]
        hosts = Hosts(states.count(HEALTHY.state), states.count("unhealthy"))
        return metrics.of_hosts(hosts, group.dimensions, at) if states else []

    def _published(self) -> Iterable[PublishedGroup]:
        with self._balancer.lock:
            found: dict[str, PublishedGroup] = {}
            for listener in self._balancer.elbv2.listeners:
                if isinstance(listener.action, FixedResponse):
                    continue
                balancer = listener.load_balancer.partition(":loadbalancer/")[2]
                for place, part in enumerate(listener.action):
                    if group := self._balancer.groups.get(part.group):
                        named = {"TargetGroup": part.group.rpartition(":")[2], "LoadBalancer": balancer}
                        found[part.group] = PublishedGroup(part.group, group.settings.cluster, named, place > 0)
            return list(found.values())

    def _put(self, data: list[Datum]) -> None:
        try:
            for start in range(0, len(data), 500):
                self._sink.put(data[start : start + 500])
        except (BotoCoreError, ClientError) as error:
            if not self._failing:
                log.warning("metrics were not published; trying again: %s", error)
            self._failing = True
        else:
            self._failing = False
