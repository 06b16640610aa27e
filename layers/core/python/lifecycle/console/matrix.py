"""All services on one screen: a row for each, with the facts of each environment; cards where it is narrow.

Drawn by console/hosts.py for functions/console/show_clusters. A press on a column sorts by it, and a press on a
service shows its hosts.
"""

from collections.abc import Sequence

from lifecycle.application.queries.hosts import HostsView
from lifecycle.application.queries.matrix import FACTS, HEADINGS, NOTHING, Cell, Row, arranged, rows_of
from lifecycle.console.components import field, filters, select, show_button, soft
from lifecycle.console.context import FIND, SORT, ViewContext
from lifecycle.console.html import Child, Markup, action, tag, together
from lifecycle.console.status_styles import status_badge
from lifecycle.domain.listing import counted
from lifecycle.domain.time_format import ago, minute

_ENVIRONMENTS = ("production", "staging")
# The first press on these shows the newest, or the most, first.
_BACKWARDS_FIRST = ("since", "behind")
# Pixels below which the columns of two environments do not stand side by side.
_NARROW = 900


def draw_matrix(found: HostsView, context: ViewContext) -> list[Child]:
    """Draw the services of a page that have every word of the filter, in the chosen order."""
    every = rows_of(found.cells.values())
    rows = arranged(every, context.scope.find, context.scope.sort)
    asked = context.scope.environment
    environments = [each for each in _ENVIRONMENTS if asked in ("", each)]
    fields = (
        field(FIND, "Filter: service, version, state or person", context.scope.find),
        select("Order", SORT, _orders(environments), context.scope.sort),
    )
    count = f"{len(rows)} of {counted(len(every), 'service')}" if len(rows) < len(every) else ""
    note = tag("p", soft(f"{count}. " if count else "", "Press a service to see its hosts. Times are in UTC."))
    draw = _cards if context.width < _NARROW else _table
    return [filters(context, found.page, more=fields), note, draw(rows, environments, context) if rows else None]


def cell_sentence(cell: Cell, context: ViewContext) -> list[Child]:
    """Draw what the matrix says of a cluster, on one line."""
    since: list[Child] = [" since ", _time(cell, context)] if cell.since else []
    by = f" by {cell.by}" if cell.by != NOTHING else ""
    far = f", {counted(cell.behind, 'commit')} behind the newest snapshot" if cell.behind else ""
    return [tag("strong", cell.version), " ", [*_states(cell)], *since, by, far]


def _orders(environments: Sequence[str]) -> list[tuple[str, str]]:
    found = [("", "service"), ("-", "service, backwards")]
    for each in environments:
        for fact in FACTS:
            name = f"{each}, {HEADINGS.get(fact, fact)}"
            found += [(f"{each}.{fact}", name), (f"-{each}.{fact}", f"{name}, backwards")]
    return found


def _table(rows: Sequence[Row], environments: Sequence[str], context: ViewContext) -> Markup:
    first: list[Child] = [tag("th", _sorter("", "service", context), rowspan=2, scope="col")]
    first += [tag("th", each, colspan=len(FACTS), scope="colgroup", class_="lc-first") for each in environments]
    second = [
        tag("th", _sorter(f"{each}.{fact}", HEADINGS.get(fact, fact), context), scope="col", class_=_edge(fact))
        for each in environments
        for fact in FACTS
    ]
    body = [tag("tr", _name(row, context), [_cells(row, each, context) for each in environments]) for row in rows]
    caption = "Services and environments"
    inner = tag(
        "table", tag("caption", caption), tag("thead", tag("tr", first), tag("tr", second)), tag("tbody", body)
    )
    return tag("div", inner, class_="lc-scroll lc-matrix", tabindex=0, role="region", aria_label=caption)


def _sorter(order: str, text: str, context: ViewContext) -> Markup:
    """Draw the heading of a column as a button that sorts by it, and the other way round at the next press."""
    scope, backwards = context.scope, f"-{order}"
    sign = {order: " \u25b2", backwards: " \u25bc"}.get(scope.sort, "")
    first, second = (backwards, order) if order.partition(".")[2] in _BACKWARDS_FIRST else (order, backwards)
    wanted = {
        "sort": second if scope.sort == first else first,
        "find": scope.find,
        "environment": scope.environment,
        "page": scope.page,
    }
    button = tag("button", text, sign, type="button", class_="lc-link", aria_label=f"sort by {text}")
    return action(button, context.itself, {"pressed": True, **wanted})


def _name(row: Row, context: ViewContext) -> Markup:
    return tag("td", _hosts(row, context))


def _hosts(row: Row, context: ViewContext) -> Markup:
    button = tag("button", row.service, type="button", class_="lc-link", title=f"show the hosts of {row.service}")
    return action(button, context.itself, {"pressed": True, "service": row.service})


def _edge(fact: str) -> str | None:
    return "lc-first" if fact == FACTS[0] else None


def _cells(row: Row, environment: str, context: ViewContext) -> list[Child]:
    if (cell := row.cells.get(environment)) is None:
        return [tag("td", soft("no cluster"), colspan=len(FACTS), class_="lc-first")]
    shown: tuple[Child, ...] = (cell.version, _states(cell), _time(cell, context), cell.by, cell.behind_words)
    return [tag("td", each, class_=_edge(fact)) for fact, each in zip(FACTS, shown, strict=True)]


def _states(cell: Cell) -> list[Child]:
    if not cell.states:
        return [NOTHING]
    return [[status_badge(each.status), f" {each.version} " if each.version else " "] for each in cell.states]


def _time(cell: Cell, context: ViewContext) -> Child:
    if cell.since is None:
        return NOTHING
    return tag("time", ago(cell.since, context.now), datetime=cell.since.isoformat(), title=minute(cell.since))


def _cards(rows: Sequence[Row], environments: Sequence[str], context: ViewContext) -> Markup:
    return together([_card(row, environments, context) for row in rows])


def _card(row: Row, environments: Sequence[str], context: ViewContext) -> Markup:
    lines = [
        tag("p", soft(f"{each}: "), cell_sentence(row.cells[each], context))
        for each in environments
        if each in row.cells
    ]
    return tag("section", tag("h3", _hosts(row, context)), lines, class_="lc-card", aria_label=row.service)


def back_to_all(found: HostsView, context: ViewContext) -> Child:
    """Draw the button that leads from a service back to all of them."""
    chosen = context.scope.service or context.scope.environment
    return show_button(context, "All services") if chosen and len(found.page.services) > 1 else None
