"""The events that the functions are called with: commands of people and tasks of state machines."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Self, TypeAlias

from pydantic import AfterValidator, AliasChoices, ConfigDict, Field, model_validator

from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.application.rollout.test_bed.task import BakeTask
from lifecycle.domain.convergence.ended_execution import EndedExecution
from lifecycle.domain.delivery.retention import RetentionRules
from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.foreign_json import object_or_empty
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import (
    DeploymentState,
    Kind,
    Override,
    Request,
    check_deployment_id,
    cluster_of,
)
from lifecycle.domain.rollout.test_bed.model import BedState
from lifecycle.domain.service.configuration import ConfigRevision
from lifecycle.entrypoints.auto_scaling import with_cluster
from lifecycle.entrypoints.names_in_events import (
    ConfigName,
    ExecutionName,
    HostName,
    Requester,
    Time,
    VersionName,
)
from lifecycle.entrypoints.recordable import Command
from lifecycle.entrypoints.step_functions import execution_end
from lifecycle.entrypoints.stream import clusters_of_reports

# A reason that is longer is cut, not refused: a rollback must not fail for the length of its reason.
REASON_LENGTH = 4_000
# The most hosts that a cluster may have (docs/reliability.md).
MOST_HOSTS = 5_000
# An execution of Step Functions lasts a year at most.
MOST_SECONDS = 366 * 86_400
# As many names as a parameter of 8192 bytes can hold.
MOST_CONFIG_NAMES = 1_200
Shortened: TypeAlias = Annotated[str, AfterValidator(lambda text: text[:REASON_LENGTH])]


class OfCluster(Command):
    """An event about one cluster."""

    service: str
    environment: str

    @property
    def cluster(self) -> Cluster:
        return Cluster(self.environment, self.service)


# Parameter Store counts the versions of a parameter, and a person writes each.
LARGEST_REVISION = 10**9


class Start(Command):
    """The input of statemachines/rollout.asl.json, with the name of the execution.

    Nothing but the id counts. An execution that began under an older definition passes the whole request.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    deployment: str = Field(max_length=200)
    execution: ExecutionName


class RequestDeployment(Command):
    """An operator's request for a deployment. The frame sets `requested_by` and `caller` (handler.py)."""

    deployment: str
    service: str
    environment: str
    version: VersionName
    requested_by: Requester
    reason: Shortened = ""
    kind: Kind = Kind.DEPLOY
    rollback_of: str | None = None
    overrides: tuple[Override, ...] = Field(
        (), validation_alias=AliasChoices("overrides", "despite"), max_length=len(Override)
    )
    only: tuple[HostName, ...] = Field((), max_length=MOST_HOSTS)
    config: int | None = Field(None, ge=0, le=LARGEST_REVISION)
    caller: str = Field("", max_length=2048)

    @model_validator(mode="after")
    def _is_of_one_cluster(self) -> Self:
        try:
            cluster = Cluster(self.environment, self.service)
            for name in (self.deployment, self.rollback_of):
                if name is not None:
                    check_deployment_id(name, cluster)
        except InvalidValue as error:
            raise ValueError(str(error)) from error
        return self

    def request(self) -> Request:
        return Request(**self.model_dump(exclude={"caller"}))


class InDeployment(OfCluster):
    """A task of a running deployment."""

    deployment: str
    epoch: int = 0
    execution: str = ""
    round: int = 0
    undiagnosed: bool = False  # executions that began under the former definition send it; nothing reads it


class OnHost(InDeployment):
    """A task of one stage of a host's chain."""

    host: str
    attempt: int
    group: Group = Group.MAIN

    def task(self) -> HostTask:
        return HostTask(self.cluster, self.deployment, self.epoch, self.host, self.attempt, self.group)


class OfTestBed(InDeployment):
    """A task of a deployment's test bed."""

    def bake(self) -> BakeTask:
        return BakeTask(self.cluster, self.deployment, self.epoch)


class EndOfTestBed(OfTestBed):
    """The end of a test bed, with its outcome."""

    bed: int
    outcome: BedState
    reason: str


class AskHuman(InDeployment):
    """A pause: the question, and the task token that its answer completes."""

    question: str
    token: str


class HandOver(InDeployment):
    """A rollback that was decided within a deployment."""

    reason: str = ""


