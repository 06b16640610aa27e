"""What a widget is drawn into: its theme and width, the Lambdas that its buttons call, and what was asked for."""

from dataclasses import dataclass
from datetime import datetime

from lifecycle.application.queries.scope import Scope
from lifecycle.console.theme import Theme

# The names of form fields. CloudWatch's sanitiser takes away names that a document's own properties have.
SERVICE = "lc-service"
ENVIRONMENT = "lc-environment"
PAGE = "lc-page"
DEPLOYMENT = "lc-deployment"
BY = "lc-by"


@dataclass(frozen=True, slots=True)
class ViewContext:
    """`itself` is the ARN of the Lambda that draws it, `act` of the one that buttons call; `width` in pixels."""

    theme: Theme
    width: int
    itself: str
    act: str
    now: datetime
    scope: Scope
    days: int = 30
