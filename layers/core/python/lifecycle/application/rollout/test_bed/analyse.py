"""The analysis of a test bed: compare it with its control, and record the judgement.

Called by functions/rollout/analyse, once a minute of the bake. It may be repeated at any time.
"""

from dataclasses import replace

from lifecycle.application.context import Context
from lifecycle.application.ports.metrics import Metrics
from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.application.rollout.test_bed import traffic_weights
from lifecycle.application.rollout.test_bed.task import BakeTask, baking_bed, owned_deployment
from lifecycle.domain.analysis.built_in_metrics import BUILT_IN
from lifecycle.domain.analysis.downsampling import downsample
from lifecycle.domain.analysis.judge import judge
from lifecycle.domain.analysis.model import Measure, Rules
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.approvals import extensions
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.domain.rollout.test_bed.schedule import total_minutes


def analyse(context: Context, metrics: Metrics, task: BakeTask) -> Outcome:
    """Judge what was measured so far, and record it; unhealthy hosts get no traffic. Raises Unknown."""
    current = owned_deployment(context, task)
    if isinstance(current, Outcome):
        return current
    bed = baking_bed(context, task)
    if bed is None:
        return Outcome("SKIPPED", "no test bed is baking")
    traffic_weights.stop_unanswered_traffic(context, task.cluster)
    if not bed.control:
        return Outcome("SKIPPED", f"{bed.host} has no control")
    try:
        return _judge(context, metrics, current, bed)
    except LifecycleError as error:  # the next call may succeed; once the bake's time is over, a human decides
        return Outcome("FAILED", str(error))


def _judge(context: Context, metrics: Metrics, current: Deployment, bed: TestBed) -> Outcome:
    questions = context.deployments.questions(bed.deployment)
    wanted, extended = total_minutes(bed, questions), extensions(questions, bed)
    minutes = min(metrics.complete_minutes(bed.began_at, context.clock.now(), context.minute), wanted)
    if minutes < 1:
        return Outcome("SKIPPED", "no minute is complete yet")
    measures = (*BUILT_IN, *_shared_measures(context, current))
    measurements = metrics.measurements(
        current.cluster, bed.host, bed.control, measures, bed.began_at, minutes, context.minute
    )
    judgement = judge(measurements, Rules(planned_minutes=wanted), extensions=extended)
    if not _record(context, replace(bed, judgement=judgement, series=downsample(measurements.series))):
        return Outcome("SKIPPED", "the test bed has ended, or was judged with more minutes")
    return Outcome(str(judgement.verdict), judgement.sentence)


def _record(context: Context, bed: TestBed) -> bool:
    """Record the analysis; without its minutes where the store refuses them, since only the judgement decides."""
    try:
        return context.deployments.put_bed(bed)
    except Exception:  # noqa: BLE001 (each client has its own errors; a store that accepts nothing raises again)
        return context.deployments.put_bed(replace(bed, series=()))


def _shared_measures(context: Context, current: Deployment) -> list[Measure]:
    """Return the service's own metrics that both versions have; a new metric cannot be compared."""
    service, previous = current.request.service, current.previous
    before = context.artifacts.manifest(service, previous.version, previous.manifest).metrics if previous else ()
    known = {each.name for each in before}
    target = current.target
    return [
        m for m in context.artifacts.manifest(service, target.version, target.manifest).metrics if m.name in known
    ]
