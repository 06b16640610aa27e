"""The services that a run is about, so that an audit entry is where their owners read it.

Called for a run that is cancelled or refused. A run of one service says so in its name. That of a whole push has the
name of its repository, which need not be that of a service.
"""

from collections.abc import Sequence

from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.domain.delivery.delivery_name import DeliveryName
from lifecycle.domain.fleet.cluster import Cluster, is_cluster, nearest_service

_PRODUCTION = "production"


def clusters_of_run(catalogue: Catalogue, run: str, repository: str, *named: str) -> Sequence[Cluster]:
    """Return the clusters whose audit logs have the entries of a run; there is always one.

    They are those of its own service and of the services that it has `named`; else of the services that its
    `repository` was built as. Without any, it is that of the service whose name is nearest to the run's.
    """
    name = DeliveryName.parse(run)
    own = name.service if name else ""
    services = [each for each in (own, *named) if is_cluster(_PRODUCTION, each)]
    if not services:
        services = list(catalogue.builds(repository).names) if repository else []
    if not services:
        services = [nearest_service(name.repository if name else run)]
    return [Cluster(_PRODUCTION, each) for each in dict.fromkeys(services)]
