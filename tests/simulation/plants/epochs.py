"""Faults planted where a lost lease, or a store that was set back, differs from an ordinary one."""

from tests.simulation.planted import Edit, Planted

_LOST = "tests/unit/rollout/test_lost_leases.py"
_RESTORED = "tests/unit/rollout/test_restored_ledger.py"
_PLAN = "lifecycle.application.rollout.plan"
_EPOCHS = "lifecycle.domain.rollout.epochs"
_CONVERGE = "lifecycle.domain.convergence.decide"

FAULTS = (
    Planted(
        "a-plan-trusts-the-lease-alone",
        (14,),
        _PLAN,
        "acquire(cluster, request.deployment, now, max(found.epochs.highest, before.epoch))",
        "acquire(cluster, request.deployment, now, 0)",
        caught_by=_LOST,
        beside=(Edit(_PLAN, "    recorded = epochs.recorded(context, cluster).highest\n", "    recorded = 0\n"),),
    ),
    Planted(
        "the-desired-epoch-is-overlooked",
        (14,),
        _EPOCHS,
        "    if desired is not None and desired.epoch < IMPLAUSIBLE:",
        "    if False:",
        caught_by=_LOST,
    ),
    Planted(
        "the-epochs-of-reports-are-overlooked",
        (14,),
        _EPOCHS,
        "    acted = [report.epoch for",
        "    acted = [0 * report.epoch for",
        caught_by=_LOST,
    ),
    Planted(
        "one-host-holds-the-convergence-of-all",
        (20,),
        _EPOCHS,
        "acted[(len(acted) - 1) // 2]",
        "acted[-1]",
        caught_by=_RESTORED,
    ),
    Planted(
        "a-wrong-report-uses-up-the-epochs",
        (20,),
        _EPOCHS,
        "    acted = [report.epoch for report in reports.values() if report.epoch < IMPLAUSIBLE]",
        "    acted = [report.epoch for report in reports.values()]",
        caught_by=_LOST,
    ),
    Planted(
        "the-epochs-of-commands-are-overlooked",
        (14,),
        _EPOCHS,
        "RecordedEpoch(epoch,",
        "RecordedEpoch(0 * epoch,",
        caught_by=_LOST,
    ),
    Planted(
        "a-rollback-trusts-the-lease-alone",
        (14,),
        "lifecycle.application.rollout.rollback",
        "    newest = epochs.recorded(context, cluster).highest",
        "    newest = 0 * epochs.recorded(context, cluster).highest",
        caught_by=_LOST,
    ),
    Planted(
        "a-refused-command-is-dropped",
        (20,),
        "lifecycle.application.rollout.stage_guard",
        "        return (self.fenced() or self.fail(refused.reason)) if refused else None",
        "        return None",
        caught_by=_LOST,
    ),
    Planted(
        "a-lost-lease-ends-its-deployment",
        (20,),
        "lifecycle.domain.rollout.next_step",
        "    if lease.was_lost(mine.id, mine.epoch):",
        "    if False:",
        caught_by=_LOST,
    ),
    Planted(
        "a-deployment-of-the-past-goes-on",
        (3, 14),
        _PLAN,
        "    if recorded.established.epoch > existing.epoch:",
        "    if False:",
        caught_by=_RESTORED,
    ),
    Planted(
        "convergence-resumes-a-deployment-of-the-past",
        (3,),
        _CONVERGE,
        "    if holder and facts.set_back.ledger:",
        "    if False:",
        caught_by=_RESTORED,
    ),
    Planted(
        "convergence-brings-back-the-version-of-a-restored-store",
        (3,),
        _CONVERGE,
        "    if not facts.set_back.ledger or not (drift or facts.last is None):",
        "    if True:",
        caught_by=_RESTORED,
    ),
    Planted(
        "a-restored-pending-deployment-starts",
        (3,),
        _CONVERGE,
        "    if facts.waiting and facts.set_back.ledger:",
        "    if False:",
        caught_by=_RESTORED,
    ),
    Planted(
        "an-agent-trusts-a-restored-state",
        (14, 17),
        "apps.agent.journal",
        "        if self._state is None or not self._compared:",
        "        if self._state is None:",
        caught_by="tests/integration/agent/test_life.py",
        beside=(Edit("apps.agent.journal", "is not None and self._compared", "is not None"),),
    ),
    Planted(
        "a-stage-waits-for-a-host-that-is-further-on",
        (20,),
        "lifecycle.application.rollout.stages",
        "        if turn and (fenced := report.fences(turn)):",
        "        if turn and (fenced := report.fences(turn)) and False:",
        caught_by=_RESTORED,
    ),
)
