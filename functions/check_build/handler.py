"""Phase 2, build: is it done, and what did it publish?"""

from lifecycle import wiring
from lifecycle.application.delivery.build import Checked, check_build
from lifecycle.events import CheckBuild
from lifecycle.phase import task


@task(CheckBuild)
def handle(asked: CheckBuild) -> Checked:
    """RUNNING, SUCCEEDED or FAILED, with the end of the log."""
    return check_build(wiring.builds(), asked.build)
