"""The registry of desired versions in SSM Parameter Store."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from typing import Any

from lifecycle import names
from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.cluster import Cluster, is_cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.foreign_json import parse_json
from lifecycle.domain.rollout.policy_floor import SETTINGS, PolicyFloor, check_floor
from lifecycle.gateways.aws.errors import repeated, translated
from lifecycle.gateways.serialization import VERSION_KEY, Source, from_json, to_json


def _name(cluster: Cluster) -> str:
    return names.parameter(cluster.environment, cluster.service, names.DESIRED)


def _source(cluster: Cluster) -> Source:
    deploy = f"lifecycle deploy {cluster.service} VERSION --environment {cluster.environment}"
    mend = f"The next deployment replaces it: `{deploy}`. See it with `aws ssm get-parameter --name {_name(cluster)}`"
    return Source(_name(cluster), mend)


def read_floor(scope: str, text: str) -> PolicyFloor:
    """Return the floor of a parameter's value; raises UnreadableRecord.

    A key that is not known, or a value that is not allowed, may be a requirement: it is never left out.
    """
    source = _floor_source(scope)
    floor = from_json(PolicyFloor, text, source)
    known = {each.name for each in fields(PolicyFloor)}
    if unknown := sorted(set(parse_json(text)) - known - {VERSION_KEY}):
        raise source.unreadable(f"the settings {', '.join(SETTINGS)}", f"{', '.join(unknown):.200}")
    try:
        check_floor(floor)
    except InvalidValue as error:
        raise source.unreadable("a PolicyFloor", str(error)) from error
    if floor.scope != scope:
        raise source.unreadable(f"the floor of {scope}", f"that of {floor.scope:.100}")
    return floor


def _floor_source(scope: str) -> Source:
    name = names.policy_parameter(scope)
    replaced = (
        f"`lifecycle policy set {scope} SETTING=VALUE` replaces it, and `lifecycle policy unset {scope}` deletes it"
    )
    mend = f"Until an administrator mends it, nothing new is deployed there: {replaced}"
    return Source(name, f"{mend}. See it with `aws ssm get-parameter --name {name}`.")


@translated
class SsmRegistry:
    """A parameter of each cluster, `/lifecycle/<environment>/<service>/desired`, and one of each policy floor."""

    def __init__(self, ssm: Any, sleep: Callable[[float], object] = time.sleep) -> None:
        self._ssm = ssm
        self._sleep = sleep

    def desired(self, cluster: Cluster) -> Desired | None:
        try:
            found = self._ssm.get_parameter(Name=_name(cluster))
        except self._ssm.exceptions.ParameterNotFound:
            return None
        return from_json(Desired, found["Parameter"]["Value"], _source(cluster))

    def set_desired(self, cluster: Cluster, desired: Desired) -> None:
        # PutParameter has no compare-and-set; the lease is what makes this write safe (docs/adr/0002).
        # The same value again changes nothing but the parameter's version.
        name, value = _name(cluster), to_json(desired)
        repeated(
            lambda: self._ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True),
            "TooManyUpdates",
            sleep=self._sleep,
        )

    def forget_desired(self, cluster: Cluster) -> None:
        with suppress(self._ssm.exceptions.ParameterNotFound):
            self._ssm.delete_parameter(Name=_name(cluster))

    def floor(self, scope: str) -> PolicyFloor | None:
        name = names.policy_parameter(scope)
        try:
            found = self._ssm.get_parameter(Name=name)
        except self._ssm.exceptions.ParameterNotFound:
            return None
        return read_floor(scope, found["Parameter"]["Value"])

    def set_floor(self, floor: PolicyFloor) -> None:
        name, value = names.policy_parameter(floor.scope), to_json(floor)
        repeated(
            lambda: self._ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True),
            "TooManyUpdates",
            sleep=self._sleep,
        )

    def unset_floor(self, scope: str) -> None:
        with suppress(self._ssm.exceptions.ParameterNotFound):
            self._ssm.delete_parameter(Name=names.policy_parameter(scope))

    def has(self, cluster: Cluster) -> bool:
        path = names.cluster_parameters(cluster.environment, cluster.service)
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=path)
        return any(page["Parameters"] for page in pages)

    def clusters(self) -> Sequence[Cluster]:
        """Return every cluster that has a parameter. One of another name is somebody else's."""
        pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=names.REGISTRY, Recursive=True)
        paths = (parameter["Name"].split("/") for page in pages for parameter in page["Parameters"])
        named = {(parts[2], parts[3]) for parts in paths if len(parts) == 5}
        return sorted(Cluster(*each) for each in named if is_cluster(*each))
