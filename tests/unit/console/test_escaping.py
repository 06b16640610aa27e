"""No text of a record becomes a tag, an attribute or a button of a widget."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lifecycle.application.console_action import ActionResult
from lifecycle.application.queries.deployment import view_deployments
from lifecycle.application.queries.dora import view_dora
from lifecycle.application.queries.history import view_history
from lifecycle.application.queries.hosts import view_hosts
from lifecycle.application.queries.pending_decisions import view_pending_decisions
from lifecycle.application.queries.pipeline import view_pipeline
from lifecycle.application.queries.scope import Scope
from lifecycle.application.queries.test_beds import view_test_beds
from lifecycle.console.action_result import draw_action_result, draw_refusal
from lifecycle.console.components import failure
from lifecycle.console.deployment import draw_deployment
from lifecycle.console.dora import draw_dora
from lifecycle.console.history import draw_history
from lifecycle.console.hosts import draw_hosts
from lifecycle.console.html import plain
from lifecycle.console.pending_decisions import draw_pending_decisions
from lifecycle.console.pipeline import draw_pipeline
from lifecycle.console.test_bed import draw_test_bed
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Request
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.service.commits import ChangeNote
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import Desk
from tests.unit.console.read_widget import ReadWidget, read_widget
from tests.unit.console.test_line_chart import BED

EVERYTHING = Scope()
# Visible texts that no widget cuts, as a person or a repository may give them.
TEXTS = st.text(min_size=1, max_size=60).filter(lambda text: text.strip() and not plain(text).isspace())
CHANGES = ChangeNote("2 commits since 1.0.0", ("Do it", "Try it"), "https://github.com/o/r/compare/a...b")
ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '</cwdb-action><cwdb-action action="call" endpoint="arn:evil">{}</cwdb-action>',
    "</style></svg></pre></details><iframe src=javascript:alert(1)>",
    "&lt;script&gt;&#60;b&#62;",
    "<!--",
    "]]>\u202egpj.exe",
)


def poisoned(model: Any, text: str) -> Any:
    """Return the model with every free text replaced; names that are validated before they are stored stay."""
    if isinstance(model, Enum | Cluster) or model is None:
        return model
    if isinstance(model, str):
        return text if model else model
    if isinstance(model, tuple | list):
        return type(model)(poisoned(each, text) for each in model)
    if isinstance(model, Mapping):
        return {key: poisoned(each, text) for key, each in model.items()}
    if is_dataclass(model) and not isinstance(model, type):
        kept = ("service", "environment") if isinstance(model, Request) else ()
        free = [each.name for each in fields(model) if each.name not in kept]
        return replace(model, **{name: poisoned(getattr(model, name), text) for name in free})
    return model


class Models(dict[str, tuple[Any, Any]]):
    """Each view's model, and the function that draws it."""

    def __repr__(self) -> str:
        # hypothesis formats the arguments of each @example; in full, that takes longer than the tests do.
        return "models"


@pytest.fixture(scope="module")
def models() -> Models:
    """A model of everything at once, and how it is drawn."""
    desk = Desk.of()
    desk.machine.deploy("1.0.0")
    desk.halted()
    desk.machine.deploy("1.0.2", requested_by="bob", reason="a mend")
    memory, now = desk.machine.memory, desk.machine.now
    memory.freezes.put(Freeze("*", "grace", "a sale", now))
    memory.fleet.quarantine_host(CLUSTER, "host-3", "a disk")
    memory.fleet.write_report(CLUSTER, replace(desk.machine.report("host-4"), seen_at=now - timedelta(hours=1)))
    query = desk.query
    shown = view_deployments(query, EVERYTHING)
    assert shown.shown
    memory.deployments.put_bed(replace(BED, deployment=shown.shown.deployment.id))
    running = replace(shown.shown.deployment.policy, bake_minutes=20)
    memory.deployments.put(replace(shown.shown.deployment, policy=running, changes=CHANGES))
    return Models(
        {
            "pipeline": (view_pipeline(query, EVERYTHING), draw_pipeline),
            "clusters": (view_hosts(query, EVERYTHING), draw_hosts),
            "deployment": (view_deployments(query, EVERYTHING), draw_deployment),
            "test bed": (view_test_beds(query, EVERYTHING), draw_test_bed),
            "questions": (view_pending_decisions(query, EVERYTHING), draw_pending_decisions),
            "history": (view_history(query, EVERYTHING), draw_history),
            "dora": (view_dora(query, EVERYTHING, 30), draw_dora),
            "pressed": (ActionResult("done", "hello-1"), draw_action_result),
        }
    )


VIEWS = ("pipeline", "clusters", "deployment", "test bed", "questions", "history", "dora", "pressed")


def drawn(models: Models, view: str, text: str) -> ReadWidget:
    model, draw = models[view]
    return read_widget(draw(poisoned(model, text), Desk.of().context()))


@pytest.mark.parametrize("view", VIEWS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=TEXTS)
@example(text=ATTACKS[0])
@example(text=ATTACKS[1])
@example(text=ATTACKS[2])
@example(text=ATTACKS[3])
@example(text=ATTACKS[4])
@example(text=ATTACKS[5])
@example(text=ATTACKS[6])
@example(text=ATTACKS[7])
def test_no_text_changes_the_shape_of_a_widget(models: Models, view: str, text: str) -> None:
    harmless, found = drawn(models, view, "x"), drawn(models, view, text)
    assert found.shape == harmless.shape
    assert len(found.buttons) == len(harmless.buttons)
    assert {each.attributes["endpoint"] for each in found.buttons} == {
        each.attributes["endpoint"] for each in harmless.buttons
    }


@pytest.mark.parametrize("view", VIEWS)
def test_markup_is_shown_as_text(models: Models, view: str) -> None:
    if view == "dora":
        assert read_widget(
            draw_dora(models[view][0], Desk.of().context())
        ).text  # it shows no text but services' names
        assert ATTACKS[0] in drawn(models, view, ATTACKS[0]).text
    else:
        assert ATTACKS[0] in drawn(models, view, ATTACKS[0]).text


@given(text=TEXTS)
def test_refusal_and_failure_show_any_text(text: str) -> None:
    context = Desk.of().context()
    for found in (draw_refusal(Unknown("service", text), context), failure(context, text)):
        assert [each[0] for each in read_widget(found).shape if each[0] in ("script", "img", "iframe")] == []
        assert " ".join(plain(text).split()) in read_widget(found).text
