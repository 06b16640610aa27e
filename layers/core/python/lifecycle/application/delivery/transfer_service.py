"""The transfer of a service to another repository, after a repository was renamed or got another owner.

Called by functions/delivery/transfer_service. record_snapshot refuses a service's builds from any other repository,
and those from any repository while a service has hosts and no owner.
"""

from lifecycle.application.context import Context
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.domain.errors import Refused, UnreadableRecord
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster


def transfer_service(context: Context, service: str, to: str, by: RequestedBy) -> CommandResult:
    """Make a repository the owner of a service, which may have none yet; raises Refused where nothing is to be done.

    The former repository's builds are refused from then on. Snapshots and releases stay. An owner that cannot be read
    is replaced, unless a newer Lifecycle has written it.
    """
    clusters = [Cluster(environment, service) for environment in ENVIRONMENTS]
    catalogue = context.catalogue
    try:
        owner, is_known = catalogue.owner(service), True
    except UnreadableRecord:
        owner, is_known = None, False
    before = owner or ("no repository" if is_known else "an owner that could not be read")
    what = f"the transfer of {service} to {to}"
    if owner == to:
        raise Refused(what, ["it belongs to that repository already"])
    context.record(Cluster("production", service), f"transfer {service} from {before} to {to}", by.who, by.why)
    if owner or not is_known:
        done = catalogue.transfer_service(service, owner, to)
    else:
        done = catalogue.claim_service(service, to) == to
    if not done:
        raise Refused(what, [f"it was transferred from {before} by another command meanwhile; look again"])
    return CommandResult(f"{service} belongs to {to} now; it belonged to {before}", tuple(map(str, clusters)))
