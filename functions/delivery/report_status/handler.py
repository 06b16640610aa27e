"""Send the status of a commit to its forge: called when a run or a deployment changes, and by the schedule."""

import secrets

from lifecycle.application.delivery.report_status import Reported, Reporting
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.handler import program
from lifecycle.entrypoints.status_events import ReportStatus


@program(ReportStatus)
def handle(event: ReportStatus) -> list[Reported]:
    """Report one run or one deployment, or else everything that is not settled."""
    page = bootstrap.dashboard_page()
    reporting = Reporting(bootstrap.context(), bootstrap.forge(), lambda: secrets.token_hex(8), page)
    if event.run:
        return [reporting.report_run(event.run)]
    if event.deployment:
        return [reporting.report_deployment(event.cluster(), event.deployment)]
    return reporting.report_unsettled()
