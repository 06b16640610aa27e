"""A target group of the balancer: its settings, its rotation, and the number of requests to each target."""

from dataclasses import dataclass, field

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
    """A target group with its targets."""

    settings: TargetGroup
    rotation: Rotation = field(default_factory=Rotation)
    tallies: dict[Address, Tally] = field(default_factory=dict)

    def count(self, view: View) -> None:
        for address, host in view.items():
            self.tallies.setdefault(address, Tally()).count(host)

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
