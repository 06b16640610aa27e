"""Events of Auto Scaling groups, which EventBridge sends with the group's name: it cannot take a name apart."""

from collections.abc import Mapping
from typing import Any

from lifecycle import names
from lifecycle.domain.fleet.cluster import ENVIRONMENTS


def with_cluster(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event with the service and the environment of its `group`; as it is, if it names none.

    Raises ValueError for a group whose name is not that of a cluster's stack.
    """
    found = dict(given)
    group = str(found.pop("group", ""))
    if not group:
        return found
    for environment in ENVIRONMENTS:
        service = group.removeprefix(names.cluster_stack(environment, ""))
        if service not in (group, ""):
            return {**found, "service": service, "environment": environment}
    expected = names.cluster_stack("ENVIRONMENT", "SERVICE")
    raise ValueError(f"expected the Auto Scaling group of a cluster, such as {expected}; found {group[:100]!r}")
