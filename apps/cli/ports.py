"""The ports of the command line beyond those of the application: executions to read, and functions to call.

Implemented by aws.py, and by fakes in the tests.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from apps.cli.doctor.facts import AccountFacts
from apps.cli.links import Links
from lifecycle.application.context import Context
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.cluster_queries import ClusterQueries
from lifecycle.application.ports.configurations import ConfigStore
from lifecycle.application.ports.service_logs import ServiceLogs
from lifecycle.application.ports.signer import PublicKeys


@dataclass(frozen=True, slots=True)
class Run:
    """One execution of a state machine; `status` is RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED."""

    name: str
    status: str
    started_at: datetime
    stopped_at: datetime | None = None
    input: Mapping[str, Any] = field(default_factory=dict)
    output: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    cause: str = ""

    @property
    def running(self) -> bool:
        return self.status == "RUNNING"


class Runs(Protocol):
    """Executions of the two state machines."""

    def rollout(self, name: str) -> Run | None: ...

    def delivery(self, name: str) -> Run | None: ...

    def deliveries(self, *, running: bool) -> Sequence[Run]:
        """Return the newest first, without input and output; the last 50, or those of them that still run."""

    def current_step(self, name: str) -> str:
        """Describe in a few words what a delivery does now."""

    def build(self, name: str) -> str:
        """Return the id of the build that a delivery started last; empty before that, or if it started none."""


class BuildLogs(Protocol):
    """The logs of builds."""

    def read(self, build: str, position: str) -> tuple[Sequence[str], str]:
        """Return the lines after a position, and the next one. The first position is empty. The text is untrusted."""


class Functions(Protocol):
    """The phases that a person may call."""

    def call(self, phase: str, payload: Mapping[str, Any]) -> Any:
        """Call a phase and return its answer; raises FunctionRefused with the phase's message."""


@dataclass(frozen=True, slots=True)
class Connection:
    """A target, and everything that a command may read or start there.

    `target` is the first line of every output. `by` is the operator's name. A suggested command needs `flags` to
    reach the same target. `watch` polls every `poll_seconds`. `links` are the addresses of pages.
    """

    target: str
    by: str
    context: Context
    catalogue: Catalogue
    cluster_queries: ClusterQueries
    runs: Runs
    functions: Functions
    config_store: ConfigStore
    logs: ServiceLogs
    build_logs: BuildLogs
    public_keys: PublicKeys
    account: AccountFacts
    poll_seconds: float
    flags: str = ""
    links: Links = field(default_factory=Links)

    def command(self, text: str) -> str:
        """Return the whole line of a suggested command, such as `lifecycle status hello`."""
        return f"lifecycle {text}{self.flags}"
