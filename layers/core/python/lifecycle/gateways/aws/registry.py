"""The registry of desired versions in SSM Parameter Store."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from lifecycle import names
from lifecycle.domain.fleet.cluster import Cluster, is_cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.gateways.aws.errors import repeated, translated
from lifecycle.gateways.serialization import Source, from_json, to_json


def _name(cluster: Cluster) -> str:
    return names.parameter(cluster.environment, cluster.service, names.DESIRED)


def _source(cluster: Cluster) -> Source:
    deploy = f"lifecycle deploy {cluster.service} VERSION --environment {cluster.environment}"
    mend = f"The next deployment replaces it: `{deploy}`. See it with `aws ssm get-parameter --name {_name(cluster)}`"
    return Source(_name(cluster), mend)


@translated
class SsmRegistry:
    """A parameter of each cluster: `/lifecycle/<environment>/<service>/desired`."""

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
