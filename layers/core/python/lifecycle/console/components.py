"""The parts of every widget: frame, tables, badges, filters, and buttons with their confirmations."""

from collections.abc import Sequence
from typing import Any

from lifecycle.application.queries.scope import Page
from lifecycle.application.queries.state_words import Tone
from lifecycle.console.context import ENVIRONMENT, PAGE, SERVICE, ViewContext
from lifecycle.console.html import Child, Markup, action, tag, together
from lifecycle.console.theme import SIGNS, sheet
from lifecycle.domain.fleet.cluster import ENVIRONMENTS

_LONGEST_LOG = 8_000
# A widget below this width, in pixels, shows cards in place of a table of many columns.
_NARROW = 700
_COLUMN = 110  # a table of more columns needs so much for each


def widget(context: ViewContext, *children: Child) -> Markup:
    """Return a whole widget: the stylesheet, and the content below one element of the theme."""
    return together(sheet(context.theme), tag("div", *children, class_=f"lc lc-{context.theme}"))


def failure(context: ViewContext, sentence: str) -> Markup:
    """Return what a widget shows instead of an error."""
    return widget(
        context, tag("div", badge(Tone.BAD, "not shown"), tag("p", sentence), class_="lc-card", role="alert")
    )


def badge(tone: Tone, text: str) -> Markup:
    """Return a state as sign, word and colour."""
    sign = tag("span", f"{SIGNS[tone]} ", aria_hidden="true")
    return tag("span", sign, text, class_=f"lc-badge lc-{tone}")


def unreadable_rows(rows: Sequence[str]) -> Markup | None:
    """Return a row for each record that cannot be read, with its place and the command that mends it."""
    if not rows:
        return None
    listed = (tag("li", badge(Tone.BAD, "unreadable"), " ", row.removeprefix("unreadable: ")) for row in rows)
    return tag("ul", listed, role="alert")


def soft(*children: Child) -> Markup:
    """Return text of lesser weight."""
    return tag("span", *children, class_="lc-soft")


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Child]]) -> Markup:
    """Return a table that scrolls where it is too wide; screen readers read its caption."""
    head = tag("thead", tag("tr", (tag("th", each, scope="col") for each in columns)))
    body = tag("tbody", (tag("tr", (tag("td", cell) for cell in row)) for row in rows))
    inner = tag("table", tag("caption", caption), head, body)
    return tag("div", inner, class_="lc-scroll", tabindex=0, role="region", aria_label=caption)


def cards(caption: str, columns: Sequence[str], rows: Sequence[Sequence[Child]]) -> Markup:
    """Return the rows of a table as cards, each cell beside its column's name: for places that are narrower."""
    listed = [
        tag("dl", [(tag("dt", name), tag("dd", cell)) for name, cell in zip(columns, row, strict=True)])
        for row in rows
    ]
    inside = [tag("div", each, class_="lc-card lc-record", role="listitem") for each in listed]
    title = tag("h3", caption)
    return tag("div", title, tag("div", inside, role="list"), tabindex=0, role="region", aria_label=caption)


def rows_of(context: ViewContext, caption: str, columns: Sequence[str], rows: Sequence[Sequence[Child]]) -> Markup:
    """Return a table, or cards where the widget is too narrow for its columns."""
    return (cards if context.width < max(_NARROW, _COLUMN * len(columns)) else table)(caption, columns, rows)


def log(title: str, text: str) -> Markup:
    """Return a folded log, or only its end where it is long."""
    cut = f"… the last {_LONGEST_LOG} characters:\n" if len(text) > _LONGEST_LOG else ""
    return tag("details", tag("summary", title), tag("pre", cut + text[-_LONGEST_LOG:], tabindex=0))


def field(name: str, label: str, text: str = "", *, required: bool = False) -> Markup:
    """Return a field for a reason: a textarea, because the Enter key does not submit it."""
    said = f"{label} (required)" if required else label
    return tag("label", said, tag("textarea", text, name=name, rows=1, maxlength=1000, required=required))


def show_button(context: ViewContext, text: str, **params: Any) -> Markup:
    """Return a button that draws this widget again with `params`, and ignores the widget's fields."""
    button = tag("button", text, type="button", class_="btn")
    return action(button, context.itself, {"pressed": True, **params})


def action_button(
    context: ViewContext, text: str, confirmation: str, params: dict[str, Any], *, kind: str = "", reason: str = ""
) -> Markup:
    """Return a button that acts after its confirmation; `reason` names the field whose text goes with it.

    Without a confirmation it acts at once: it stands in one already (console/confirmation.py).
    """
    button = tag("button", text, type="button", class_=f"btn {kind}".rstrip())
    given = params | ({"reason_field": reason} if reason else {})
    return action(button, context.act, given, display="popup", confirmation=confirmation or None)


def confirm_button(context: ViewContext, text: str, params: dict[str, Any], *, kind: str = "") -> Markup:
    """Return a button that draws the plan or the effect of its action in place of the widget, and changes nothing.

    The confirmation asks for the reason: CloudWatch's own confirmation has no field.
    """
    button = tag("button", text, type="button", class_=f"btn {kind}".rstrip())
    return action(button, context.act, {**params, "preview": True})


def refused_button(text: str, why: Child) -> Markup:
    """Return a disabled button, and under it why its action would be refused."""
    button = tag("button", text, type="button", class_="btn", disabled=True)
    return together(button, tag("p", why))


def filters(
    context: ViewContext, page: Page, *, environments: bool = True, more: Sequence[Markup] = ()
) -> Markup | None:
    """Return the fields that choose a scope, if there is a choice; CloudWatch sends them at every refresh."""
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


def select(label: str, name: str, choices: Sequence[tuple[str, str]], current: str) -> Markup:
    """Return a field to choose from; `current` is selected."""
    options = (tag("option", text, value=value, selected=value == current) for value, text in choices)
    return tag("label", label, tag("select", options, name=name))
