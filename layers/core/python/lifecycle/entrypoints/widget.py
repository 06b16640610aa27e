"""What the console's handlers share: CloudWatch's call parsed, the widget drawn, and never an error instead of one.

`widget` is for functions/console/show_*, which only read; `button` is for functions/console/act, which presses (docs/console.md).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from aws_lambda_powertools.logging import Logger
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lifecycle.application.console_actions import Action, ConsoleAction
from lifecycle.application.queries.scope import Scope
from lifecycle.console.components import failure
from lifecycle.console.context import BY, DEPLOYMENT, ENVIRONMENT, PAGE, SERVICE, ViewContext
from lifecycle.console.html import Markup
from lifecycle.console.theme import Theme
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.rollout.decision import Choice

C = TypeVar("C", bound="_Called")
Drawing: TypeAlias = Callable[[C, ViewContext], Markup]
Handler: TypeAlias = Callable[[dict[str, Any], Any], Any]

logger = Logger()


class _Forms(BaseModel):
    model_config = ConfigDict(frozen=True)
    all: dict[str, Any] = Field(default_factory=dict)


class _Context(BaseModel):
    """What CloudWatch tells about the widget; it may add to that, so that the rest is let be."""

    model_config = ConfigDict(frozen=True)
    theme: str = Theme.LIGHT
    width: float = 800
    forms: _Forms = Field(default_factory=_Forms)


class _Called(BaseModel):
    """A call of CloudWatch: the parameters of the widget or of the button, and the widget's context."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)
    context: _Context = Field(default_factory=_Context, alias="widgetContext")

    def field(self, name: str) -> str | None:
        """What a person wrote or chose in a field of the widget; None when it has no such field."""
        found = self.context.forms.all.get(name)
        return None if found is None else str(found).strip()


class WidgetCall(_Called):
    """What to look at. Other parameters are let be.

    The widget's own fields go before its parameters, for CloudWatch calls with the same parameters at every refresh;
    but a button that was `pressed` says all of it itself.
    """

    service: str = ""
    environment: str = ""
    deployment: str = ""
    page: int = Field(default=1, ge=1, le=10_000)
    days: int = Field(default=30, ge=1, le=366)
    pressed: bool = False

    @property
    def scope(self) -> Scope:
        page = self.chosen(PAGE, str(self.page))
        return Scope(
            self.chosen(SERVICE, self.service),
            self.chosen(ENVIRONMENT, self.environment),
            int(page) if page.isdecimal() and len(page) < 6 else self.page,
        )

    @property
    def chosen_deployment(self) -> str:
        """The deployment that was chosen, if one was."""
        return self.chosen(DEPLOYMENT, self.deployment)

    def chosen(self, name: str, parameter: str) -> str:
        """What a field says; the parameter where there is no such field, or a button says otherwise."""
        found = None if self.pressed else self.field(name)
        return parameter if found is None else found


class Button(_Called):
    """A press: closed, because what is not understood must not be done. `by` is whoever signed the call says."""

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")
    action: Action
    by: str = Field(default="", max_length=200)
    why: str = Field(default="", max_length=1000)
    reason_field: str = ""
    service: str = ""
    environment: str = ""
    version: str = ""
    deployment: str = ""
    question: str = ""
    host: str = ""
    attempt: int = 0
    choice: Choice | None = None
    scope: str = ""
    seen: str = Field(default="", max_length=400)

    def to_action(self) -> ConsoleAction:
        """The press that it stands for, with the reason from its field."""
        told = self.model_dump(exclude={"context", "by", "why", "reason_field"})
        why = self.why or self.field(self.reason_field) or ""
        return ConsoleAction(by=self.by or self.field(BY) or "console", why=why[:1000], **told)


def widget(shows: str, parameters: str) -> Callable[[Drawing[WidgetCall]], Handler]:
    """A handler that draws; asked to describe itself, it answers in Markdown, as CloudWatch wants it."""
    docs = f"## Lifecycle\n{shows}\n\nParameters, all of them optional: {parameters}."

    def decorate(draw: Drawing[WidgetCall]) -> Handler:
        def handle(event: dict[str, Any], context: Any) -> Any:
            if event.get("describe"):
                logger.info("described")
                return {"markdown": docs}
            return _answer(WidgetCall, draw, event, context)

        return handle

    return decorate


def button(press: Drawing[Button]) -> Handler:
    """A handler that acts, and draws what was done or why it was not."""

    def handle(event: dict[str, Any], context: Any) -> Any:
        if event.get("describe"):
            logger.info("described")
            return {"markdown": "Presses the buttons of the Lifecycle console; it shows nothing by itself."}
        return _answer(Button, press, event, context)

    return handle


def _answer(kind: type[C], draw: Drawing[C], event: dict[str, Any], context: Any) -> Any:
    if event.get("warm"):
        logger.info("warm")
        return {}
    drawing = _view_context(event, context)
    try:
        asked = kind.model_validate(event)
        drawn = str(draw(asked, drawing))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return _failed(drawing, f"The parameters are not what was expected: {wrong}. See docs/console.md.")
    except LifecycleError as error:
        return _failed(drawing, f"{str(error)[:1].upper()}{str(error)[1:]}.")
    except (ClientError, BotoCoreError) as error:
        logger.exception("a store refused")
        return _failed(
            drawing, f"A store did not answer as expected: {error}. Try again; then see this function's log."
        )
    except Exception:  # a dashboard with a hole says less than one with a sentence; the log has the rest
        logger.exception("an error that nobody expected")
        return _failed(drawing, "Something failed that nobody expected; the log of this function says where.")
    logger.info("drawn", extra={"bytes": len(drawn)})
    return drawn


def _failed(drawing: ViewContext, told: str) -> str:
    logger.warning("refused", extra={"reason": told})
    return str(failure(drawing, told))


def _view_context(event: dict[str, Any], context: Any) -> ViewContext:
    """The drawing as far as it can be read; an error has to be drawn too."""
    try:
        asked = WidgetCall.model_validate(event)
    except ValidationError:
        asked = WidgetCall()
    arn = str(getattr(context, "invoked_function_arn", ""))
    return ViewContext(
        theme=Theme.DARK if asked.context.theme == Theme.DARK else Theme.LIGHT,
        width=max(280, min(int(asked.context.width), 4000)),
        itself=arn,
        act=arn.rpartition(":function:")[0] + ":function:lifecycle-act",
        now=datetime.now(UTC),
        scope=asked.scope,
        days=asked.days,
    )
