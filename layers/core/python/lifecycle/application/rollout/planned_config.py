"""The configuration of a request: which revision it takes, and what is recorded of that.

Used by observe.py, before each plan.
"""

from collections.abc import Sequence

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Kind, Request
from lifecycle.domain.rollout.planned_config import PlannedConfig
from lifecycle.domain.service.configuration import changed_between


def planned_config(
    context: Context, request: Request, desired: Desired | None, recent: Sequence[Deployment]
) -> PlannedConfig:
    """Return the configuration of a request, without its values."""
    revision, running = _revision(context, request, desired, recent), desired.config if desired else 0
    if not revision and not running:
        return PlannedConfig()
    # A record that cannot be read hides the names of its revision, and nothing else.
    recorded, _ = readable(lambda: context.configurations.recorded(request.cluster), ())
    names = next((each.names for each in recorded if each.revision == revision), None)
    changed = changed_between(recorded, running, revision)
    return PlannedConfig(revision, running, names if revision else (), changed)


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
