"""The first state of a rollout: find the request behind the deployment's id, then plan it.

Called by functions/rollout/plan. An execution may be started by everybody whom IAM lets, with any input. So only the
records count: the request, or what a plan, an alarm or a rollback has recorded of the deployment.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from lifecycle.application.context import Context
from lifecycle.application.readable import readable
from lifecycle.application.refused_attempt import UNKNOWN, Refusal, record_refusal
from lifecycle.application.rollout.automatic import begin_automatic
from lifecycle.application.rollout.plan import Planned, begin
from lifecycle.application.rollout.supersede import is_automatic
from lifecycle.domain.errors import InvalidValue, UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import DeploymentState, Request, check_deployment_id, cluster_of
from lifecycle.domain.rollout.execution import first_execution
from lifecycle.domain.rollout.recorded_request import RecordedRequest, how_to_request, not_allowed

_LONGEST = 200


def begin_requested(context: Context, deployment: str, execution: str) -> Planned:
    """Begin the deployment of this id by its recorded request, or resume it; refuses it without one."""
    try:
        cluster = cluster_of(deployment)
        check_deployment_id(deployment, cluster)
    except InvalidValue as error:
        why = f"the input names no deployment: {error}; start with `lifecycle deploy`"
        return refuse_input(context, {"deployment": deployment, "execution": execution}, why)
    try:
        request, why = _on_record(context, cluster, deployment, execution)
    except UnreadableRecord as error:
        request, why = None, str(error)
    if request is None:
        _record(context, [cluster], deployment, execution, why)
        planned = Planned("REFUSED", 0, why)
    elif not _has_begun(context, request) and is_automatic(context, request):
        planned = begin_automatic(context, request, execution)
    else:
        planned = begin(context, request, execution)
    return replace(planned, service=cluster.service, environment=cluster.environment)


def refuse_input(context: Context, given: Mapping[str, Any], why: str) -> Planned:
    """Record that an execution does not begin by this input, which may be any, and return the refusal.

    An input that names no cluster may be meant for each.
    """
    deployment, execution = (str(given.get(name, ""))[:_LONGEST] for name in ("deployment", "execution"))
    try:
        clusters: Sequence[Cluster] = [cluster_of(deployment)]
    except InvalidValue:
        clusters = context.registry.clusters()
    _record(context, clusters, "", execution or "of an input that is no object", why)
    return Planned("REFUSED", 0, why)


def _record(context: Context, clusters: Sequence[Cluster], deployment: str, execution: str, why: str) -> None:
    """Write the audit entry of a refusal. The caller of StartExecution is not known here; CloudTrail has it."""
    what = f"refused to start {deployment or 'a deployment'} by the execution {execution}"
    record_refusal(context.audit_log, clusters, Refusal(what, UNKNOWN, why, deployment), context.clock.now())


def _has_begun(context: Context, request: Request) -> bool:
    found, unreadable = readable(lambda: context.deployments.get(request.cluster, request.deployment), None)
    return bool(unreadable) or (found is not None and found.state is not DeploymentState.QUEUED)


def find_request(context: Context, deployment: str) -> Request | None:
    """Return the request that a failed plan was to begin, for its refusal; None if there is none.

    A plan that never answers fails after more than the 15 minutes in which a request is valid.
    """
    try:
        return _on_record(context, cluster_of(deployment), deployment, deployment, outdated=True)[0]
    except InvalidValue:
        return None


def _on_record(
    context: Context, cluster: Cluster, deployment: str, execution: str, *, outdated: bool = False
) -> tuple[Request | None, str]:
    """Return the request of a deployment, or why it may not begin; an `outdated` one may be taken too.

    Step Functions takes a name once in 90 days. So the execution of the deployment's own name is the only one that
    carries out a request, and one that was refused cannot be started again by anybody.
    """
    if first_execution(execution) != deployment:
        return None, f"the execution {execution} is not one of {deployment}, which has executions of its name only"
    # First: a deployment goes on under the request that it began with.
    existing, unreadable = readable(lambda: context.deployments.get(cluster, deployment), None)
    if existing is not None:
        return existing.request, ""
    waiting, _ = readable(lambda: context.queue.waiting(cluster), None)
    if waiting is not None and waiting.request.deployment == deployment:
        return waiting.request, ""
    if unreadable:
        raise unreadable[0]
    found = context.requests.find(deployment)
    if found is None:
        return None, how_to_request(deployment, cluster.service, cluster.environment)
    if execution != deployment:
        return None, f"{deployment} never began, and its request was for one execution: request it again"
    return (None, why) if (why := _refusal(context, cluster, found, outdated=outdated)) else (found.request, "")


def _refusal(context: Context, cluster: Cluster, found: RecordedRequest, *, outdated: bool) -> str:
    if found.request.cluster != cluster:
        return f"the request on record is for {found.request.cluster}, not for {cluster}"
    if not outdated and not found.is_valid(context.clock.now()):
        return f"it was requested at {found.at:%Y-%m-%d %H:%M} UTC, more than 15 minutes ago: request it again"
    return not_allowed(found.request, found.source)
