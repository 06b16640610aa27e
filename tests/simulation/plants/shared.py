"""Faults planted in what hosts share: outages, targets of nobody, and the time."""

from tests.simulation.planted import Planted

_CONVERGE = "lifecycle.application.convergence.converge"
_STRAYS = "lifecycle.application.rollout.strays"

FAULTS = (
    Planted(
        "a-shared-outage-is-repaired-host-by-host",
        (30,),
        "lifecycle.domain.convergence.decide",
        "    waiting = {*unreachable, *together, *pauses}\n",
        "    waiting = {*unreachable, *pauses}\n",
        caught_by="tests/unit/convergence/test_shared_outage.py",
    ),
    Planted(
        "a-repair-that-fails-waits-for-a-human",
        (30,),
        "lifecycle.domain.rollout.next_step",
        "    if facts.deployment.request.kind is Kind.CONVERGE and not asked:\n",
        "    if False:\n",
    ),
    Planted(
        "a-target-of-nobody-stays",
        (27,),
        _CONVERGE,
        "    taken = take_out_strays(context, cluster, found, facts.set_back.ledger)\n",
        "    taken = found\n",
    ),
    Planted(
        "a-target-of-nobody-leaves-without-an-entry",
        (22, 27),
        _STRAYS,
        "        context.audit_log.append(entry)\n",
        "        _ = entry\n",
    ),
    Planted(
        "a-host-with-a-wrong-clock-counts-as-unreachable",
        (24,),
        "apps.agent.ledger_clock",
        "        return self._own() if self._zero is None else self._zero + timedelta(seconds=self._steady())\n",
        "        return self._own()\n",
    ),
    Planted(
        "lost-reports-empty-the-target-group",
        (27,),
        "lifecycle.domain.fleet.strays",
        "    if not strange or len(strange) <= len(own) + (moved if own else 0):\n",
        "    if True:\n",
        caught_by="tests/unit/convergence/test_strays.py",
    ),
    Planted(
        "unhealthy-hosts-count-for-nothing",
        (1, 30),
        "lifecycle.domain.rollout.capacity",
        "    return state.serves or (state in _REGISTERED and fails_open(rotation))\n",
        "    return state.serves\n",
        caught_by="tests/unit/rollout/test_capacity.py",
    ),
    Planted(
        "a-failed-repair-is-repeated-at-once",
        (30,),
        "lifecycle.domain.convergence.failed_repairs",
        "        elif loop is None and due and now < due and not untested:\n",
        "        elif False:\n",
        caught_by="tests/unit/convergence/test_shared_outage.py",
    ),
)