class Close(InDeployment):
    """The end of a deployment, with its outcome. A plan that broke knows its deployment's id alone."""

    outcome: DeploymentState
    reason: Shortened
    unplanned: bool = False

    @model_validator(mode="before")
    @classmethod
    def _of_a_broken_plan(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        if "request" in given:  # an execution that began under an older definition
            given = {name: value for name, value in given.items() if name != "request"} | {"unplanned": True}
        if not given.get("unplanned"):
            return given
        try:
            cluster = cluster_of(str(given.get("deployment", "")))
        except InvalidValue as error:
            raise ValueError(str(error)) from error
        return {**given, "service": cluster.service, "environment": cluster.environment}


class Decide(OfCluster):
    """An operator's answer. Without a host: PAUSE, RESUME or ABORT, or ROLL_BACK the running version."""

    deployment: str
    choice: Choice
    by: str = Field(min_length=1, max_length=200)
    why: str = Field(default="", max_length=1000)
    host: str = ""
    attempt: int = 0
    question: str = Field(default="", max_length=200)  # that an approval answers; an older command line names none


class Promote(Command):
    """A request to promote a snapshot to a release."""

    service: str
    snapshot: str
    requested_by: str = Field(min_length=1, max_length=200)
    despite_staging: bool = False
    reason: Shortened = ""
    version: str = Field("", max_length=40)


class Operate(Command):
    """An operator's command outside of any deployment; `lift` reverses it."""

    by: str = Field(min_length=1, max_length=200)
    why: str = Field(min_length=1, max_length=1000)
    lift: bool = False


class SetFreeze(Operate):
    """Freeze or unfreeze a scope: "*", an environment, or environment/service."""

    scope: str
    until: Time | None = None
    made: Time | None = None  # of the only freeze that may be lifted


class SetPolicy(Operate):
    """Set settings of a scope's policy floor, each as it was typed; or unset `names`, all of it if there are none."""

    scope: str
    settings: dict[str, tuple[str, ...]] = Field(default_factory=dict, max_length=20)
    names: tuple[str, ...] = Field(default=(), max_length=20)


class SetQuarantine(Operate, OfCluster):
    """Quarantine a version or a host of a cluster."""

    name: str


class RecordConfig(OfCluster):
    """The names of a configuration's revision; a value is no part of any event."""

    revision: int = Field(ge=1, le=LARGEST_REVISION)
    names: tuple[ConfigName, ...] = Field(max_length=MOST_CONFIG_NAMES)
    changed: tuple[ConfigName, ...] = Field(max_length=2 * MOST_CONFIG_NAMES)
    by: Requester
    why: str = Field(default="", max_length=1000)
    replace: bool = False  # record it even if its number is recorded already

    def revision_at(self, at: datetime) -> ConfigRevision:
        return ConfigRevision(str(self.cluster), self.revision, self.names, self.changed, self.by, self.why, at)


class BindHosts(OfCluster):
    """Bind hosts to their addresses."""

    places: dict[str, str] = Field(max_length=5_000)
    by: str = Field(min_length=1, max_length=200)
    why: str = Field(default="", max_length=1000)


class RemoveHost(OfCluster):
    """Remove the records of a host that no longer exists."""

    host: str
    by: str = Field(min_length=1, max_length=200)
    why: str = Field(default="", max_length=1000)
    terminated: bool = False


class OfInstance(OfCluster):
    """An event of an Auto Scaling group about an instance: EventBridge sends `group`, the group's name."""

    host: str

    @model_validator(mode="before")
    @classmethod
    def _from_aws(cls, given: Any) -> Any:
        return with_cluster(given) if isinstance(given, dict) else given


class HostTerminated(OfInstance):
    """It has terminated the instance."""


class Repair(Command):
    """Compare desired with installed versions at a person's word, for every cluster or for one."""

    requested_by: str = Field(min_length=1, max_length=200)
    service: str | None = None
    environment: str | None = None

    def only(self) -> Cluster | None:
        if self.service and self.environment:
            return Cluster(self.environment, self.service)
        return None


class Converge(Repair):
    """Compare desired with installed versions, for every cluster or for some.

    EventBridge calls with an event of its own: `execution` of the cluster has failed or was stopped. The ledger's
    stream calls with the reports of hosts whose service has ended: `clusters` are theirs, as "production/hello".
    For a new instance, EventBridge sends `group`, the name of its Auto Scaling group.
    """

    requested_by: str = "schedule"
    execution: str = ""
    lasted_seconds: float = Field(default=0.0, ge=0, le=MOST_SECONDS)
    clusters: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_aws(cls, given: Any) -> Any:
        try:
            if isinstance(given, dict) and "Records" in given:
                return {"requested_by": "supervision", "clusters": clusters_of_reports(given["Records"])}
            if isinstance(given, dict) and "detail" in given:
                return execution_end(given["detail"])
            return with_cluster(given) if isinstance(given, dict) else given
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"expected an event of EventBridge or of the ledger's stream: {error!r}") from error

    @model_validator(mode="after")
    def _names_its_cluster(self) -> Self:
        if self.execution and not (self.service and self.environment):
            message = f"the execution {self.execution} is of no cluster; see its input"
            raise ValueError(message)
        return self

    def named(self) -> tuple[Cluster, ...]:
        """Return the clusters to converge; none stands for all."""
        only = self.only()
        return tuple(Cluster.parse(each) for each in self.clusters) or ((only,) if only else ())

    def ended(self) -> EndedExecution | None:
        """Return the execution whose end is the cause of this call, if one is."""
        lasted = timedelta(seconds=self.lasted_seconds)
        return EndedExecution(self.execution, lasted) if self.execution else None


class Watch(Command):
    """The alarms to check; none means every ringing alarm.

    SNS calls with an event of its own. If its message names no alarm, every ringing alarm is checked.
    """

    requested_by: str = "schedule"
    alarms: tuple[str, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _from_sns(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "Records" not in given:
            return given
        records = given["Records"] if isinstance(given["Records"], list) else []
        messages = [_message(record) for record in records]
        names = [message["AlarmName"] for message in messages if isinstance(message.get("AlarmName"), str)]
        return {"requested_by": "sns", "alarms": names}


def _message(record: Any) -> dict[str, Any]:
    """Return the message of an SNS record, or {} if it is not a JSON object."""
    try:
        return object_or_empty(record["Sns"]["Message"])
    except (KeyError, TypeError):
        return {}


class CollectGarbage(Command):
    """A request to delete a service's old versions, but for the newest, the recent ones, and those in use."""

    service: str
    requested_by: str = Field(min_length=1, max_length=200)
    keep_snapshots: int = 20
    keep_releases: int = 10
    older_than_hours: int = Field(default=7 * 24, le=24 * 36_500)
    dry_run: bool = True

    def keep(self) -> RetentionRules:
        return RetentionRules(self.keep_snapshots, self.keep_releases, timedelta(hours=self.older_than_hours))
