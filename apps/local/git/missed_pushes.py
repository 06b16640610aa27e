"""Runs for pushes that no environment received: the hook stored them while nothing ran, or it was not answered.

Called by `lifecycle local up` and `lifecycle local add`. Where the ledger has the branch at another commit than its
repository, the push is sent as the hook sends it. A commit with a snapshot had a run, even if no record has it.
"""

import http.client
from collections.abc import Collection, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from apps.local.aws.clients import Aws
from apps.local.git.post_receive_hook import PushedRef, Send, deliver, push_event
from apps.local.git.repositories import bare_repositories, clone_url, git
from apps.local.paths import Layout
from apps.local.services import hosts
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.executions import Executions
from lifecycle.domain.delivery.branch import NOTHING, wanted_snapshot
from lifecycle.domain.delivery.delivery_name import DeliveryName
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.service.withdrawal import done, not_withdrawn
from lifecycle.names import LEDGER


def start_missed(
    layout: Layout, environment: Mapping[str, Any] | None, new: Collection[str] = frozenset()
) -> list[str]:
    """Send the pushes that were missed; return a line about each, also about those that could not be sent.

    A repository whose services have no cluster yet waits for `lifecycle local add`: its deployment would be refused.
    So it may have been for a service whose clusters are `new`. Another command may have ended the environment.
    """
    if environment is None:
        return []
    from lifecycle.gateways.aws.catalogue import DynamoCatalogue  # noqa: PLC0415 (slow to import)
    from lifecycle.gateways.aws.executions import StepFunctionsExecutions  # noqa: PLC0415
    from lifecycle.gateways.aws.table import Table  # noqa: PLC0415

    aws, machines = Aws.of(environment), environment["state_machines"]
    executions = StepFunctionsExecutions(aws.client("stepfunctions"), machines["rollout"], machines["delivery"])
    catalogue = DynamoCatalogue(Table(aws.client("dynamodb"), LEDGER))
    added = hosts.services(layout)
    there = {bare: services for bare, services in bare_repositories(layout).items() if added & set(services)}
    return list(missed(there, executions, catalogue, partial(deliver, environment), new))


def missed(
    repositories: Mapping[Path, tuple[str, ...]],
    executions: Executions,
    catalogue: Catalogue,
    send: Send,
    new: Collection[str] = frozenset(),
) -> Iterator[str]:
    """Yield a line for each push that is sent; `repositories` are bare ones with the services that they hold.

    That of a service whose clusters are `new` is sent also after a run.
    """
    for bare, services in repositories.items():
        try:
            pushed = _missed(bare.resolve(), services, executions, catalogue, is_new=bool(set(new) & set(services)))
            if pushed is not None:
                _, answer = send(push_event(bare.resolve(), pushed))
                said = answer.get("message") or answer.get("error") or answer
                yield f"{answer.get('run', bare)}, for a push that had no run: {said}"
        except (LifecycleError, OSError, http.client.HTTPException) as error:
            yield f"no run was started for the head of {bare}: {error}"


def _missed(
    bare: Path, services: tuple[str, ...], executions: Executions, catalogue: Catalogue, *, is_new: bool
) -> PushedRef | None:
    """Return the push that moves the ledger's branch to the repository's head; None if that head had a run."""
    if not bare.exists() or not git(bare, "for-each-ref", "--count=1", "refs/heads/"):
        return None
    branch = git(bare, "symbolic-ref", "--short", "HEAD").rstrip("\n")
    ref = f"refs/heads/{branch}"
    if not (commit := git(bare, "for-each-ref", "--format=%(objectname)", ref).strip()):
        return None
    known = catalogue.branch(clone_url(bare), branch).head
    if known not in ("", commit):
        return PushedRef(known, commit, ref)
    if is_new or not _had_a_run(bare, commit, services, executions, catalogue):
        return PushedRef(NOTHING, commit, ref)
    return None


def _had_a_run(
    bare: Path, commit: str, services: tuple[str, ...], executions: Executions, catalogue: Catalogue
) -> bool:
    if executions.earlier_run(str(DeliveryName.of(bare.name.removesuffix(".git"), commit))):
        return True
    return any(wanted_snapshot(_snapshots(service, catalogue), commit) for service in services)


def _snapshots(service: str, catalogue: Catalogue) -> Mapping[str, Mapping[str, str]]:
    return not_withdrawn(catalogue.snapshots(service), done(catalogue.withdrawals(service)))
