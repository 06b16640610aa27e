"""The agent's settings, from flags or from environment variables; a flag wins."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import host_name

_EPILOG = """\
Credentials, region and endpoints come from the usual AWS environment variables, files or instance role.
SIGTERM ends the agent and leaves the service running; `stop-service` stops the service of a folder whose
agent has ended. Its service writes to <home>/logs/service.log.
"""


@dataclass(frozen=True, slots=True)
class Settings:
    """Who this host is, where its ledger and releases are, and how often to look; times in seconds."""

    host: str
    cluster: Cluster
    address: str
    port: int
    home: Path
    zone: str = ""
    table: str = ""
    bucket: str = ""
    idle_seconds: float = 5.0
    busy_seconds: float = 0.05
    heartbeat_seconds: float = 3.0
    metrics_seconds: float = 60.0


@dataclass(frozen=True, slots=True)
class StopService:
    """Stop the service of a folder, and do nothing else."""

    home: Path


def parse(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Settings | StopService:
    """Read the command line; prints what is missing or wrong, and exits, as argparse does."""
    parser = _parser(environment)
    given = parser.parse_args(arguments)
    if given.home is None:
        parser.error("--home (or LIFECYCLE_AGENT_HOME) is missing: the folder for releases and state")
    home = Path(given.home).absolute()
    if given.action == "stop-service":
        return StopService(home)
    names = ("host", "environment", "service", "address", "port", "table", "bucket")
    if missing := [f"--{name}" for name in names if getattr(given, name) in (None, "")]:
        parser.error(f"expected also {', '.join(missing)}")
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
    )


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m apps.agent",
        description="Lifecycle's host agent: installs releases on this host, under its turn only.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "action",
        nargs="?",
        choices=("run", "stop-service"),
        default="run",
        help="what to do (run, if not said)",
    )

    def option(flag: str, variable: str, meaning: str, default: object = None, kind: type = str) -> None:
        says = f"{meaning} [{variable}]" + (f" (default {default})" if default not in (None, "") else "")
        parser.add_argument(f"--{flag}", type=kind, default=environment.get(variable, default), help=says)

    option("host", "LIFECYCLE_HOST", "this host's name, unique in its cluster")
    option("environment", "LIFECYCLE_ENVIRONMENT", "staging or production")
    option("service", "LIFECYCLE_SERVICE", "the service that this host runs")
    option(
        "address", "LIFECYCLE_ADDRESS", "the address that the service binds to, as the load balancer knows it"
    )
    option("port", "LIFECYCLE_PORT", "the port that the service binds to", kind=int)
    option("zone", "LIFECYCLE_ZONE", "the availability zone", "")
    option("home", "LIFECYCLE_AGENT_HOME", "the folder for releases, logs and state; private to one agent")
    option("table", "LEDGER_TABLE", "the DynamoDB table with turns and reports")
    option("bucket", "ARTIFACT_BUCKET", "the S3 bucket with releases and snapshots")
    option("idle-seconds", "LIFECYCLE_IDLE_SECONDS", "how often to look for a turn", 5.0, float)
    option("busy-seconds", "LIFECYCLE_BUSY_SECONDS", "how often to look while standing by", 0.05, float)
    option("heartbeat-seconds", "LIFECYCLE_HEARTBEAT_SECONDS", "how often at least to report", 3.0, float)
    option("metrics-seconds", "LIFECYCLE_METRICS_SECONDS", "how often to read the metrics", 60.0, float)
    return parser
