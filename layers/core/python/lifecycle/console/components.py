"""The parts that every widget is made of: the context, tables, badges, filters, buttons with their confirmations."""

from collections.abc import Sequence
from typing import Any

from lifecycle.application.queries.scope import Page
from lifecycle.application.queries.state_words import Tone
from lifecycle.console.context import ENVIRONMENT, PAGE, SERVICE, ViewContext
from lifecycle.console.html import Child, Markup, action, tag, together
from lifecycle.console.theme import SIGNS, sheet
from lifecycle.domain.fleet.cluster import ENVIRONMENTS

_LONGEST_LOG = 8_000


def widget(context: ViewContext, *children: Child) -> Markup:
    """A whole widget: the stylesheet, and everything below one element of the theme."""
    return together(sheet(context.theme), tag("div", *children, class_=f"lc lc-{context.theme}"))


def failure(context: ViewContext, told: str) -> Markup:
    """What a widget shows instead of an error."""
    return widget(
        context, tag("div", badge(Tone.BAD, "not shown"), tag("p", told), class_="lc-card", role="alert")
    )


def badge(tone: Tone, text: str) -> Markup:
    """A state, by sign, word and colour."""
    sign = tag("span", f"{SIGNS[tone]} ", aria_hidden="true")
    return tag("span", sign, text, class_=f"lc-badge lc-{tone}")


def soft(*children: Child) -> Markup:
    """What is beside the point."""
    return tag("span", *children, class_="lc-soft")


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Child]]) -> Markup:
    """A table that scrolls by itself where it is too wide; its caption names it for those who do not see it."""
    head = tag("thead", tag("tr", (tag("th", each, scope="col") for each in columns)))
    body = tag("tbody", (tag("tr", (tag("td", cell) for cell in row)) for row in rows))
    inner = tag("table", tag("caption", caption), head, body)
    return tag("div", inner, class_="lc-scroll", tabindex=0, role="region", aria_label=caption)


def log(title: str, text: str) -> Markup:
    """Somebody's log, folded; its end, when it is long."""
    cut = f"… the last {_LONGEST_LOG} characters:\n" if len(text) > _LONGEST_LOG else ""
    return tag("details", tag("summary", title), tag("pre", cut + text[-_LONGEST_LOG:], tabindex=0))


def field(name: str, label: str) -> Markup:
    """A field for a reason; a textarea, because the Enter key sends nothing from one."""
    return tag("label", label, tag("textarea", "", name=name, rows=1, maxlength=1000))


def show_button(context: ViewContext, text: str, **params: Any) -> Markup:
    """A button that draws this widget again, about what it says; not about what the widget's fields say."""
    button = tag("button", text, type="button", class_="btn")
    return action(button, context.itself, {"pressed": True, **params})


def action_button(
    context: ViewContext,
    text: str,
    confirmation: str,
    params: dict[str, Any],
    *,
    kind: str = "",
    reason: str = "",
) -> Markup:
    """A button that acts, once its confirmation is read; `reason` names the field whose text goes with it."""
    button = tag("button", text, type="button", class_=f"btn {kind}".rstrip())
    given = params | ({"reason_field": reason} if reason else {})
    return action(button, context.act, given, display="popup", confirmation=confirmation)


def filters(
    context: ViewContext, page: Page, *, environments: bool = True, more: Sequence[Markup] = ()
) -> Markup | None:
    """What to look at, where there is a choice. The fields keep it when CloudWatch draws the widget again."""
    parts = list(more)
    if len(page.services) > 1:
        choices = [("", "all services"), *((name, name) for name in page.services)]
        parts.append(select("Service", SERVICE, choices, context.scope.service))
        if environments:
            both = [("", "both"), *((name, name) for name in ENVIRONMENTS)]
            parts.append(select("Environment", ENVIRONMENT, both, context.scope.environment))
    if page.of > 1:
        pages = [(str(number), f"{number} of {page.of}") for number in range(1, page.of + 1)]
        parts.append(select("Page", PAGE, pages, str(page.number)))
    if not parts:
        return None
    button = tag("button", "Show", type="button", class_="btn")
    return tag("form", parts, action(button, context.itself, {"days": context.days}), class_="lc-bar")


def select(label: str, name: str, choices: Sequence[tuple[str, str]], standing: str) -> Markup:
    """A field to choose from; the value that stands is chosen."""
    options = (tag("option", text, value=value, selected=value == standing) for value, text in choices)
    return tag("label", label, tag("select", options, name=name))
