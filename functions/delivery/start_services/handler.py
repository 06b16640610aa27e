"""Start a delivery for each service that a push changed; a state of statemachines/delivery.asl.json."""

from lifecycle.application.delivery.several import StartedServices, start_services
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.delivery_events import StartServices
from lifecycle.entrypoints.handler import task


@task(StartServices)
def handle(event: StartServices) -> StartedServices:
    """Start one delivery for each service, once, and return their names."""
    executions, catalogue, push = bootstrap.executions(), bootstrap.catalogue(), event.push()
    return start_services(executions, catalogue, push, event.execution, event.services, event.unchanged)
