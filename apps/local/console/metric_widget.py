"""Reads a metric widget's properties: which metrics it draws.

In CloudWatch's shorthand, `.` repeats a word of the entry above, and `...` repeats all of its words. The embedded AWS
computes no expressions. So a SEARCH is resolved here, against the published metrics. Other expressions are reported
as problems and not drawn.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from apps.local.console.ports import Metric, MetricQuery

Known = Callable[[str, str], Sequence[Metric]]
MOST_LINES = 60
# The longest view and its period, both in seconds: CloudWatch's own choice, but finer below 1 h.
_PERIODS = ((900, 10), (3600, 60), (10_800, 60), (86_400, 300), (259_200, 900))
_LONGEST = 3600
_SEARCH = re.compile(
    r"""\s*SEARCH\(\s*(['"])(?P<query>.*)\1\s*,\s*(['"])(?P<stat>[^'"]+)\3\s*(?:,\s*\d+\s*)?\)\s*""", re.DOTALL
)
_SCHEMA = re.compile(r"\s*\{\s*([^{}]+)\}(.*)", re.DOTALL)
_TERM = re.compile(r"""(NOT\s+)?(?:"?([\w/]+)"?\s*=\s*)?(?:"([^"]*)"|'([^']*)'|([^\s"'()=]+))""")
_PROP = re.compile(r"\$\{(?:PROP\('([^']+)'\)|(\w+))\}")


@dataclass(frozen=True, slots=True)
class Chart:
    """The queries of a widget's lines, and its problems: what cannot be drawn here."""

    queries: tuple[MetricQuery, ...]
    problems: tuple[str, ...] = ()


def period_of(seconds: int) -> int:
    """Return the seconds that one value covers in a view of `seconds`."""
    return next((period for longest, period in _PERIODS if seconds <= longest), _LONGEST)


def chart(properties: Mapping[str, Any], seconds: int, known: Known) -> Chart:
    """Return the chart of a widget, at the period that fits a view of `seconds`."""
    queries: list[MetricQuery] = []
    problems: list[str] = []
    usual = str(properties.get("stat", "Average"))
    period = period_of(seconds)
    for parts, options in _entries(properties.get("metrics", ())):
        if options.get("visible") is False:
            continue
        right = options.get("yAxis") == "right"
        stat, label = str(options.get("stat", usual)), str(options.get("label", ""))
        if expression := options.get("expression"):
            found = list(_searched(str(expression), label, known))
            queries += [replace(each, period=period, right=right) for each in found]
            if not _SEARCH.fullmatch(str(expression)):
                problems.append(f"the embedded AWS cannot compute {expression}")
        elif (metric := _metric(parts)) is not None:
            queries.append(MetricQuery(metric, stat, period, _label(label, metric, ""), right))
        else:
            problems.append(f"expected a namespace, a name and pairs of dimensions, found {list(parts)}")
    if len(queries) > MOST_LINES:
        problems.append(f"the first {MOST_LINES} of {len(queries)} lines are drawn")
    return Chart(tuple(queries[:MOST_LINES]), tuple(problems))


def _entries(given: Any) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Yield each entry in full: its words and its options."""
    above: tuple[str, ...] = ()
    for entry in given if isinstance(given, Sequence) and not isinstance(given, str) else ():
        options = entry[-1] if entry and isinstance(entry[-1], Mapping) else {}
        words = [str(each) for each in entry if not isinstance(each, Mapping)]
        if "..." in words:
            after = words[words.index("...") + 1 :]
            words = [*above[: len(above) - len(after)], *after]
        written = tuple(above[at] if word == "." and at < len(above) else word for at, word in enumerate(words))
        above = written or above
        yield written, options


def _metric(parts: tuple[str, ...]) -> Metric | None:
    if len(parts) < 2 or len(parts) % 2:
        return None
    pairs = zip(parts[2::2], parts[3::2], strict=True)
    return Metric(parts[0], parts[1], tuple(sorted(pairs)))


def _searched(expression: str, label: str, known: Known) -> Iterator[MetricQuery]:
    """Yield the metrics that a SEARCH finds; the caller sets the view's period."""
    if (search := _SEARCH.fullmatch(expression)) is None:
        return
    schema = _SCHEMA.fullmatch(search["query"])
    namespace, dimensions = "", frozenset[str]()
    if schema:
        namespace, *names = (each.strip().strip('"') for each in schema[1].split(","))
        dimensions = frozenset(names)
    terms = list(_terms(schema[2] if schema else search["query"]))
    name = next((text for key, text, exact, no in terms if key == "MetricName" and exact and not no), "")
    for metric in known(namespace, name):
        same_schema = not schema or {key for key, _ in metric.dimensions} == dimensions
        if same_schema and all(_matches(metric, *term) for term in terms):
            yield MetricQuery(metric, search["stat"], _LONGEST, _label(label, metric, _short(metric)))


def _terms(query: str) -> Iterator[tuple[str, str, bool, bool]]:
    """Yield each term: its key or an empty text, its text, True for an exact match, True for an exclusion."""
    for found in _TERM.finditer(query):
        excluded, key, double, single, word = found.groups()
        text = double if double is not None else single if single is not None else word
        if text and text not in ("AND", "NOT"):
            yield key or "", text, word is None, bool(excluded)


def _matches(metric: Metric, key: str, text: str, exact: bool, excluded: bool) -> bool:  # noqa: FBT001 - a term
    if key == "MetricName":
        values = [metric.name]
    elif key == "Namespace":
        values = [metric.namespace]
    elif key:
        values = [metric.dimension(key)]
    else:
        values = [metric.namespace, metric.name, *(value for _, value in metric.dimensions)]
    whole = exact and bool(key)
    found = any(each == text if whole else text.lower() in each.lower() for each in values)
    return found is not excluded


def _label(label: str, metric: Metric, short: str) -> str:
    """Return the given label with its dynamic parts filled in; the default is `short` and the metric's name."""
    if not label:
        return f"{short} {metric.name}".strip()

    def filled(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        if name.startswith("Dim."):
            return _tail(metric.dimension(name.removeprefix("Dim.")))
        return {"MetricName": metric.name, "LABEL": metric.name, "Namespace": metric.namespace}.get(name, "")

    text = _PROP.sub(filled, label).strip()
    return text if text != label or not short else f"{text} {short}"


def _short(metric: Metric) -> str:
    """Return a short name that distinguishes a metric from others: its target group, or its dimensions."""
    values = dict(metric.dimensions)
    return _tail(values.get("TargetGroup") or " ".join(values.values()))


def _tail(value: str) -> str:
    """Shorten an ARN's tail: `targetgroup/lc-p-hello/0123456789abcdef` becomes lc-p-hello."""
    parts = value.split("/")
    return parts[1] if len(parts) == 3 and parts[0] in ("targetgroup", "app") else value
