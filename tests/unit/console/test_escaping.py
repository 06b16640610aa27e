"""Whatever stands in the records, every widget keeps its shape: no text becomes a tag, an attribute or a button."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from enum import Enum
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lifecycle.application.console_actions import Pressed
from lifecycle.application.queries.deployment import courses
from lifecycle.application.queries.dora import figures
from lifecycle.application.queries.history import past
from lifecycle.application.queries.hosts import fleet
from lifecycle.application.queries.pending_decisions import all_waiting
from lifecycle.application.queries.pipeline import pipeline
from lifecycle.application.queries.scope import Wanted
from lifecycle.application.queries.test_beds import beds
from lifecycle.console.action_result import draw_pressed, draw_refused
from lifecycle.console.components import failure
from lifecycle.console.deployment import draw_deployment
from lifecycle.console.dora import draw_dora
from lifecycle.console.history import draw_history
from lifecycle.console.hosts import draw_clusters
from lifecycle.console.html import plain
from lifecycle.console.pending_decisions import draw_questions
from lifecycle.console.pipeline import draw_pipeline
from lifecycle.console.test_bed import draw_test_bed
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import Request
from lifecycle.domain.rollout.freezes import Freeze
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import Desk
from tests.unit.console.reading import Seen, seen
from tests.unit.console.test_line_chart import BED

EVERYTHING = Wanted()
# A text that shows itself: neither empty nor cut, as any that a person or a repository gives.
TEXTS = st.text(min_size=1, max_size=60).filter(lambda text: text.strip() and not plain(text).isspace())
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
    """The same model with every free text in it replaced; names that are checked before they are kept stay."""
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
    memory.fleet.write_report(
        CLUSTER, replace(desk.machine.report("host-4"), seen_at=now - timedelta(hours=1))
    )
    console = desk.console
    shown = courses(console, EVERYTHING)
    assert shown.course
    memory.deployments.put_bed(replace(BED, deployment=shown.course.deployment.id))
    running = replace(shown.course.deployment.policy, bake_minutes=20)
    memory.deployments.put(replace(shown.course.deployment, policy=running))
    return Models(
        {
            "pipeline": (pipeline(console, EVERYTHING), draw_pipeline),
            "clusters": (fleet(console, EVERYTHING), draw_clusters),
            "deployment": (courses(console, EVERYTHING), draw_deployment),
            "test bed": (beds(console, EVERYTHING), draw_test_bed),
            "questions": (all_waiting(console, EVERYTHING), draw_questions),
            "history": (past(console, EVERYTHING), draw_history),
            "dora": (figures(console, EVERYTHING, 30), draw_dora),
            "pressed": (Pressed("done", "hello-1"), draw_pressed),
        }
    )


VIEWS = ("pipeline", "clusters", "deployment", "test bed", "questions", "history", "dora", "pressed")


def drawn(models: Models, view: str, text: str) -> Seen:
    model, draw = models[view]
    return seen(draw(poisoned(model, text), Desk.of().frame()))


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
def test_no_text_changes_a_widgets_shape(models: Models, view: str, text: str) -> None:
    harmless, found = drawn(models, view, "x"), drawn(models, view, text)
    assert found.shape == harmless.shape
    assert len(found.buttons) == len(harmless.buttons)
    assert {each.attributes["endpoint"] for each in found.buttons} == {
        each.attributes["endpoint"] for each in harmless.buttons
    }


@pytest.mark.parametrize("view", VIEWS)
def test_markup_shows_as_what_it_is(models: Models, view: str) -> None:
    if view == "dora":
        assert seen(
            draw_dora(models[view][0], Desk.of().frame())
        ).text  # it shows no text but services' names
        assert ATTACKS[0] in drawn(models, view, ATTACKS[0]).text
    else:
        assert ATTACKS[0] in drawn(models, view, ATTACKS[0]).text


@given(text=TEXTS)
def test_a_refusal_and_a_failure_show_any_text(text: str) -> None:
    frame = Desk.of().frame()
    for found in (draw_refused(Unknown("service", text), frame), failure(frame, text)):
        assert [each[0] for each in seen(found).shape if each[0] in ("script", "img", "iframe")] == []
        assert " ".join(plain(text).split()) in seen(found).text
