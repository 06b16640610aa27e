"""Writes Envoy's files: only the ones whose content changed, each of them atomically."""

import json
import logging
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from apps.local.dispatcher import access_log, envoy_configuration
from apps.local.dispatcher.elbv2 import Listener, TargetGroup
from apps.local.dispatcher.envoy_configuration import Resource
from apps.local.dispatcher.targets import Address, Rotation
from apps.local.ports import holder, is_free

log = logging.getLogger(__name__)


class EnvoyFiles:
    """Envoy's files in `folder`; listeners bind to `address`, and checks run every `interval` seconds."""

    def __init__(self, folder: Path, address: str, interval: float) -> None:
        self.address = address
        self._folder, self._interval = folder, interval
        self._written: dict[str, str] = {}
        self._bound: dict[str, int] = {}
        self._clusters: set[str] = set()

    def endpoints(self, group: TargetGroup, rotation: Rotation) -> None:
        resource = envoy_configuration.endpoints(group.cluster, group.check, rotation.listed())
        self._put(f"endpoints-{group.cluster}", [resource])

    def open_endpoints(self, group: TargetGroup, rotation: Rotation, opened: Collection[Address]) -> None:
        """Write the targets of a group that has failed open: only `opened` get requests.

        The others are listed so that Envoy goes on to count the requests that they still serve.
        """
        name = access_log.open_name(group.cluster)
        listed = [(address, address not in opened or drains) for address, drains in rotation.listed()]
        self._put(f"endpoints-{name}", [envoy_configuration.endpoints(name, group.check, listed)])

    def clusters(self, groups: Iterable[TargetGroup], opened: Iterable[TargetGroup]) -> set[str]:
        """Write every target group, those that fail or failed open twice; their endpoints were written before.

        Returns the names of the clusters that were not in the file before.
        """
        of_group, of_opened = envoy_configuration.cluster, envoy_configuration.open_cluster
        resources = [
            *(of_group(self._folder, each.cluster, each.check, self._interval) for each in groups),
            *(of_opened(self._folder, each.cluster, each.check, self._interval) for each in opened),
        ]
        self._put("clusters", resources)
        before, self._clusters = self._clusters, {str(each["name"]) for each in resources}
        return self._clusters - before

    def listeners(self, listeners: Iterable[Listener], clusters: Mapping[str, str]) -> dict[str, str]:
        """Write every listener that can be served; return the problems of the others, by ARN.

        `clusters` names Envoy's cluster that gets the requests of each target group.
        """
        problems: dict[str, str] = {}
        bound: dict[str, int] = {}
        served = []
        for each in sorted(listeners, key=lambda one: (one.name not in self._bound, one.arn)):
            if problem := self._problem(each, bound):
                problems[each.arn] = problem
                continue
            bound[each.name] = each.port
            self._put(f"routes-{each.name}", [envoy_configuration.routes(each.name, each.action, clusters)])
            served.append(envoy_configuration.listener(self._folder, each.name, self.address, each.port))
        self._put("listeners", sorted(served, key=lambda one: str(one["name"])))
        self._bound = bound
        return problems

    def _problem(self, listener: Listener, bound: dict[str, int]) -> str:
        if listener.problem:
            return listener.problem
        port = listener.port
        if others := [name for name, taken in bound.items() if taken == port]:
            return f"port {port} is already served for listener {others[0]}; give one of them another port"
        if self._bound.get(listener.name) == port or is_free(self.address, port):
            return ""
        return f"expected port {port} of {self.address} to be free, found it taken{holder(port)}"

    def _put(self, name: str, resources: list[Resource]) -> None:
        text = json.dumps(envoy_configuration.discovery(resources), indent=1)
        if self._written.get(name) == text:
            return
        # Envoy watches for the rename, so it never reads a partly written file.
        fresh = self._folder / f"{name}.new"
        fresh.write_text(text)
        fresh.replace(self._folder / f"{name}.json")
        self._written[name] = text
