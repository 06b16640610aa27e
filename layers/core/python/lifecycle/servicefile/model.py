"""The schema of a lifecycle.toml, with its defaults. The commented example is examples/hello/lifecycle.toml.

reading validates a file against it. `to_manifest_parts` gives the manifest's dataclasses.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, field_validator, model_validator

from lifecycle.domain.analysis.model import Measure
from lifecycle.domain.service import cron
from lifecycle.domain.service.configuration import ConfigNames
from lifecycle.domain.service.host_count import HostCount
from lifecycle.domain.service.manifest import Check, ProcessCommand, ReleaseCommand, Run, Schedule
from lifecycle.domain.service.policy import After, AfterBake, ApprovalGate, OnAlarm, OnFail, Policy
from lifecycle.domain.service.version import ReleaseVersion
from lifecycle.servicefile import fields, without_http
from lifecycle.servicefile.fields import (
    BuiltFolders,
    Command,
    CommandName,
    ConfigName,
    Cron,
    Folder,
    FrozenWindow,
    Hosts,
    Name,
    Path,
    ProcessName,
    Table,
    UrlPath,
    Variable,
    VariableName,
    Version,
    expected,
    seconds,
    whole_number,
)
from lifecycle.servicefile.metrics import MAXIMUM_METRICS, METRICS, MetricTable, names_are_unique

# A stage's Lambda polls for at most 14 minutes; stop, start and self-test of the host must end within that time.
TURN_SECONDS = 800
# CodeBuild ends a build after an hour (infra/constructs/build_project.py); the rest is for clone and artifact.
BUILD_SECONDS = 3300
# A rollout waits at most so long for a release command.
RELEASE_SECONDS = 3300
# A scheduled command may take a day at most.
MAXIMUM_RUN_SECONDS = 86_400
_DEFAULT = Policy()


class ManifestParts(NamedTuple):
    """The part of a lifecycle.toml that goes into the manifest."""

    run: Run
    is_alive: Check
    self_test: Check
    policies: dict[str, Policy]
    metrics: tuple[Measure, ...]
    metrics_path: str | None
    config: ConfigNames
    environments: dict[str, dict[str, str]]
    release: ReleaseCommand | None
    processes: dict[str, ProcessCommand]
    schedules: dict[str, Schedule]
    supersede: bool


class BuildTable(Table):
    """`[build]`: the commands that run on a clone, in this order, and the folder to pack."""

    commands: tuple[Command, ...] = fields.commands()
    unit_tests: tuple[Command, ...] = fields.commands()
    integration_tests: tuple[Command, ...] = fields.commands()
    artifact: Folder = Field(default=".", description=fields.ARTIFACT)
    environment: dict[VariableName, Variable] = fields.variables()
    cache: BuiltFolders = fields.built_folders()
    cache_key: tuple[Folder, ...] = fields.key_files()
    submodules: bool = Field(default=False, strict=True, description="true or false")
    lfs: bool = Field(default=False, strict=True, description="true or false")
    supersede: bool | None = Field(default=None, strict=True, description="true or false")
    timeout_seconds: int = whole_number(1, BUILD_SECONDS, 900, "seconds")

    @model_validator(mode="after")
    def _cache_has_a_key(self) -> "BuildTable":
        if bool(self.cache) != bool(self.cache_key):
            what = "both cache and cache_key, or neither: a cache is named by the files that decide its content"
            raise expected(what, found="one of them", at=("build", "cache" if self.cache else "cache_key"))
        return self

    @model_validator(mode="after")
    def _lists_are_within_limit(self) -> "BuildTable":
        lists = sum(bool(each) for each in (self.commands, self.unit_tests, self.integration_tests))
        if lists * self.timeout_seconds > BUILD_SECONDS:
            what = (
                f"at most {BUILD_SECONDS // lists} seconds for each of {lists} lists of commands, "
                "because a build ends after 60 minutes"
            )
            raise expected(what, found=str(self.timeout_seconds), at=("build", "timeout_seconds"))
        return self


class RunTable(Table):
    """`[run]`: how a host starts and stops the service."""

    command: Command = Field(description=fields.COMMAND)
    http: bool = Field(default=True, strict=True, description="true or false")
    protocol: Literal["http"] = Field(default="http", description=without_http.PROTOCOL)
    port: int = whole_number(1, 65535, 8080)
    environment: dict[VariableName, Variable] = fields.variables()
    start_seconds: float = seconds(1, 600, 30)
    stop_seconds: float = seconds(0, 300, 10)
    needs: tuple[CommandName, ...] = fields.needs()

    def to_run(self) -> Run:
        """Return the manifest's part. A service without HTTP has no port."""
        declared = Run(**self.model_dump(exclude={"protocol"}))
        return declared if self.http else replace(declared, port=0)


