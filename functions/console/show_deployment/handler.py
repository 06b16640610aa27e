"""The deployment that runs, or ran last, as a timeline; a custom widget of the console, which only reads."""

from lifecycle.application.queries.deployment import view_deployments
from lifecycle.console.context import ViewContext
from lifecycle.console.deployment import draw_deployment
from lifecycle.console.html import Markup
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.widget import WidgetCall, widget


@widget(
    "Shows one deployment: each try on each host, what it asked, what it was told, and its trail.",
    "service, environment, deployment",
)
def handle(call: WidgetCall, context: ViewContext) -> Markup:
    """Read, and draw."""
    return draw_deployment(view_deployments(bootstrap.console(), call.scope, call.chosen_deployment), context)
