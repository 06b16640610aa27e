"""What the load balancer knows, kept in step with the emulator (what should be) and Envoy (what is).

Called by endpoint.py for each API call that the emulator accepted. Two threads: one reads the emulator every
couple of seconds and when told, one watches Envoy while a target is on its way out.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from apps.local.dispatcher.elbv2 import Fleet, TargetGroup
from apps.local.dispatcher.envoy import Envoy, EnvoyAwayError, Views
from apps.local.dispatcher.envoy_configuration import Weighted
from apps.local.dispatcher.envoy_files import Publisher
from apps.local.dispatcher.saved_state import Remembered
from apps.local.dispatcher.target_groups import Group
from apps.local.dispatcher.targets import Address, Health

_WATCH_SECONDS = 0.004
_LONG_WATCH_SECONDS = 0.025
_LONG_AFTER_SECONDS = 0.25

log = logging.getLogger(__name__)


class FleetReader(Protocol):
    """What the balancer needs of the emulator."""

    def read(self) -> Fleet: ...
    def register(self, group: str, address: Address) -> None: ...


class Balancer:
    """The load balancer; `start` before use, `stop` at the end."""

    def __init__(self, folder: Path, fleet: FleetReader, envoy: Envoy, publisher: Publisher) -> None:
        self.envoy, self.publisher = envoy, publisher
        self.groups: dict[str, Group] = {}
        self.fleet, self.problems = Fleet(), dict[str, str]()
        self.read_at = 0.0
        self.lock = threading.RLock()
        self._reader = fleet
        self._unsettled = threading.Condition(self.lock)
        self._stopping, self._poke = threading.Event(), threading.Event()
        self._reading = threading.Lock()
        self._mutating, self._mutations = threading.Lock(), 0
        self._remembered = Remembered(folder / "remembered.json")

    def start(self, every_seconds: float) -> None:
        """Take over what the emulator has, start Envoy with it, and keep in step from then on."""
        if not self.synchronise():
            self._publish()
        self.envoy.start()
        threading.Thread(target=self._follow, args=(every_seconds,), name="follow", daemon=True).start()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        self._poke.set()
        with self._unsettled:
            self._unsettled.notify_all()
        self.envoy.stop()

    @contextlib.contextmanager
    def mutation(self) -> Iterator[None]:
        """Around a call that changes targets: what the emulator did and what we do stay in one order."""
        with self._mutating:
            self._mutations += 1
            try:
                yield
            finally:
                self._mutations += 1

    def group(self, arn: str) -> Group | None:
        """A target group; one that CloudFormation has only just made is looked for."""
        if arn not in self.groups:
            self.synchronise()
        return self.groups.get(arn)

    def register(self, arn: str, addresses: Sequence[Address]) -> None:
        """Put accepted targets into rotation; inside `mutation`."""
        if (group := self.group(arn)) is None:
            return
        with self.lock:
            for address in addresses:
                group.rotation.register(address)
            self._changed([group])

    def deregister(self, arn: str, addresses: Sequence[Address]) -> None:
        """Let accepted targets drain; inside `mutation`."""
        if (group := self.group(arn)) is None:
            return
        with self.lock:
            deadline = time.monotonic() + group.settings.delay
            for address in addresses:
                group.rotation.deregister(address, deadline)
            self._changed([group])
            left = {each.ip: each for each in group.rotation.registered()}
        # The emulator keys targets by Id alone, and has now forgotten this Id's other ports too.
        for ip in {address.ip for address in addresses} & left.keys():
            self._reader.register(arn, left[ip])

    def weigh(self, listener: str, parts: tuple[Weighted, ...]) -> None:
        """Take over the weights of an accepted forward action, or that it has none; inside `mutation`."""
        with self.lock:
            self._remembered.weigh(listener, parts)

    def weights(self) -> dict[str, tuple[Weighted, ...]]:
        with self.lock:
            return self._remembered.weights()

    def health(self, arn: str, asked: Sequence[Address]) -> list[tuple[Address, Health]]:
        """What DescribeTargetHealth says of the targets that were asked for, or of all."""
        looked_at, views = self.look()
        with self.lock:
            if (group := self.groups.get(arn)) is None:
                return []
            view = None if views is None else views.get(group.settings.cluster, {})
            used = self.used(arn)
            wanted = list(asked) or group.rotation.reported()
            return [(one, group.rotation.health(one, view, looked_at, used=used)) for one in wanted]

    def used(self, arn: str) -> bool:
        """Whether a listener forwards to the target group."""
        return any(
            isinstance(listener.action, tuple) and any(part.group == arn for part in listener.action)
            for listener in self.fleet.listeners
        )

    def look(self) -> tuple[float, Views | None]:
        """Envoy's view and when the look began; None while Envoy does not answer."""
        looked_at = time.monotonic()
        try:
            views = self.envoy.look()
        except EnvoyAwayError as error:
            log.warning("%s", error)
            return looked_at, None
        with self.lock:
            for group in self.groups.values():
                group.seen(views.get(group.settings.cluster, {}))
        return looked_at, views

    def poke(self) -> None:
        """Read the emulator soon."""
        self._poke.set()

    def synchronise(self) -> bool:
        """Read the emulator and follow it; False when it is away, which changes nothing."""
        with self._reading:
            mutations = self._mutations
            try:
                fleet = self._reader.read()
            except (BotoCoreError, ClientError) as error:
                if self.read_at:
                    log.warning("the emulator does not answer; Envoy goes on as it is: %s", error)
                self.read_at = 0.0
                return False
            with self.lock:
                self.read_at = time.time()
                # What was read while a call changed it is older than what that call told us.
                self._take_over(fleet, calm=mutations == self._mutations and mutations % 2 == 0)
                self._publish()
        return True

    def _take_over(self, fleet: Fleet, *, calm: bool) -> None:
        listeners = tuple(self._remembered.weighed(each, calm=calm) for each in fleet.listeners)
        self.fleet = replace(fleet, listeners=listeners)
        self.groups = {found.arn: self.groups.get(found.arn) or Group(found) for found in fleet.groups}
        for found in fleet.groups:
            self.groups[found.arn].settings = found
            if calm:
                self._follow_targets(found)

    def _follow_targets(self, found: TargetGroup) -> None:
        known = {one: self._remembered.known_ports(found.arn, one) for one in found.targets}
        self.groups[found.arn].follow(known, time.monotonic() + found.delay)

    def _publish(self) -> None:
        self._changed(self.groups.values())
        settings = [group.settings for group in self.groups.values()]
        self.publisher.clusters(settings)
        problems = self.publisher.listeners(self.fleet.listeners, settings)
        for arn in problems.keys() - self.problems.keys():
            log.error("listener %s is not served: %s", arn, problems[arn])
        self.problems = problems

    def _changed(self, groups: Iterable[Group]) -> None:
        for group in groups:
            self.publisher.endpoints(group.settings, group.rotation)
            group.rotation.written(time.monotonic())
        self._remembered.targets({arn: each.rotation.registered() for arn, each in self.groups.items()})
        self._unsettled.notify_all()

    def _follow(self, every_seconds: float) -> None:
        while not self._stopping.is_set():
            self._poke.wait(every_seconds)
            self._poke.clear()
            try:
                self.synchronise()
            except Exception:
                log.exception("the emulator's state could not be followed; trying again")

    def _watch(self) -> None:
        since = time.monotonic()
        while not self._stopping.is_set():
            with self._unsettled:
                if not any(group.rotation.unsettled for group in self.groups.values()):
                    self._unsettled.wait(1.0)
                    since = time.monotonic()
                    continue
            looked_at, views = self.look()
            with self.lock:
                changed = [
                    group
                    for group in self.groups.values()
                    if views is not None
                    and group.rotation.observe(views.get(group.settings.cluster, {}), looked_at)
                ]
                if changed:
                    since = looked_at
                    self._changed(changed)
            long = looked_at - since > _LONG_AFTER_SECONDS
            self._stopping.wait(_LONG_WATCH_SECONDS if long else _WATCH_SECONDS)
