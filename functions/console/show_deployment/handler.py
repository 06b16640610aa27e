"""Widget of one deployment: the running or the last one, as a timeline; it only reads."""

from lifecycle.application.queries.deployment import view_deployments
from lifecycle.console.context import ViewContext
from lifecycle.console.deployment import draw_deployment
from lifecycle.console.html import Markup
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import WidgetCall, widget


@widget(
    "Shows one deployment: each attempt on each host, its decisions and approvals, and its trail.",
    "service, environment, deployment",
)
def handle(call: WidgetCall, context: ViewContext) -> Markup:
    """Read the view, and draw it."""
    return draw_deployment(view_deployments(bootstrap.console(), call.scope, call.chosen_deployment), context)
