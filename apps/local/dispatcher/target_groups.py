"""A target group here: its settings, its rotation, and what its targets have served so far."""

from dataclasses import dataclass, field

from apps.local.dispatcher.elbv2 import TargetGroup
from apps.local.dispatcher.targets import Address, HostView, Rotation, View


@dataclass(slots=True)
class Tally:
    """A target's requests across its registrations: Envoy counts each registration from zero."""

    before: tuple[int, int] = (0, 0)
    host: HostView = field(default_factory=HostView)

    def seen(self, host: HostView) -> None:
        if host.total < self.host.total:
            self.before = self.requests
        self.host = host

    @property
    def requests(self) -> tuple[int, int]:
        """All of them, and those that failed."""
        return self.before[0] + self.host.total, self.before[1] + self.host.failed


@dataclass(slots=True)
class Group:
    """A target group with its targets."""

    settings: TargetGroup
    rotation: Rotation = field(default_factory=Rotation)
    tallies: dict[Address, Tally] = field(default_factory=dict)

    def seen(self, view: View) -> None:
        for address, host in view.items():
            self.tallies.setdefault(address, Tally()).seen(host)

    def follow(self, known: dict[Address, list[Address]], deadline: float) -> None:
        """Register and deregister what the emulator did without us; `known` are its targets, by all ports."""
        mine = self.rotation.registered()
        for address, ports in known.items():
            if address.ip not in {each.ip for each in mine}:
                for port in ports:
                    self.rotation.register(port)
        for address in mine:
            if address.ip not in {each.ip for each in known}:
                self.rotation.deregister(address, deadline)
