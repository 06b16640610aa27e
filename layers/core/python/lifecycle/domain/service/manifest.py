"""The manifest: the declarations of a service, carried beside its artifact from build to host.

Written by apps/build, copied by `promote`, read by `plan` (policy, checks) and by the agent (run, checks).
"""

from dataclasses import dataclass, field
from datetime import datetime

from lifecycle.domain.analysis.model import Measure
from lifecycle.domain.service.commits import History
from lifecycle.domain.service.configuration import ConfigNames
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.version import artifact_prefix

MAXIMUM_ARTIFACT_BYTES = 1024**3
MAIN_PROCESS = "run"
"""The name of the process of `[run]`, which no other process of a service has."""


@dataclass(frozen=True, slots=True)
class Run:
    """The command that runs the service on a host.

    `command` goes to `sh -c` in the unpacked artifact's folder. The service's environment is the host's PATH,
    HOME and LANG, then `environment`, then HOST and PORT to bind to, LIFECYCLE_SERVICE,
    LIFECYCLE_ENVIRONMENT, LIFECYCLE_VERSION, LIFECYCLE_HOST, LIFECYCLE_PROCESS and LIFECYCLE_START. Times in seconds.
    `needs` are the commands that its host must have in that PATH (needs.py).
    Without `http` nobody calls the service: `port` is 0, and HOST and PORT are not set.
    """

    command: str
    port: int
    environment: dict[str, str] = field(default_factory=dict)
    start_seconds: float = 30.0
    stop_seconds: float = 10.0
    http: bool = True
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProcessCommand:
    """The command of another process of the service, which starts and stops together with that of `Run`.

    It runs like that one, without PORT.
    """

    command: str
    stop_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Schedule:
    """A command that one host of the cluster runs at the minutes that `cron` names, in UTC (cron.py).

    It runs like another process of the service, and must exit with 0 within the timeout.
    """

    command: str
    cron: str
    timeout_seconds: float = 3600.0


@dataclass(frozen=True, slots=True)
class Check:
    """One check: an HTTP GET of `path` that must answer 2xx, or a `command` that must exit 0; never both.

    `also` are other paths that the version answers alike, so that the load balancer may check one of them.
    """

    path: str | None = None
    command: str | None = None
    timeout_seconds: float = 10.0
    also: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[str, ...]:
        """Every path that answers this check, the declared one first."""
        return (*((self.path,) if self.path else ()), *self.also)


@dataclass(frozen=True, slots=True)
class ReleaseCommand:
    """The command that runs once for each deployment, on its first host, before any host is drained.

    `command` goes to `sh -c` in the unpacked artifact's folder, with the service's environment. It must exit with 0.
    """

    command: str
    timeout_seconds: float = 300


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of `manifest.json`, published beside `artifact.tar.gz`.

    `digest` is the sha256 of the artifact's bytes in hex, `size` their number. `metrics` are the service's
    own; `metrics_path` answers them as a JSON object of numbers. `history` has the newest commits; None in a
    manifest of an older build, and outside of Git. `config` are the names that the service takes from its cluster's
    configuration, `environments` the variables that differ from `run.environment`, by environment.
    `release` is None where the service has no release command.
    `processes` are those beside that of `run`, by name, and `schedules` the scheduled commands. `tests` are the test
    commands that passed in its build. `supersede` says that a later push ends a running build of the service.
    """

    service: str
    version: str
    commit: str
    repository: str
    branch: str
    digest: str
    size: int
    built_at: datetime
    builder: str
    run: Run
    is_alive: Check
    self_test: Check
    policies: dict[str, Policy] = field(default_factory=dict)
    snapshot: str | None = None
    metrics: tuple[Measure, ...] = ()
    metrics_path: str | None = None
    history: History | None = None
    config: ConfigNames = field(default_factory=ConfigNames)
    environments: dict[str, dict[str, str]] = field(default_factory=dict)
    release: ReleaseCommand | None = None
    processes: dict[str, ProcessCommand] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    tests: tuple[str, ...] = ()
    supersede: bool = False

    @property
    def prefix(self) -> str:
        return artifact_prefix(self.service, self.version)

    @property
    def commits(self) -> int:
        """The number of all commits in its history; 0 if that is not known."""
        return self.history.total if self.history else 0

    def policy(self, environment: str) -> Policy:
        """Return the environment's policy, or the default one if lifecycle.toml declares none."""
        return self.policies.get(environment, Policy())
