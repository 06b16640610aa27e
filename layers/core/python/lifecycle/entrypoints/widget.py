"""The handlers of the console: parse CloudWatch's call, draw the widget, show any error as a sentence.

`widget` is for functions/console/show_*, which only read. `button` is for functions/console/act (docs/console.md).
"""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from aws_lambda_powertools.logging import Logger
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lifecycle.application.console_action import ConsoleAction
from lifecycle.application.queries.scope import Scope
from lifecycle.console.components import failure
from lifecycle.console.context import BY, DEPLOYMENT, ENVIRONMENT, FIND, PAGE, SERVICE, SORT, UNTIL, ViewContext
from lifecycle.console.html import Markup
from lifecycle.console.theme import Theme
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.foreign_json import object_of, whole_text
from lifecycle.domain.identity import in_console
from lifecycle.domain.rollout.actions import Action
from lifecycle.domain.rollout.decision import Choice
from lifecycle.entrypoints import caller
from lifecycle.entrypoints.recordable import Recordable
from lifecycle.entrypoints.wrong_fields import wrong_fields
from lifecycle.gateways.aws.callers import PROOF
from lifecycle.gateways.aws.clock import SystemClock
from lifecycle.gateways.aws.errors import failure as failure_in_words
from lifecycle.names import function

C = TypeVar("C", bound="_Call")
Draw: TypeAlias = Callable[[C, ViewContext], Markup]
Handler: TypeAlias = Callable[[dict[str, Any], Any], Any]
# It records an event whose parameters are invalid, and why.
Record: TypeAlias = Callable[[dict[str, Any], Any, str], None]

logger = Logger()
clock = SystemClock()


class _Forms(BaseModel):
    model_config = ConfigDict(frozen=True)
    all: dict[str, Any] = Field(default_factory=dict)


class _Context(BaseModel):
    """CloudWatch's description of the widget; unknown fields are ignored, because CloudWatch may add some."""

    model_config = ConfigDict(frozen=True)
    theme: str = Theme.LIGHT
    width: float = Field(default=800, allow_inf_nan=False)
    forms: _Forms = Field(default_factory=_Forms)
    identified: bool = False  # a laptop's console says so; CloudWatch does not know who presses a button


class _Call(Recordable):
    """A call of CloudWatch: the parameters of the widget or of the button, and the widget's context."""

    model_config = ConfigDict(frozen=True, populate_by_name=True)
    context: _Context = Field(default_factory=_Context, alias="widgetContext")

    def field(self, name: str) -> str | None:
        """Return the content of a field of the widget; None if there is no such field."""
        found = self.context.forms.all.get(name)
        return None if found is None else str(found).strip()


class WidgetCall(_Call):
    """A call that draws a widget; unknown parameters are ignored.

    The fields of the widget override its parameters, because CloudWatch repeats the parameters at every
    refresh. After a button was `pressed`, the parameters count: they are the button's.
    """

    service: str = ""
    environment: str = ""
    deployment: str = ""
    page: int = Field(default=1, ge=1, le=10_000)
    find: str = ""
    sort: str = ""
    days: int = Field(default=30, ge=1, le=366)
    pressed: bool = False

    @property
    def scope(self) -> Scope:
        page = self.chosen(PAGE, str(self.page))
        return Scope(
            self.chosen(SERVICE, self.service),
            self.chosen(ENVIRONMENT, self.environment),
            int(page) if page.isdecimal() and len(page) < 6 else self.page,
            self.chosen(FIND, self.find),
            self.chosen(SORT, self.sort),
        )

    @property
    def chosen_deployment(self) -> str:
        """The name of the chosen deployment; empty if none was chosen."""
        return self.chosen(DEPLOYMENT, self.deployment)

    def chosen(self, name: str, parameter: str) -> str:
        """Return the content of a field, or the parameter where there is no field or a button was pressed."""
        found = None if self.pressed else self.field(name)
        return parameter if found is None else found


