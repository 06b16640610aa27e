"""The transfer of a service to another repository, after a repository was renamed or got another owner.

Called by functions/delivery/transfer_service. record_snapshot refuses a service's builds from
any other repository.
"""

from lifecycle.application.context import Context
from lifecycle.application.operator_command import CommandResult, RequestedBy
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster


def transfer_service(context: Context, service: str, to: str, by: RequestedBy) -> CommandResult:
    """Make a repository the owner of a service; raises Unknown, and Refused where nothing is to be done.

    The former repository's builds are refused from then on. Snapshots and releases stay.
    """
    clusters = [Cluster(environment, service) for environment in ENVIRONMENTS]
    if (owner := context.catalogue.owner(service)) is None:
        raise Unknown("owner", hint="Its first build makes its repository the owner.", of=service)
    what = f"the transfer of {service} to {to}"
    if owner == to:
        raise Refused(what, ["it belongs to that repository already"])
    context.record(Cluster("production", service), f"transfer {service} from {owner} to {to}", by.who, by.why)
    if not context.catalogue.transfer_service(service, owner, to):
        raise Refused(what, [f"it was transferred from {owner} by another command meanwhile; look again"])
    return CommandResult(f"{service} belongs to {to} now; it belonged to {owner}", tuple(map(str, clusters)))
