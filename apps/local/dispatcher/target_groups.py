"""A target group of the balancer: its settings, its rotation, and the number of requests to each target."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from apps.local.dispatcher.access_log import open_name
from apps.local.dispatcher.elbv2 import TargetGroup
from apps.local.dispatcher.targets import Address, HostView, Rotation, View


@dataclass(slots=True)
class Tally:
    """A target's requests across its registrations; Envoy counts each registration from zero."""

    before: tuple[int, int] = (0, 0)
    host: HostView = field(default_factory=HostView)

    def count(self, host: HostView) -> None:
        if host.total < self.host.total:
            self.before = self.requests
        self.host = host

    @property
    def requests(self) -> tuple[int, int]:
        """Return the number of all requests, and of the failed ones."""
        return self.before[0] + self.host.total, self.before[1] + self.host.failed


@dataclass(slots=True)
class Group:
    """A target group with its targets.

    `published` is True once Envoy has a cluster for it, which takes an inotify instance: when it first has a target
    or gets requests. `open` are those that get requests although they fail their checks. `routed_open` is True once
    Envoy knows them, so that requests go there. `last_open` stay in Envoy's file, because a request may be on its way
    to them when the group closes.
    """

    settings: TargetGroup
    rotation: Rotation = field(default_factory=Rotation)
    tallies: dict[Address, Tally] = field(default_factory=dict)
    published: bool = False
    open: frozenset[Address] = frozenset()
    last_open: frozenset[Address] = frozenset()
    routed_open: bool = False

    def count(self, view: View) -> None:
        for address, host in view.items():
            self.tallies.setdefault(address, Tally()).count(host)

    def fail_open(self, views: Mapping[str, View], observed_at: float, can_watch: Callable[[], bool]) -> bool:
        """Open the group while it has targets but no healthy one, and close it again; return True if that changed.

        It stays closed the first time if Envoy cannot watch one more file.
        """
        opened = self.rotation.failing_open(views.get(self.settings.cluster, {}), observed_at)
        if opened and not self.was_open and not can_watch():
            opened = frozenset()
        known = {a for a, host in views.get(open_name(self.settings.cluster), {}).items() if not host.draining}
        # Envoy may still list targets of an earlier time; once requests go there, it follows each change.
        routed = bool(opened) and (known == opened or (self.routed_open and bool(known & opened)))
        changed = (opened, routed) != (self.open, self.routed_open)
        self.open, self.routed_open = opened, routed
        self.last_open = opened or self.last_open
        return changed

    @property
    def was_open(self) -> bool:
        """True if the group fails open or has failed open before."""
        return bool(self.last_open)

    @property
    def route(self) -> str:
        """The name of Envoy's cluster that gets the group's requests."""
        return open_name(self.settings.cluster) if self.routed_open else self.settings.cluster

    def follow(self, known: dict[Address, list[Address]], deadline: float) -> None:
        """Apply the emulator's own changes of targets; `known` maps each of its targets to all registered ports."""
        mine = self.rotation.registered()
        for address, ports in known.items():
            if address.ip not in {each.ip for each in mine}:
                for port in ports:
                    self.rotation.register(port)
        for address in mine:
            if address.ip not in {each.ip for each in known}:
                self.rotation.deregister(address, deadline)


def with_open(views: Mapping[str, View]) -> dict[str, View]:
    """Return Envoy's views, each with the requests that its targets got while their group failed open."""
    return {name: _together(view, views.get(open_name(name), {})) for name, view in views.items()}


def _together(view: View, opened: View) -> View:
    if not opened:
        return view
    return {address: _sum(host, opened.get(address, HostView())) for address, host in view.items()}


def _sum(host: HostView, other: HostView) -> HostView:
    return replace(
        host, active=host.active + other.active, total=host.total + other.total, failed=host.failed + other.failed
    )
