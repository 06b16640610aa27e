"""The context of a widget: its theme and width, the Lambdas that its buttons call, and its scope."""

from dataclasses import dataclass
from datetime import datetime

from lifecycle.application.queries.scope import Scope
from lifecycle.console.theme import Theme

# The names of form fields. CloudWatch's sanitiser removes names that are properties of a document.
SERVICE = "lc-service"
ENVIRONMENT = "lc-environment"
PAGE = "lc-page"
FIND = "lc-find"
SORT = "lc-sort"
DEPLOYMENT = "lc-deployment"
BY = "lc-by"
UNTIL = "lc-until"


@dataclass(frozen=True, slots=True)
class ViewContext:
    """The surroundings of one widget; `width` is in pixels.

    `itself` is the ARN of the Lambda that draws it, `act` of the one that its buttons call.
    `identified` says whether a button knows who presses it: on a laptop it does, in CloudWatch it does not.
    """

    theme: Theme
    width: int
    itself: str
    act: str
    now: datetime
    scope: Scope
    days: int = 30
    identified: bool = False

    def function(self, name: str) -> str:
        """Return the ARN of another function of the console."""
        return f"{self.act.rpartition(':function:')[0]}:function:{name}"
