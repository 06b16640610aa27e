"""The configuration of a request: which revision it takes, and what is recorded of that.

Used by observe.py, before each plan.
"""

from collections.abc import Mapping, Sequence

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request
from lifecycle.domain.rollout.planned_config import PlannedConfig
from lifecycle.domain.service.configuration import changed_between


def planned_config(
    context: Context,
    request: Request,
    desired: Desired | None,
    recent: Sequence[Deployment],
    reports: Mapping[str, HostReport],
) -> PlannedConfig:
    """Return the configuration of a request, without its values."""
    revision, running = _revision(context, request, desired, recent), _running(desired, reports)
    if not revision and not running:
        return PlannedConfig()
    # A record that cannot be read hides the names of its revision, and nothing else.
    recorded, _ = readable(lambda: context.configurations.recorded(request.cluster), ())
    names = next((each.names for each in recorded if each.revision == revision), None)
    changed = changed_between(recorded, running, revision)
    return PlannedConfig(revision, running, names if revision else (), changed)


def _running(desired: Desired | None, reports: Mapping[str, HostReport]) -> int:
    """Return the desired revision, or the newest that a host runs where none runs the desired one."""
    if desired is None or not desired.config:
        return 0
    run = {each.config for each in reports.values() if each.running and each.config}
    return desired.config if desired.config in run or not run else max(run)


def _revision(context: Context, request: Request, desired: Desired | None, recent: Sequence[Deployment]) -> int:
    if request.config is not None:
        return request.config
    match request.kind:
        case Kind.CONVERGE:  # asked for by a control plane of before
            return desired.config if desired and desired.version == request.version else 0
        case Kind.ROLLBACK:
            done = (each.target for each in recent if each.state is DeploymentState.DONE)
            return next((each.config for each in done if each.version == request.version), 0)
        case Kind.DEPLOY:
            return context.configurations.newest(request.cluster)