class Button(_Call):
    """A call that acts; an unknown parameter is refused.

    CloudWatch does not say who pressed a button, so `by` is what somebody typed. A laptop's console sends a proof.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True, extra="forbid")
    action: Action
    by: str = Field(default="", max_length=200)
    proven: bool = False
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
    run: str = ""
    subject: str = ""
    version_field: str = ""
    preview: bool = False
    drawn_from: str = Field(default="", max_length=400, validation_alias="seen")  # the key on buttons

    def to_action(self) -> ConsoleAction:
        """Return the action, with the reason from its field."""
        parameters = self.model_dump(exclude={"context", "by", "proven", "why", "reason_field", "version_field"})
        parameters["version"] = self.version or self.field(self.version_field) or ""
        parameters["until"] = (self.field(UNTIL) or "")[:100]
        why = self.why or self.field(self.reason_field) or ""
        said = self.by or self.field(BY) or ""
        by = self.by if self.proven else in_console(said[:200])
        return ConsoleAction(by=by, why=why[:1000], **parameters)


def widget(shows: str, parameters: str) -> Callable[[Draw[WidgetCall]], Handler]:
    """Return a decorator for a handler that draws; CloudWatch's `describe` call is answered in Markdown."""
    docs = f"## Lifecycle\n{shows}\n\nParameters, all of them optional: {parameters}."
    return lambda draw: _handler(WidgetCall, draw, docs)


def button(press: Draw[Button]) -> Handler:
    """Return a handler that acts, and draws the result or the refusal."""
    act = _handler(Button, press, "Performs the actions of the console's buttons; it has no widget.", _record_invalid)

    def handle(event: dict[str, Any], context: Any) -> Any:
        event = object_of(event)
        if event.get("describe") or event.get("warm"):
            return act(event, context)
        given = {name: value for name, value in event.items() if name != "proven"}
        if PROOF not in given:
            return act(given, context)
        try:
            who = caller.of(given, context)
        except LifecycleError as error:
            caller.record_refusal(event, str(context.function_name), caller.NOBODY.name, str(error))
            return _failed(_view_context(event, context), _sentence(error))
        return act({**caller.unsigned(given), "by": who.name, "proven": True}, context)

    return handle


def _record_invalid(event: dict[str, Any], context: Any, why: str) -> None:
    """Record who pressed a button that no page draws."""
    by = str(event.get("by") or "")[:200]
    who = by if event.get("proven") else in_console(by)
    caller.record_refusal(event, str(event.get("action") or context.function_name)[:100], who, why)


def _nothing(_event: dict[str, Any], _context: Any, _why: str) -> None:
    """Record nothing: a widget only reads."""


def _handler(kind: type[C], draw: Draw[C], docs: str, record: Record = _nothing) -> Handler:
    def handle(event: dict[str, Any], context: Any) -> Any:
        event = object_of(event)
        if event.get("describe"):
            logger.info("described")
            return {"markdown": docs}
        return _answer(kind, draw, event, context, record)

    return handle


def _answer(kind: type[C], draw: Draw[C], event: dict[str, Any], context: Any, record: Record) -> Any:
    if event.get("warm"):
        logger.info("warm")
        return {}
    view_context = _view_context(event, context)
    try:
        call = kind.model_validate(event)
        drawn = str(draw(call, view_context))
    except ValidationError as error:
        why = f"The parameters are invalid: {wrong_fields(error)}. See docs/console.md."
        record(event, context, why)
        return _failed(view_context, why)
    except LifecycleError as error:
        return _failed(view_context, _sentence(error))
    except Exception as error:  # a sentence in the widget says more than an empty place; the log has the rest
        logger.exception("unexpected error")
        words = failure_in_words(error) or "This widget failed unexpectedly; see the log of its function"
        return _failed(view_context, f"{words}.")
    logger.info("drawn", extra={"bytes": len(drawn)})
    return drawn


def _sentence(error: LifecycleError) -> str:
    return f"{str(error)[:1].upper()}{str(error)[1:].rstrip('.')}."


def _failed(view_context: ViewContext, sentence: str) -> str:
    sentence = whole_text(sentence)
    logger.warning("refused", extra={"reason": sentence})
    return str(failure(view_context, sentence))


def _view_context(event: dict[str, Any], context: Any) -> ViewContext:
    """Return the context as far as the event can be read, because an error is drawn in it too."""
    try:
        call = WidgetCall.model_validate(event)
    except ValidationError:
        call = WidgetCall()
    arn = str(getattr(context, "invoked_function_arn", ""))
    return ViewContext(
        theme=Theme.DARK if call.context.theme == Theme.DARK else Theme.LIGHT,
        width=max(280, min(int(call.context.width), 4000)),
        itself=arn,
        act=f"{arn.rpartition(':function:')[0]}:function:{function('act')}",
        now=clock.now(),
        scope=call.scope,
        days=call.days,
        identified=call.context.identified,
    )
