"""Find out whether the host or the version failed, before an operator has to decide."""

from lifecycle.application.rollout.diagnose import diagnose
from lifecycle.application.rollout.stage_guard import Outcome
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import OnHost
from lifecycle.entrypoints.handler import task


@task(OnHost)
def handle(event: OnHost) -> Outcome:
    """Try the previous version on the host that failed."""
    return diagnose(bootstrap.context(), event.task())
