"""The events of statemachines/delivery.asl.json: a push, its build, and what the build published."""

from dataclasses import fields

from pydantic import Field

from lifecycle.application.delivery.build import FinishedBuild, Sources
from lifecycle.application.delivery.receive_push import Push
from lifecycle.domain.delivery.repository import MOST_SERVICES
from lifecycle.entrypoints.names_in_events import Branch, Commit, ExecutionName, Moment, Repository, ServiceFolder
from lifecycle.entrypoints.recordable import Command


class Pushed(Command):
    """The push that a delivery is about."""

    repository: Repository
    name: str = Field(min_length=1, max_length=200)
    commit: Commit
    branch: Branch
    pusher: str = Field(default="", max_length=200)
    delivery: str = Field(default="", max_length=200)
    skip: str = Field(default="", max_length=20)
    folder: ServiceFolder = ""
    again: bool = False
    pushed: Moment = ""
    service: str = Field(default="", max_length=40)
    version: str = Field(default="", max_length=100)
    head_read: Moment = ""
    read_seconds: int = Field(default=0, ge=0, le=900)

    def push(self) -> Push:
        return Push(**self.model_dump(include={each.name for each in fields(Push)}))


class StartBuild(Pushed):
    """The input of statemachines/delivery.asl.json, with the name and start time of the execution."""

    execution: ExecutionName
    started: Moment


class StartServices(Pushed):
    """A push that changed several services of its repository, by name, with their folders."""

    execution: ExecutionName
    services: dict[str, ServiceFolder] = Field(max_length=MOST_SERVICES)
    unchanged: str = ""


class CheckBuild(Pushed):
    """A request for the state of the build of a push."""

    execution: ExecutionName
    build: str


class CancelRun(Command):
    """End a run and its build."""

    run: ExecutionName
    by: str = Field(min_length=1, max_length=200)
    why: str = Field(min_length=1, max_length=1000)


class TransferService(Command):
    """Hand a service over to another repository."""

    service: str
    to: Repository
    by: str = Field(min_length=1, max_length=200)
    why: str = Field(min_length=1, max_length=1000)


class RemoveService(Command):
    """Retire a service."""

    service: str
    by: str = Field(min_length=1, max_length=200)
    why: str = Field(min_length=1, max_length=900)


class WithdrawRelease(Command):
    """Withdraw a release that was never deployed."""

    service: str
    version: str
    by: str = Field(min_length=1, max_length=200)
    why: str = Field(min_length=1, max_length=1000)


class RecordSnapshot(Command):
    """A finished build, with the service and version that it published; without a build, an earlier one's.

    `execution` is empty for a run that began before an update.
    """

    repository: str
    name: str
    commit: str
    branch: str
    pusher: str = ""
    delivery: str = ""
    skip: str = ""
    folder: str = ""
    again: bool = False
    pushed: str = ""
    head_read: str = ""
    read_seconds: int = 0
    execution: str = ""
    build: str
    service: str
    version: str
    upload: str = ""
    sources: Sources = Sources()

    def finished(self) -> FinishedBuild:
        """Return the build, as record_snapshot takes it."""
        return FinishedBuild(
            self.repository,
            self.commit,
            self.branch,
            self.build,
            self.service,
            self.version,
            self.upload,
            self.sources,
            self.execution,
            self.folder,
        )
