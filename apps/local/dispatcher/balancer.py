"""The load balancer's state: it follows the emulator (the desired state) and Envoy (the actual state).

endpoint.py calls it for each API call that the emulator accepted. It has two threads. One reads the emulator every
few seconds and on request. The other watches Envoy: often while a target is draining or leaving, else once a second
for groups without a healthy target.
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

from apps.local.dispatcher import inotify
from apps.local.dispatcher.elbv2 import Elbv2State, TargetGroup
from apps.local.dispatcher.envoy import Envoy, EnvoyUnreachable, Views
from apps.local.dispatcher.envoy_configuration import WeightedGroup
from apps.local.dispatcher.envoy_files import EnvoyFiles
from apps.local.dispatcher.failed_checks import FailedChecks
from apps.local.dispatcher.saved_state import SavedState
from apps.local.dispatcher.target_groups import Group, with_open
from apps.local.dispatcher.targets import Address, Health

_WATCH_SECONDS = 0.004
_LONG_WATCH_SECONDS = 0.025
_LONG_AFTER_SECONDS = 0.25
# New clusters take Envoy a few milliseconds; after this time they are routed to all the same.
_CLUSTERS_SECONDS = 3.0
# Without a transition, the health of the targets is looked at this often.
_HEALTH_SECONDS = 1.0
_OPEN_SECONDS = 0.1
# One of so many looks at the emulator reads everything. The others compare what a deployment of a stack changes.
_FULL_READ_EVERY = 8

log = logging.getLogger(__name__)


def _can_watch() -> bool:
    """Return True if Envoy can watch one more file; it would abort otherwise."""
    return inotify.available(1) == 1


class Elbv2Reader(Protocol):
    """The emulator's ELBv2, as the balancer needs it."""

    def read(self) -> Elbv2State: ...
    def changed(self) -> bool: ...
    def register(self, group: str, address: Address) -> None: ...


