"""The runs of a push that changed several services of its repository.

Called by functions/delivery/start_services, in statemachines/delivery.asl.json.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from lifecycle.application.delivery.receive_push import Push, payload_of, start_once
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.executions import Executions
from lifecycle.domain.delivery.branch import Branch
from lifecycle.domain.delivery.delivery_name import service_delivery
from lifecycle.domain.errors import Refused
from lifecycle.domain.listing import listed


@dataclass(frozen=True, slots=True)
class StartedServices:
    """The runs that a push to a repository with several services started, by service."""

    runs: Mapping[str, str]
    unchanged: str = ""
    kind: str = "STARTED"


def start_services(
    executions: Executions,
    catalogue: Catalogue,
    push: Push,
    execution: str,
    services: Mapping[str, str],
    unchanged: str,
) -> StartedServices:
    """Start one delivery for each changed service, once for each execution of the push's delivery.

    `push.pushed` is the start of that execution. First the record of the branch gets what each service wants now.
    Raises Refused for the run of one service: its build says what it likes, and could start runs without an end.
    """
    if push.folder:
        why = f"the run of the service in {push.folder} builds that service only, found {listed(sorted(services))}"
        raise Refused(f"the runs that {execution} asks for", [why])

    def begun(branch: Branch) -> Branch:
        for service in services:
            branch = branch.begun(service, push.commit)
        return branch

    _ = catalogue.change_branch(push.repository, push.branch, begun)  # unreadable: nothing is superseded
    runs = {}
    for service, folder in services.items():
        name, _ = start_once(
            executions,
            service_delivery(service, execution, push.commit),
            payload_of(replace(push, folder=folder, head_read="", read_seconds=0)),
        )
        runs[service] = name
    return StartedServices(runs, unchanged)
