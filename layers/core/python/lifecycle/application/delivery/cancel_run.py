"""The cancellation of a push's run: end its execution, and then its build.

Called by functions/delivery/cancel_run. The execution ends first, so no later state records what the build made. An
audit entry precedes both.
"""

from dataclasses import dataclass

from lifecycle.application.context import Context
from lifecycle.application.delivery.services_of_run import clusters_of_run
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.ports.builds import Builds
from lifecycle.domain.delivery.delivery_name import DeliveryName
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.rollout.actions import Action, ActionFacts, permission
from lifecycle.domain.rollout.execution import ExecutionState


@dataclass(frozen=True, slots=True)
class Cancelled:
    """A cancelled run; `build` is empty for one that had not started its build."""

    run: str
    build: str
    message: str


def cancel_run(context: Context, builds: Builds, run: str, by: RequestedBy) -> Cancelled:
    """End a run and its build; raises Unknown, and Refused for a run that has ended by itself.

    A repeat ends the build of a run that was stopped before.
    """
    name = DeliveryName.parse(run)
    state = context.executions.delivery_state(run) if name else ExecutionState.UNKNOWN
    if name is None or state is ExecutionState.UNKNOWN:
        raise Unknown("run", run, "List the runs with `lifecycle status`.")
    facts = ActionFacts(context.clock.now(), run_ended=state is ExecutionState.ENDED)
    if refusals := permission(Action.CANCEL, facts).refusals:
        raise Refused(f"the cancellation of {run}", refusals)
    _record(context, run, by)
    if state is ExecutionState.RUNNING:
        context.executions.stop_delivery(run, f"cancelled by {by.who}: {by.why}")
    if build := context.executions.build_of(run):
        builds.stop(build)
        return Cancelled(run, build, f"{run} is cancelled, and its build {build} is stopped")
    return Cancelled(run, "", f"{run} is cancelled; a build that was just starting makes no snapshot")


def _record(context: Context, run: str, by: RequestedBy) -> None:
    """Write an audit entry for each service that the run is about."""
    found = context.executions.earlier_run(run)
    for cluster in clusters_of_run(context.catalogue, run, found.repository if found else ""):
        context.record(cluster, f"cancel the run {run}", by.who, by.why)