class ProcessTable(Table):
    """`[processes.NAME]`: another process of the service, which starts and stops together with that of `[run]`."""

    command: Command = Field(description=fields.COMMAND)
    stop_seconds: float = seconds(0, 300, 10)


class ScheduleTable(Table):
    """`[schedules.NAME]`: a command that one host of the cluster runs at the minutes that `cron` names."""

    command: Command = Field(description=fields.COMMAND)
    cron: Cron = Field(description=cron.EXPECTED)
    timeout_seconds: float = seconds(1, MAXIMUM_RUN_SECONDS, 3600)


class ConfigTable(Table):
    """`[config]`: the names that the service takes from its cluster's configuration."""

    required: tuple[ConfigName, ...] = fields.config_names()
    optional: tuple[ConfigName, ...] = fields.config_names()

    @model_validator(mode="after")
    def _names_are_unique(self) -> "ConfigTable":
        names = (*self.required, *self.optional)
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise expected("each name once, in required or in optional", found=f"{repeated[0]} twice")
        return self


class ReleaseTable(Table):
    """`[release]`: the command that runs once for each deployment, before any host is drained."""

    command: Command = Field(description=fields.COMMAND)
    timeout_seconds: float = seconds(1, RELEASE_SECONDS, 300)


class IsAliveTable(Table):
    """`checks.is_alive`: the load balancer's continuous health check."""

    path: UrlPath = Field(default="/is_alive", description=fields.URL_PATH)
    timeout_seconds: float = seconds(0.1, 60, 2)
    also: tuple[UrlPath, ...] = fields.other_paths()


class SelfTestTable(Table):
    """`checks.self_test`: the test that a host runs once per start, before the service gets traffic."""

    path: UrlPath | None = Field(default=None, description=fields.URL_PATH)
    command: Command | None = Field(default=None, description=fields.COMMAND)
    timeout_seconds: float = seconds(0.1, 600, 10)

    @model_validator(mode="after")
    def _one_of_two(self) -> "SelfTestTable":
        if self.path is not None and self.command is not None:
            raise expected("either path or command", found="both")
        return self


class ChecksTable(Table):
    """`[checks]`; a string instead of a table is its path."""

    is_alive: IsAliveTable = Field(
        default=IsAliveTable(), description='a path such as "/is_alive", or a table { path = …, timeout_seconds = … }'
    )
    self_test: SelfTestTable = Field(
        default=SelfTestTable(), description='a path such as "/self_test", or a table { path = … } or { command = … }'
    )
    metrics: UrlPath | None = Field(default=None, description=fields.URL_PATH)

    @field_validator("is_alive", "self_test", mode="before")
    @classmethod
    def _path_alone(cls, value: Any) -> Any:
        return {"path": value} if isinstance(value, str) else value


