"""The event of functions/delivery/report_status: which run or deployment has changed."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, model_validator

from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import cluster_of
from lifecycle.entrypoints.recordable import Command
from lifecycle.names import EVENT_SOURCE


class ReportStatus(Command):
    """The run or the deployment to report; neither means everything that is not settled.

    EventBridge calls with an event of its own: of Step Functions about a run, or a notification about a deployment.
    """

    requested_by: str = "schedule"
    run: str = Field(default="", max_length=80)
    deployment: str = Field(default="", max_length=80)

    @model_validator(mode="before")
    @classmethod
    def _from_aws(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "detail" not in given:
            return given
        detail = given["detail"]
        field, name = ("deployment", "deployment") if given.get("source") == EVENT_SOURCE else ("run", "name")
        if not isinstance(detail, Mapping) or not isinstance(detail.get(name), str) or not detail[name]:
            message = (
                f"expected the name of a run or of a deployment, found none in an event of {given.get('source')}"
            )
            raise ValueError(message)
        return {"requested_by": "step-functions" if field == "run" else "schedule", field: detail[name]}

    @model_validator(mode="after")
    def _names_its_cluster(self) -> "ReportStatus":
        if self.deployment:
            try:
                self.cluster()
            except InvalidValue as error:
                raise ValueError(str(error)) from error
        return self

    def cluster(self) -> Cluster:
        """Return the cluster that the deployment's name has."""
        return cluster_of(self.deployment)
