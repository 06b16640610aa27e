"""Phase 2, build: is it done, and what did it publish?"""

from lifecycle.application.delivery.build import Checked, check_build
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.events import CheckBuild
from lifecycle.entrypoints.handler import task


@task(CheckBuild)
def handle(event: CheckBuild) -> Checked:
    """RUNNING, SUCCEEDED or FAILED, with the end of the log."""
    return check_build(bootstrap.builds(), event.build)
