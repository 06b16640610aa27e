"""Runs for pushes that no environment received: the hook stored them while nothing ran, or it was not answered.

Called by `lifecycle local up`. The head of each known repository without a run gets one, as `lifecycle build --head`
starts it. A commit that has a snapshot had a run, also where the record of its runs is lost.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from apps.local.aws.clients import Aws
from apps.local.errors import LaptopError
from apps.local.git.repositories import bare_repositories, clone_url, git
from apps.local.paths import Layout
from lifecycle.application.delivery.receive_push import Push, payload_of
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.executions import Executions
from lifecycle.domain.delivery.branch import wanted_snapshot
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.service.withdrawal import done, not_withdrawn
from lifecycle.names import LEDGER


def start_missed(layout: Layout, environment: Mapping[str, Any]) -> list[str]:
    """Start the runs of heads that have none; return a line about each, also about those that could not start."""
    from lifecycle.gateways.aws.catalogue import DynamoCatalogue  # noqa: PLC0415 (slow to import)
    from lifecycle.gateways.aws.executions import StepFunctionsExecutions  # noqa: PLC0415
    from lifecycle.gateways.aws.table import Table  # noqa: PLC0415

    aws, machines = Aws.of(environment), environment["state_machines"]
    executions = StepFunctionsExecutions(aws.client("stepfunctions"), machines["rollout"], machines["delivery"])
    catalogue = DynamoCatalogue(Table(aws.client("dynamodb"), LEDGER))
    return list(missed(bare_repositories(layout), executions, catalogue, datetime.now(UTC)))


def missed(
    repositories: Mapping[Path, tuple[str, ...]], executions: Executions, catalogue: Catalogue, now: datetime
) -> Iterator[str]:
    """Yield a line for each started run; `repositories` are bare ones with the services that they hold."""
    for bare, services in repositories.items():
        try:
            if (push := _head(bare, now)) and not _had_a_run(push, services, executions, catalogue):
                executions.start_delivery(push.execution, payload_of(push))
                yield f"started: {push.execution}, for a push that had no run"
        except (LaptopError, LifecycleError) as error:
            yield f"no run was started for the head of {bare}: {error}"


def _head(bare: Path, now: datetime) -> Push | None:
    """Return the head of a bare repository as a push; None before the first one."""
    if not bare.exists() or not git(bare, "for-each-ref", "--count=1", "refs/heads/"):
        return None
    branch = git(bare, "symbolic-ref", "--short", "HEAD").rstrip("\n")
    if not (commit := git(bare, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}").strip()):
        return None
    name = bare.name.removesuffix(".git")
    return Push(clone_url(bare), name, commit, branch, "lifecycle local up", "", head_read=now.isoformat())


def _had_a_run(push: Push, services: tuple[str, ...], executions: Executions, catalogue: Catalogue) -> bool:
    if executions.earlier_run(push.execution):
        return True
    return any(wanted_snapshot(_snapshots(service, catalogue), push.commit) for service in services)


def _snapshots(service: str, catalogue: Catalogue) -> Mapping[str, Mapping[str, str]]:
    return not_withdrawn(catalogue.snapshots(service), done(catalogue.withdrawals(service)))