class StagingTable(Table):
    """`[environments.staging]`: the deployment policy of this environment, and its own variables."""

    environment: dict[VariableName, Variable] = fields.variables()
    automatic: bool = Field(default=_DEFAULT.automatic, strict=True, description="true or false")
    approval: Literal["none", "before_first_host", "after_first_host"] = Field(
        default="none", description='"none", "before_first_host" or "after_first_host"'
    )
    approval_expires_seconds: int = whole_number(60, 604_800, _DEFAULT.approval_expires_seconds, "seconds")
    approval_by_another: bool = Field(default=False, strict=True, description="true or false")
    decision_expires_seconds: int = whole_number(60, 604_800, _DEFAULT.decision_expires_seconds, "seconds")
    max_unavailable: Hosts = Field(default=_DEFAULT.max_unavailable, description=fields.SOME_HOSTS)
    min_healthy: Hosts = Field(default=_DEFAULT.min_healthy, description=fields.HOSTS)
    max_unreachable: Hosts = Field(default=_DEFAULT.max_unreachable, description=fields.HOSTS)
    frozen: tuple[FrozenWindow, ...] = Field(
        default=(), max_length=20, description=fields.FROZEN, json_schema_extra={"each": fields.FROZEN_WINDOW}
    )
    drain_seconds: int = whole_number(1, 840, _DEFAULT.drain_seconds, "seconds")
    settle_seconds: int = whole_number(0, 120, _DEFAULT.settle_seconds, "seconds")
    alive_seconds: int = whole_number(1, 840, _DEFAULT.alive_seconds, "seconds")
    min_alive_seconds: int = whole_number(0, 600, _DEFAULT.min_alive_seconds, "seconds")
    watch_minutes: int = whole_number(0, 1440, _DEFAULT.watch_minutes, "minutes")
    on_alarm: Literal["halt", "roll_back"] = Field(
        default=_DEFAULT.on_alarm.value, description='"halt" or "roll_back"'
    )
    bake_minutes: int = whole_number(0, 1440, _DEFAULT.bake_minutes, "minutes")
    on_fail: Literal["halt", "roll_back"] = Field(default=_DEFAULT.on_fail.value, description='"halt" or "roll_back"')
    after_bake: Literal["go_on", "ask"] = Field(default=_DEFAULT.after_bake.value, description='"go_on" or "ask"')

    after: Literal["none", ""] = Field(default="none", description='"none": no environment comes before staging')

    @field_validator("max_unavailable")
    @classmethod
    def _is_not_zero(cls, value: HostCount) -> HostCount:
        if value == 0:
            raise expected(fields.SOME_HOSTS, found="0")
        return value

    def to_policy(self) -> Policy:
        chosen = {
            "approval": ApprovalGate(self.approval),
            "on_alarm": OnAlarm(self.on_alarm),
            "on_fail": OnFail(self.on_fail),
            "after_bake": AfterBake(self.after_bake),
            "after": self._after(),
        }
        return Policy(**{**self.model_dump(exclude={"environment"}), **chosen})

    def _after(self) -> After:
        return After.NONE


class ProductionTable(StagingTable):
    """`[environments.production]`: as staging, but never automatic."""

    automatic: Literal[False] = Field(default=False, description="false: only staging may be automatic")
    after: Literal["staging", "none", ""] | None = Field(  # type: ignore[assignment] # another environment's values
        default=None, description='"staging", or "none" (or "") for no environment that comes first'
    )

    def _after(self) -> After:
        return After.DEFAULT if self.after is None else After(self.after or "none")


class EnvironmentsTable(Table):
    """`[environments]`."""

    staging: StagingTable | None = Field(default=None, description="a table [environments.staging]")
    production: ProductionTable | None = Field(default=None, description="a table [environments.production]")


