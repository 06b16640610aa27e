"""The agent's settings, read by __main__.py from flags or environment variables. A flag wins."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import host_name
from lifecycle.names import Variable

_EPILOG = """\
Credentials, region and endpoints come from the usual AWS environment variables, files or instance role.
SIGTERM ends the agent and leaves the service running. `stop-service` stops the service of a folder after its
agent has ended. The service's output is in <home>/logs/service.log.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """The host's identity, its ledger and bucket, and the polling periods in seconds."""

    host: str
    cluster: Cluster
    address: str
    port: int
    home: Path
    zone: str = ""
    table: str = ""
    bucket: str = ""
    idle_seconds: float = 5.0
    busy_seconds: float = 0.02
    heartbeat_seconds: float = 10.0
    metrics_seconds: float = 60.0
    metrics_always: bool = False  # at rest too, and not only while a test bed may need them
    service_user: str = ""
    trusted_keys: Path | None = None


@dataclass(frozen=True, slots=True)
class StopService:
    """The request to stop the service of a folder, and nothing else."""

    home: Path


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings | StopService:
    """Parse the command line; print what is missing or wrong and exit, as argparse does."""
    parser = _parser(environment)
    given = parser.parse_args(arguments)
    if given.home is None:
        parser.error("--home (or LIFECYCLE_AGENT_HOME) is missing: name the folder for releases and state")
    home = Path(given.home).absolute()
    if given.action == "stop-service":
        return StopService(home)
    names = ("host", "environment", "service", "address", "table", "bucket")
    if missing := [f"--{name}" for name in names if getattr(given, name) in (None, "")]:
        parser.error(f"missing: {', '.join(missing)}; see --help for their environment variables")
    return Settings(
        host=host_name(given.host),
        cluster=Cluster(given.environment, given.service),
        address=given.address,
        port=given.port,
        home=home,
        zone=given.zone,
        table=given.table,
        bucket=given.bucket,
        idle_seconds=given.idle_seconds,
        busy_seconds=given.busy_seconds,
        heartbeat_seconds=given.heartbeat_seconds,
        metrics_seconds=given.metrics_seconds,
        metrics_always=str(given.metrics_always) == "1",
        service_user=given.service_user,
        trusted_keys=Path(given.trusted_keys).absolute() if given.trusted_keys else None,
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m apps.agent",
        description="Run Lifecycle's host agent, which installs releases on this host under its commands only.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=("run", "stop-service"),
        default="run",
        help="run the agent (default), or stop the service",
    )

    def option(flag: str, variable: str, meaning: str, default: object = None, kind: type = str) -> None:
        text = f"{meaning} [{variable}]" + (f" (default {default})" if default not in (None, "") else "")
        parser.add_argument(f"--{flag}", type=kind, default=environment.get(variable, default), help=text)

    option("host", "LIFECYCLE_HOST", "this host's name, unique in its cluster")
    option("environment", "LIFECYCLE_ENVIRONMENT", "staging or production")
    option("service", "LIFECYCLE_SERVICE", "the service that this host runs")
    option("address", "LIFECYCLE_ADDRESS", "the address that the service binds to, and that no other host has")
    option("port", "LIFECYCLE_PORT", "the port that the service binds to; 0 for one without HTTP", 0, int)
    option("zone", "LIFECYCLE_ZONE", "the availability zone", "")
    option("home", "LIFECYCLE_AGENT_HOME", "the folder for releases, logs and state; private to one agent")
    option("service-user", "LIFECYCLE_SERVICE_USER", "the user of the service, for an agent of root", "")
    option("trusted-keys", "LIFECYCLE_TRUSTED_KEYS", "the file of the keys whose signatures are accepted", "")
    option("table", Variable.LEDGER_TABLE, "the DynamoDB table with commands and reports")
    option("bucket", Variable.ARTIFACT_BUCKET, "the S3 bucket with releases and snapshots")
    option("idle-seconds", "LIFECYCLE_IDLE_SECONDS", "most seconds between polls for a command", 5.0, float)
    option("busy-seconds", "LIFECYCLE_BUSY_SECONDS", "fewest seconds between polls, after a change", 0.02, float)
    option("heartbeat-seconds", "LIFECYCLE_HEARTBEAT_SECONDS", "most seconds between reports", 10.0, float)
    option("metrics-seconds", "LIFECYCLE_METRICS_SECONDS", "seconds between metric readings", 60.0, float)
    option("metrics-always", "LIFECYCLE_METRICS_ALWAYS", "1: publish metrics at rest, too", "0")
    return parser
