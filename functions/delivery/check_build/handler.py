"""Check whether a build has ended; a state of statemachines/delivery.asl.json."""

from lifecycle.application.delivery.check_build import Checked, check_build
from lifecycle.application.delivery.failed_run import noted
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.delivery_events import CheckBuild
from lifecycle.entrypoints.handler import task
from lifecycle.entrypoints.settings import from_environment
from lifecycle.gateways.aws.clock import SystemClock


@task(CheckBuild)
def handle(event: CheckBuild) -> Checked:
    """Return RUNNING, SUCCEEDED or FAILED, with the last lines of the log; end a build that is superseded."""
    builds, catalogue, look = bootstrap.builds(), bootstrap.catalogue(), from_environment().build_look
    push, clock = event.push(), SystemClock()
    found = check_build(builds, catalogue, push, event.build, event.execution, clock, look)
    return noted(catalogue, bootstrap.audit_log(), push, event.execution, found, clock.now())
