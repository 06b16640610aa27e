"""The removal of a service: its name is free afterwards, and nothing that was built under it is deployed any more.

Called by functions/delivery/remove_service. The order matters. First the owner becomes one that no repository is, so
record_snapshot refuses every build. Then the runs are listed: none that began before can still publish. Then each
version is withdrawn, and last the name is freed. A removal that was interrupted is continued by the next one.

Records of versions stay, so that no number and no bytes are used again, and so do the audit log, the history and the
epochs. `lifecycle gc` deletes the bytes of withdrawn versions.
"""

from lifecycle.application.context import Context
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.domain.delivery.removal import ClusterRemains, former_owner, runs_of, under_way, uses
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster, service_name
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState, done


def remove_service(context: Context, service: str, by: RequestedBy) -> CommandResult:
    """Remove a service that has no clusters, hosts, deployments or runs; raises Unknown, and Refused with what to do.

    Raises SomeUnreadable for versions whose records cannot be read: they could not be withdrawn.
    """
    catalogue, what = context.catalogue, f"the removal of {service_name(service)}"
    versions = _versions(context, service)
    if (owner := catalogue.owner(service)) is None:
        if versions:
            raise Refused(what, ["it belongs to no repository: it was removed before"])
        raise Unknown("service", service, "Nothing of it was ever built here.")
    repository, closed, cluster = former_owner(owner), under_way(owner), Cluster("production", service)
    if reasons := _uses(context, service, repository):
        raise Refused(what, reasons)
    context.record(cluster, f"remove the service {service} of {repository}", by.who, by.why)
    if not catalogue.transfer_service(service, owner, closed):
        raise Refused(what, ["another command changed its owner meanwhile; try again"])
    if reasons := _uses(context, service, repository):
        context.record(cluster, f"end the removal of {service}", "lifecycle", "; ".join(reasons))
        _ = catalogue.transfer_service(service, closed, repository)  # refused: another command has ended the removal
        raise Refused(what, reasons)
    withdrawn = _withdraw_all(context, service, by)
    # A record that cannot be read only makes pushes build more.
    _ = catalogue.change_builds(repository, lambda builds: builds.recorded(service, None))
    if not catalogue.transfer_service(service, closed, ""):
        raise Refused(what, ["another command changed its owner meanwhile; look at it with `lifecycle releases`"])
    message = f"{service} is removed, and {repository} owns it no more; {withdrawn} versions are withdrawn"
    return CommandResult(message, tuple(str(Cluster(environment, service)) for environment in ENVIRONMENTS))


def _versions(context: Context, service: str) -> list[str]:
    return [*context.catalogue.snapshots(service), *context.catalogue.releases(service)]


def _uses(context: Context, service: str, repository: str) -> list[str]:
    """Return what is still there of a service, and every run that may publish a version of it."""
    known = context.registry.clusters()
    remains = []
    for cluster in (Cluster(environment, service) for environment in ENVIRONMENTS):
        waiting = context.queue.waiting(cluster)
        remains.append(
            ClusterRemains(
                cluster,
                exists=cluster in known,
                hosts={*context.fleet.names(cluster), *context.fleet.bound(cluster).places},
                holder=context.leases.current(cluster).deployment,
                waiting=waiting.request.deployment if waiting else "",
            )
        )
    runs = runs_of(service, repository, context.executions.running_deliveries())
    return [*uses(remains), *(f"the run {run} is not over: wait, or `lifecycle cancel --run {run}`" for run in runs)]


def _withdraw_all(context: Context, service: str, by: RequestedBy) -> int:
    """Withdraw every version that is recorded now; returns their number. Safe to repeat."""
    found, versions = context.catalogue.withdrawals(service), _versions(context, service)
    why, now = f"{service} was removed: {by.why}", context.clock.now()
    for version in sorted({*versions} - {*done(found)}):
        withdrawal = Withdrawal(version, by.who, why, now, WithdrawalState.DONE)
        if not context.catalogue.put_withdrawal(service, found.get(version), withdrawal):
            raise Refused(f"the removal of {service}", [f"{version} was withdrawn by another command; try again"])
    return len(versions)