class ServiceFile(Table):
    """A whole lifecycle.toml; only `name`, `version` and `run.command` have no default."""

    name: Name = Field(description=fields.NAME)
    version: Version = Field(description=fields.VERSION)
    paths: tuple[Path, ...] = Field(
        default=(), max_length=50, description=fields.PATHS, json_schema_extra={"each": fields.PATH}
    )
    run: RunTable = Field(description="a table [run]")
    processes: dict[ProcessName, ProcessTable] = Field(
        default_factory=dict,
        max_length=fields.MAXIMUM_PROCESSES,
        description=fields.PROCESSES,
        json_schema_extra={"each": "a table such as [processes.worker]"},
    )
    schedules: dict[ProcessName, ScheduleTable] = Field(
        default_factory=dict,
        max_length=fields.MAXIMUM_PROCESSES,
        description=fields.SCHEDULES,
        json_schema_extra={"each": "a table such as [schedules.report]"},
    )
    build: BuildTable = Field(default=BuildTable(), description="a table [build]")
    checks: ChecksTable = Field(default=ChecksTable(), description="a table [checks]")
    config: ConfigTable = Field(default=ConfigTable(), description="a table [config]")
    release: ReleaseTable | None = Field(default=None, description="a table [release]")
    environments: EnvironmentsTable = Field(default=EnvironmentsTable(), description="a table [environments]")
    metrics: Annotated[tuple[MetricTable, ...], AfterValidator(names_are_unique)] = Field(
        default=(), max_length=MAXIMUM_METRICS, description=METRICS, json_schema_extra={"each": "a table [[metrics]]"}
    )

    @model_validator(mode="after")
    def _turn_is_within_limit(self) -> "ServiceFile":
        checks = self.checks.is_alive.timeout_seconds + self.checks.self_test.timeout_seconds
        stop = max(self.run.stop_seconds, *(each.stop_seconds for each in self.processes.values()), 0.0)
        total = stop + self.run.start_seconds + checks
        if total > TURN_SECONDS:
            what = (
                "the longest stop_seconds, run.start_seconds and the checks' timeout_seconds to be at most "
                f"{TURN_SECONDS} together, because that is the limit of a host's turn"
            )
            raise expected(what, found=f"{total:g}", at=("run",))
        return self

    @model_validator(mode="after")
    def _works_without_http(self) -> "ServiceFile":
        if not self.run.http and (problem := without_http.problem(self)):
            raise problem
        return self

    @model_validator(mode="after")
    def _schedules_have_their_own_names(self) -> "ServiceFile":
        if shared := sorted(self.schedules.keys() & self.processes.keys()):
            what = "a name that no process has, because both write logs of their name"
            raise expected(what, found=shared[0], at=("schedules", shared[0]))
        return self

    @model_validator(mode="after")
    def _metrics_have_a_path(self) -> "ServiceFile":
        if self.metrics and self.checks.metrics is None:
            what = f"{fields.URL_PATH}, of the service's [[metrics]]"
            raise expected(what, found="nothing", at=("checks", "metrics"))
        return self

    @model_validator(mode="after")
    def _names_have_one_source(self) -> "ServiceFile":
        declared = self.run.environment.keys() | {name for each in self._tables.values() for name in each.environment}
        for key in ("required", "optional"):
            for number, name in enumerate(getattr(self.config, key)):
                if name in declared:
                    what = "a name that no environment of this file sets: a configuration never replaces one"
                    raise expected(what, found=name, at=("config", key, number))
        return self

    @property
    def _tables(self) -> dict[str, StagingTable]:
        tables = {"staging": self.environments.staging, "production": self.environments.production}
        return {name: table for name, table in tables.items() if table}

    @property
    def base(self) -> ReleaseVersion:
        """The declared version, which begins the name of each snapshot."""
        return ReleaseVersion.parse(self.version)

    @property
    def packs_tracked_files(self) -> bool:
        """True when nothing is built: the artifact is the tracked files, without files that a test left."""
        return not self.build.commands and self.build.artifact == "."

    @property
    def supersedes(self) -> bool:
        """True when a later push ends a running build; by default if staging follows the pushes by itself."""
        staging = self.environments.staging
        automatic = bool(staging and staging.automatic)
        return automatic if self.build.supersede is None else self.build.supersede

    def to_manifest_parts(self) -> ManifestParts:
        """Return the manifest's part of the file. Without a declared self-test, the self-test is is_alive's path."""
        alive, test = self.checks.is_alive, self.checks.self_test
        path = test.path if test.path or test.command else alive.path
        checked = Check(path=alive.path, timeout_seconds=alive.timeout_seconds, also=alive.also)
        # Production's is always written: a manifest without it counts as an older build, which knew no `after`.
        tables = {"production": ProductionTable(), **self._tables}
        return ManifestParts(
            run=self.run.to_run(),
            is_alive=checked if self.run.http else Check(timeout_seconds=alive.timeout_seconds),
            self_test=Check(path=path, command=test.command, timeout_seconds=test.timeout_seconds),
            policies={name: table.to_policy() for name, table in tables.items()},
            metrics=tuple(metric.to_measure() for metric in self.metrics),
            metrics_path=self.checks.metrics,
            config=ConfigNames(self.config.required, self.config.optional),
            environments={name: table.environment for name, table in self._tables.items() if table.environment},
            release=ReleaseCommand(**self.release.model_dump()) if self.release else None,
            processes={name: ProcessCommand(**table.model_dump()) for name, table in self.processes.items()},
            schedules={name: Schedule(**table.model_dump()) for name, table in self.schedules.items()},
            supersede=self.supersedes,
        )
