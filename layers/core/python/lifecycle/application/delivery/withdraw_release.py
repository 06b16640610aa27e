"""The withdrawal of a release that was never deployed: no plan takes it, and its number is never used again.

Called by functions/delivery/withdraw_release. The withdrawal is recorded as begun before the clusters are read a
second time. A plan records its deployment before it reads the withdrawal (application/rollout/withdrawn.py). So one
of the two sees the other. Each ends the withdrawal by replacing the record that it read, and DynamoDB takes one.
"""

from lifecycle.application.context import Context
from lifecycle.application.delivery.cluster_use import read_use
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.application.readable import readable
from lifecycle.domain.delivery.withdrawal import blockers
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster, service_name
from lifecycle.domain.service.version import ReleaseVersion, SnapshotVersion
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState

# Deployments of a cluster that are read. One that has had more since the release was built keeps the release.
HISTORY = 5_000


def withdraw_release(context: Context, service: str, version: str, by: RequestedBy) -> CommandResult:
    """Withdraw a release that was never deployed; raises Unknown, InvalidName, and Refused with what to do."""
    catalogue, what = context.catalogue, f"the withdrawal of {service} {version}"
    service, version = service_name(service), str(ReleaseVersion.parse(version))
    releases, errors = readable(lambda: catalogue.releases(service), {})
    for error in errors:
        if error.name == version:
            raise error
    if version not in releases:
        raise Unknown("release", version, f"See `lifecycle releases {service}`.", of=service)
    snapshot = releases[version]
    found = catalogue.withdrawal(service, version)
    if found and found.done:
        raise Refused(what, [f"it was {found.in_words}"])
    if reasons := _blockers(context, service, version, snapshot):
        raise Refused(what, reasons)
    cluster = Cluster("production", service)
    context.record(cluster, f"withdraw release {version}", by.who, by.why)
    begun = Withdrawal(version, by.who, by.why, context.clock.now())
    if not catalogue.put_withdrawal(service, found, begun):
        raise Refused(what, ["another command changed its withdrawal meanwhile; try again"])
    reasons = _blockers(context, service, version, snapshot)
    if not catalogue.put_withdrawal(service, begun, begun.ending(_state(reasons))) and not reasons:
        reasons = ["a deployment of it began meanwhile, or another command ended the withdrawal; try again"]
    if reasons:
        context.record(cluster, f"end the withdrawal of release {version}", "lifecycle", "; ".join(reasons))
        raise Refused(what, reasons)
    clusters = tuple(str(Cluster(environment, service)) for environment in ENVIRONMENTS)
    return CommandResult(f"release {version} of {service} is withdrawn; it was made from {snapshot}", clusters)


def _state(reasons: list[str]) -> WithdrawalState:
    return WithdrawalState.LOST if reasons else WithdrawalState.DONE


def _blockers(context: Context, service: str, version: str, snapshot: str) -> list[str]:
    uses = [read_use(context, Cluster(environment, service), HISTORY) for environment in ENVIRONMENTS]
    return blockers(version, SnapshotVersion.parse(snapshot).built_at, uses)
