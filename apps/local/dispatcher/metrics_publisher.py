"""Tells the emulator's CloudWatch what an ALB would: requests, answers, latency and healthy hosts by target group.

A thread of the dispatcher: every period it reads what Envoy logged (requests_log.py), and tells of it (metrics.py).
The groups that a listener names after its first, a test bed's and its control's, are told of every period, because a
judge looks at each one; the others every ten, because the emulator keeps in memory whatever it is told.
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

# A period is read so much later that Envoy has written all of it.
_LATER_SECONDS = 0.15 + FLUSH_MILLISECONDS / 1000
_COARSE = 10
_LONGEST_COARSE = 60.0

log = logging.getLogger(__name__)


class Told(Protocol):
    """Where metrics are told."""

    def tell(self, data: list[Datum]) -> None: ...


class EmulatorMetrics:
    """CloudWatch of the emulator, as its root; raises what boto3 raises."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients

    def tell(self, data: list[Datum]) -> None:
        self._clients.client("cloudwatch").put_metric_data(Namespace=metrics.NAMESPACE, MetricData=data)


@dataclass(frozen=True, slots=True)
class Watched:
    """A target group that a listener forwards to; a `fine` one is told of every period."""

    arn: str
    cluster: str
    dimensions: dict[str, str]
    fine: bool


class Meter:
    """`start` and `stop` the thread; `period` in seconds."""

    def __init__(self, balancer: Balancer, folder: Path, told: Told, period: float) -> None:
        self._balancer, self._told, self._period = balancer, told, period
        self._log = RequestsLog(folder / NAME)
        self._counted: dict[str, Tally] = {}
        self._every = max(1, round(min(period * _COARSE, max(period, _LONGEST_COARSE)) / period))
        self._silent = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="meter", daemon=True)

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
                self.look(number)
            except Exception:
                log.exception("the metrics of a period are lost")
            number = max(number + 1, math.floor((time.time() - _LATER_SECONDS) / self._period))

    def look(self, number: int) -> None:
        """Tell of the period of this number, counted from the epoch; of the coarse groups when ten are over."""
        for cluster, tally in metrics.tallies(self._log.new()).items():
            self._add(cluster, tally)
        coarse = (number + 1) % self._every == 0
        data: list[Datum] = []
        for group in self._watched():
            length = 1 if group.fine else self._every
            at = datetime.fromtimestamp((number + 1 - length) * self._period, UTC)
            if group.fine or coarse:
                data += self._requests(group, at)
            if coarse:
                data += self._hosts(group, at)
        if coarse:
            self._counted.clear()  # of groups that are gone
        if data:
            self._tell(data)

    def _add(self, cluster: str, tally: Tally) -> None:
        if (standing := self._counted.get(cluster)) is None:
            self._counted[cluster] = tally
        else:
            standing.join(tally)

    def _requests(self, group: Watched, at: datetime) -> list[Datum]:
        tally = self._counted.pop(group.cluster, None)
        return metrics.of_requests(tally, group.dimensions, at) if tally else []

    def _hosts(self, group: Watched, at: datetime) -> list[Datum]:
        states = [health.state for _, health in self._balancer.health(group.arn, ())]
        hosts = Hosts(states.count(HEALTHY.state), states.count("unhealthy"))
        return metrics.of_hosts(hosts, group.dimensions, at) if states else []

    def _watched(self) -> Iterable[Watched]:
        with self._balancer.lock:
            found: dict[str, Watched] = {}
            for listener in self._balancer.fleet.listeners:
                if isinstance(listener.action, FixedResponse):
                    continue
                balancer = listener.load_balancer.partition(":loadbalancer/")[2]
                for place, part in enumerate(listener.action):
                    if group := self._balancer.groups.get(part.group):
                        named = {"TargetGroup": part.group.rpartition(":")[2], "LoadBalancer": balancer}
                        found[part.group] = Watched(part.group, group.settings.cluster, named, place > 0)
            return list(found.values())

    def _tell(self, data: list[Datum]) -> None:
        try:
            for start in range(0, len(data), 500):
                self._told.tell(data[start : start + 500])
        except (BotoCoreError, ClientError) as error:
            if not self._silent:
                log.warning("metrics are not told; trying on: %s", error)
            self._silent = True
        else:
            self._silent = False
