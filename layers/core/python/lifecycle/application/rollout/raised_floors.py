"""Raised floors: hold a running deployment to the policy floors of now.

Called by next_step.py before each step. An approval reads the floors by itself (decide.py).
"""

from lifecycle.application.context import Context
from lifecycle.application.rollout.observe import changed_a_host
from lifecycle.domain.errors import StoreRefused
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.policy_floor import SETTINGS, Floors, in_words


def held_to_floors(context: Context, current: Deployment, floors: Floors) -> Deployment:
    """Return the deployment with the stricter of its policy and of the floors of now; the change is on record.

    A floor may have been raised since the plan. One that was lowered, or cannot be read any more, changes nothing.
    Raises StoreRefused if the deployment has ended meanwhile.
    """
    if current.state.final or current.under_floors(floors.known, began=False) == current:
        return current
    held = current.under_floors(floors.known, began=changed_a_host(context, current))
    if held == current:
        return current
    pairs = [(name, getattr(current.policy, name), getattr(held.policy, name)) for name in SETTINGS]
    changed = "; ".join(f"{name} from {in_words(old)} to {in_words(new)}" for name, old, new in pairs if old != new)
    context.record_action(current.cluster, current.id, "hold to a raised policy floor", changed)
    if not context.deployments.put(held):
        raise StoreRefused(f"{current.id} has ended after it was read: decide again")
    return held
