"""State that the emulator loses, saved by the load balancer in a file of its own.

The emulator keys targets by Id alone, so it loses a second port of one address. It also drops the weights of forward
actions.
"""

import contextlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from apps.local.dispatcher.elbv2 import Listener
from apps.local.dispatcher.envoy_configuration import Action, WeightedGroup
from apps.local.dispatcher.targets import Address
from apps.local.paths import write_json


@dataclass(slots=True)
class _Weights:
    """A listener's weights, and the action that the emulator has in their place; None until it is read."""

    parts: tuple[WeightedGroup, ...]
    emulator_action: Action | None = None


class SavedState:
    """Registered addresses and weights, saved in `path`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._targets: dict[str, list[Address]] = {}
        self._weights: dict[str, _Weights] = {}
        with contextlib.suppress(FileNotFoundError, ValueError):
            self._load(json.loads(path.read_text()))

    def known_ports(self, group: str, address: Address) -> list[Address]:
        """Return every registered port of an address that the emulator names once."""
        return [each for each in self._targets.get(group, []) if each.ip == address.ip] or [address]

    def targets(self, registered: Mapping[str, Sequence[Address]]) -> None:
        fresh = {group: list(addresses) for group, addresses in registered.items()}
        if fresh != self._targets:
            self._targets = fresh
            self._save()

    def set_weights(self, listener: str, parts: tuple[WeightedGroup, ...]) -> None:
        """Save the weights of a forward action; remove them if there are none."""
        if parts:
            self._weights[listener] = _Weights(parts)
        elif self._weights.pop(listener, None) is None:
            return
        self._save()

    def weights(self) -> dict[str, tuple[WeightedGroup, ...]]:
        return {listener: weights.parts for listener, weights in self._weights.items()}

    def with_weights(self, listener: Listener, *, consistent: bool) -> Listener:
        """Return the listener with its saved weights, unless the emulator's own action was changed elsewhere.

        `consistent` is False if the listener was read while a call through the endpoint was changing it.
        """
        weights = self._weights.get(listener.arn)
        if weights is None:
            return listener
        if consistent and weights.emulator_action is None:
            weights.emulator_action = listener.action
            self._save()
        if consistent and weights.emulator_action != listener.action:
            self.set_weights(listener.arn, ())
            return listener
        return replace(listener, action=weights.parts)

    def _load(self, saved: Mapping[str, Mapping[str, Sequence[Sequence[object]]]]) -> None:
        for group, addresses in saved["targets"].items():
            self._targets[group] = [Address(str(ip), int(str(port))) for ip, port in addresses]
        for listener, parts in saved["weights"].items():
            weighted = tuple(WeightedGroup(str(group), int(str(weight))) for group, weight in parts)
            self._weights[listener] = _Weights(weighted)

    def _save(self) -> None:
        weights = {
            listener: [[part.group, part.weight] for part in each.parts] for listener, each in self._weights.items()
        }
        write_json(self._path, {"targets": self._targets, "weights": weights})
