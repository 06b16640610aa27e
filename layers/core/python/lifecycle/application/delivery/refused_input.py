"""The input of a run that no push and no command of Lifecycle gives: an operator may start executions with any.

Asked by build.py before a run changes a record.
"""

from datetime import datetime

from lifecycle.application.delivery.receive_push import Push
from lifecycle.domain.delivery.delivery_name import DeliveryName
from lifecycle.domain.rollout.deployment import CLOCK_SKEW


def refused_input(push: Push, execution: str, started: datetime, followed: str) -> str:
    """Return why a run does not begin by this input; empty if it does.

    `followed` is the default branch, as the newest push said it; empty if no push was received.
    """
    if push.head_read and datetime.fromisoformat(push.head_read) > started + CLOCK_SKEW:
        wanted = f"expected a head that was read before {started:%Y-%m-%d %H:%M} UTC, found {push.head_read}"
        return f"{wanted}: set the clock of the machine that read it, and read it again with `lifecycle build --head`"
    name = DeliveryName.parse(execution)
    if name and name.commit != push.commit:
        wanted = f"expected commit {name.commit} in the run of that name, found {push.commit}"
        return f"{wanted}: start it with `lifecycle build --again` or `lifecycle build --head`"
    if followed not in ("", push.branch):
        wanted = f"expected {followed}, the branch of the newest push to {push.repository}, found {push.branch}"
        return f"{wanted}: if {push.branch} is the default branch now, push a commit to it"
    return ""
