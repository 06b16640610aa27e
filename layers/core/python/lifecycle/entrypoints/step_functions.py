"""Events of Step Functions on EventBridge, as the fields of a command."""

from collections.abc import Mapping
from typing import Any

from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.foreign_json import object_or_empty
from lifecycle.domain.rollout.deployment import cluster_of
from lifecycle.domain.rollout.execution import first_execution


def execution_end(detail: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of Converge for the end of a rollout's execution.

    The input has the deployment's id, which names the cluster. An event without input has the execution's name.
    """
    name = str(detail.get("name") or "")
    began, ended = detail.get("startDate"), detail.get("stopDate")
    return {
        "requested_by": "step-functions",
        "execution": name,
        "lasted_seconds": max(0.0, (ended - began) / 1000) if began and ended else 0.0,
        **(_of_input(detail.get("input")) or _of_name(name)),
    }


def _of_input(text: str | None) -> dict[str, str]:
    return _of_name(str(object_or_empty(text or "").get("deployment")))


def _of_name(name: str) -> dict[str, str]:
    try:
        cluster = cluster_of(first_execution(name))
    except LifecycleError:
        return {}
    return {"service": cluster.service, "environment": cluster.environment}