class Balancer:
    """The load balancer; call `start` before use and `stop` at the end."""

    def __init__(self, folder: Path, reader: Elbv2Reader, envoy: Envoy, files: EnvoyFiles) -> None:
        self.envoy, self.files = envoy, files
        self.groups: dict[str, Group] = {}
        self.elbv2, self.problems = Elbv2State(), dict[str, str]()
        self.read_at = 0.0
        self.lock = threading.RLock()
        self._reader = reader
        self._transitions = threading.Condition(self.lock)
        self._stopping, self._sync_requested = threading.Event(), threading.Event()
        self._reading = threading.Lock()
        self._mutating, self._mutations = threading.Lock(), 0
        self._failed_checks = FailedChecks()
        self._saved = SavedState(folder / "state.json")

    def start(self, every_seconds: float) -> None:
        """Read the emulator's state, start Envoy with it, and follow both from then on.

        Raises NoInotify and EnvoyUnreachable.
        """
        if not self.synchronise():
            self._publish()
        published = sum(group.published for group in self.groups.values())
        inotify.require(inotify.FOR_ENVOY + len(self.elbv2.listeners) + published)
        self.envoy.start()
        threading.Thread(target=self._follow, args=(every_seconds,), name="follow", daemon=True).start()
        threading.Thread(target=self._watch, name="watch", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        self._sync_requested.set()
        with self._transitions:
            self._transitions.notify_all()
        self.envoy.stop()

    @contextlib.contextmanager
    def mutation(self) -> Iterator[None]:
        """Serialise the calls that change targets, so that the emulator and the balancer apply them in one order."""
        with self._mutating:
            self._mutations += 1
            try:
                yield
            finally:
                self._mutations += 1

    def group(self, arn: str) -> Group | None:
        """Return a target group. Read the emulator if it is unknown: CloudFormation may have made it."""
        if arn not in self.groups:
            self.synchronise()
        return self.groups.get(arn)

    def register(self, arn: str, addresses: Sequence[Address]) -> None:
        """Put registered targets into rotation; call it inside `mutation`."""
        if (group := self.group(arn)) is None:
            return
        with self.lock:
            for address in addresses:
                group.rotation.register(address)
            if group.published:
                self._changed([group])
            else:
                self._publish()

    def deregister(self, arn: str, addresses: Sequence[Address]) -> None:
        """Drain deregistered targets; call it inside `mutation`."""
        if (group := self.group(arn)) is None:
            return
        with self.lock:
            deadline = time.monotonic() + group.settings.delay
            for address in addresses:
                group.rotation.deregister(address, deadline)
            self._changed([group])
            left = {each.ip: each for each in group.rotation.registered()}
        # The emulator keys targets by Id alone, so it has removed this Id's other ports too.
        for ip in {address.ip for address in addresses} & left.keys():
            self._reader.register(arn, left[ip])

    def set_weights(self, listener: str, parts: tuple[WeightedGroup, ...]) -> None:
        """Save the weights of a forward action; none removes them. Call it inside `mutation`."""
        with self.lock:
            self._saved.set_weights(listener, parts)

    def weights(self) -> dict[str, tuple[WeightedGroup, ...]]:
        with self.lock:
            return self._saved.weights()

    def health(self, arn: str, addresses: Sequence[Address]) -> list[tuple[Address, Health]]:
        """Return the answer to DescribeTargetHealth for these targets, or for all if none are given."""
        observed_at, views = self.observe()
        with self.lock:
            if (group := self.groups.get(arn)) is None:
                return []
            view = None if views is None else views.get(group.settings.cluster, {})
            used = self.used(arn)
            described = list(addresses) or group.rotation.reported()
            return [(one, group.rotation.health(one, view, observed_at, used=used)) for one in described]

    def explained_health(self, arn: str, addresses: Sequence[Address]) -> list[tuple[Address, Health]]:
        """Return `health`, with the reason of each failed check: the check is repeated here."""
        found = self.health(arn, addresses)
        group = self.groups.get(arn)
        return self._failed_checks.explained(found, group.settings.check) if group else found

    def used(self, arn: str) -> bool:
        """Return True if a listener forwards to the target group."""
        return any(
            isinstance(listener.action, tuple) and any(part.group == arn for part in listener.action)
            for listener in self.elbv2.listeners
        )

    def observe(self) -> tuple[float, Views | None]:
        """Return the time before the request to Envoy and Envoy's view; None if Envoy does not answer."""
        observed_at = time.monotonic()
        try:
            views = with_open(self.envoy.observe())
        except EnvoyUnreachable as error:
            log.warning("%s", error)
            return observed_at, None
        with self.lock:
            for group in self.groups.values():
                group.count(views.get(group.settings.cluster, {}))
        return observed_at, views

    def request_sync(self) -> None:
        """Make the balancer read the emulator soon."""
        self._sync_requested.set()

    def synchronise(self) -> bool:
        """Read the emulator and follow it; return False, and change nothing, if it does not answer."""
        with self._reading:
            mutations = self._mutations
            try:
                elbv2 = self._reader.read()
            except (BotoCoreError, ClientError) as error:
                if self.read_at:
                    log.warning("the emulator does not answer; Envoy's configuration stays as it is: %s", error)
                self.read_at = 0.0
                return False
            with self.lock:
                self.read_at = time.time()
                # A state that was read during a call that changes targets is older than that call's result.
                self._update(elbv2, consistent=mutations == self._mutations and mutations % 2 == 0)
                self._publish()
        return True

    def _update(self, elbv2: Elbv2State, *, consistent: bool) -> None:
        listeners = tuple(self._saved.with_weights(each, consistent=consistent) for each in elbv2.listeners)
        self.elbv2 = replace(elbv2, listeners=listeners)
        self.groups = {found.arn: self.groups.get(found.arn) or Group(found) for found in elbv2.groups}
        for found in elbv2.groups:
            self.groups[found.arn].settings = found
            if consistent:
                self._follow_targets(found)

    def _follow_targets(self, found: TargetGroup) -> None:
        known = {one: self._saved.known_ports(found.arn, one) for one in found.targets}
        self.groups[found.arn].follow(known, time.monotonic() + found.delay)

    def _publish(self) -> None:
        self._publish_used()
        self._changed(self.groups.values())
        settings = [group.settings for group in self.groups.values() if group.published]
        opened = [group.settings for group in self.groups.values() if group.was_open]
        self._await_clusters(self.files.clusters(settings, opened))
        routes = {arn: group.route for arn, group in self.groups.items() if group.published}
        problems = self.files.listeners(self.elbv2.listeners, routes)
        for arn in problems.keys() - self.problems.keys():
            log.error("listener %s is not served: %s", arn, problems[arn])
        self.problems = problems

    def _publish_used(self) -> None:
        """Give a cluster of Envoy to each group that is used now for the first time, as far as Envoy can watch it."""
        parts = [each.action for each in self.elbv2.listeners if isinstance(each.action, tuple)]
        routed = {part.group for action in parts for part in action if part.weight > 0}
        used = [
            group
            for arn, group in self.groups.items()
            if not group.published and (arn in routed or group.rotation.listed())
        ]
        # A new listener takes one more. Envoy aborts where it cannot watch a file.
        free = inotify.available(2 * len(used)) // 2
        for group in used[:free]:
            group.published = True
        for group in used[free:]:
            log.error("%s gets no requests: no inotify instance is left; see %s", group.settings.name, inotify.LIMIT)

    def _await_clusters(self, added: set[str]) -> None:
        """Wait until Envoy serves new clusters: a route to one that it does not serve yet answers an empty 503."""
        deadline = time.monotonic() + _CLUSTERS_SECONDS
        while added and self.envoy.pid and not self._serves(added):
            if time.monotonic() > deadline:
                log.warning("expected Envoy to serve %s within %s s", sorted(added), _CLUSTERS_SECONDS)
                return
            self._stopping.wait(_WATCH_SECONDS)

    def _serves(self, clusters: set[str]) -> bool:
        try:
            return clusters <= self.envoy.observe().keys()
        except EnvoyUnreachable:
            return False

    def _changed(self, groups: Iterable[Group]) -> None:
        for group in groups:
            if group.published:
                self.files.endpoints(group.settings, group.rotation)
            if group.was_open:
                self.files.open_endpoints(group.settings, group.rotation, group.last_open)
            group.rotation.written(time.monotonic())
        self._saved.targets({arn: each.rotation.registered() for arn, each in self.groups.items()})
        self._transitions.notify_all()

    def _follow(self, every_seconds: float) -> None:
        while not self._stopping.is_set():
            requested = self._sync_requested.wait(every_seconds)
            self._sync_requested.clear()
            try:
                if requested or self._read_is_due(every_seconds * _FULL_READ_EVERY):
                    self.synchronise()
            except Exception:
                log.exception("the emulator's state was not applied; trying again")

    def _read_is_due(self, after_seconds: float) -> bool:
        """Return True if the last read was long ago, failed, or is out of date."""
        if time.time() - self.read_at > after_seconds:
            return True
        try:
            return self._reader.changed()
        except (BotoCoreError, ClientError):
            return True

    def _watch(self) -> None:
        since = time.monotonic()
        while not self._stopping.is_set():
            with self._transitions:
                idle = not any(group.rotation.has_transitions for group in self.groups.values())
                if idle:
                    opened = any(group.open for group in self.groups.values())
                    self._transitions.wait(_OPEN_SECONDS if opened else _HEALTH_SECONDS)
                    since = time.monotonic()
            observed_at, views = self.observe()
            with self.lock:
                if views is not None:
                    self._fail_open(views, observed_at)
                changed = [
                    group
                    for group in self.groups.values()
                    if views is not None
                    and group.rotation.advance(views.get(group.settings.cluster, {}), observed_at)
                ]
                if changed:
                    since = observed_at
                    self._changed(changed)
            long = observed_at - since > _LONG_AFTER_SECONDS
            if not idle:
                self._stopping.wait(_LONG_WATCH_SECONDS if long else _WATCH_SECONDS)

    def _fail_open(self, views: Views, observed_at: float) -> None:
        """Send the requests of a group without a healthy target to all that were healthy, as an ALB does."""
        changed = [group for group in self.groups.values() if group.fail_open(views, observed_at, _can_watch)]
        for group in changed:
            log.warning("%s: no target is healthy; %d get requests", group.settings.name, len(group.open))
        if changed:
            self._publish()
