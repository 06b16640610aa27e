"""The console over in-memory twins: scripted hosts, a catalogue, and widgets as CloudWatch calls them."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from lifecycle.application.console_actions import Pressed, press
from lifecycle.application.ports.cluster_queries import Delivery
from lifecycle.application.queries.context import Console
from lifecycle.application.queries.deployment import courses
from lifecycle.application.queries.dora import figures
from lifecycle.application.queries.history import past
from lifecycle.application.queries.hosts import fleet
from lifecycle.application.queries.pending_decisions import all_waiting
from lifecycle.application.queries.pipeline import pipeline
from lifecycle.application.queries.scope import Wanted
from lifecycle.application.queries.test_beds import beds
from lifecycle.console.context import Frame
from lifecycle.console.deployment import draw_deployment
from lifecycle.console.dora import draw_dora
from lifecycle.console.history import draw_history
from lifecycle.console.hosts import draw_clusters
from lifecycle.console.html import Markup
from lifecycle.console.pending_decisions import draw_questions
from lifecycle.console.pipeline import draw_pipeline
from lifecycle.console.test_bed import draw_test_bed
from lifecycle.console.theme import Theme
from lifecycle.domain.fleet.host import Stage
from lifecycle.domain.service.policy import Policy
from lifecycle.entrypoints.widget import Button, Look
from tests.support.rollout import Machine, manifest
from tests.unit.console.reading import Seen, seen

# The first two are releases 1.0.0 and 1.0.1; the last is not promoted yet.
SNAPSHOTS = ("1.0.0-20261123100000-aaaaaaa", "1.0.0-20261123110000-bbbbbbb", "1.1.0-20261123113000-ccccccc")
COMMIT = "c" * 40
HERE = "arn:aws:lambda:eu-central-1:000000000000:function:lifecycle-"
VIEWS = {
    "pipeline": lambda console, look, frame: draw_pipeline(pipeline(console, look.wanted), frame),
    "clusters": lambda console, look, frame: draw_clusters(fleet(console, look.wanted), frame),
    "deployment": lambda console, look, frame: draw_deployment(
        courses(console, look.wanted, look.one), frame
    ),
    "test-bed": lambda console, look, frame: draw_test_bed(beds(console, look.wanted), frame),
    "questions": lambda console, look, frame: draw_questions(all_waiting(console, look.wanted), frame),
    "history": lambda console, look, frame: draw_history(past(console, look.wanted), frame),
    "dora": lambda console, look, frame: draw_dora(figures(console, look.wanted, look.days), frame),
}


def draw(console: Console, view: str, frame: Frame, **params: Any) -> Markup:
    """A widget as its handler draws it."""
    look = Look.model_validate(params)
    return VIEWS[view](console, look, replace(frame, wanted=look.wanted))


@dataclass
class Desk:
    """Four hosts of hello in production, and its snapshots; widgets are looked at, buttons pressed."""

    machine: Machine
    console: Console

    @classmethod
    def of(cls, policy: Policy | None = None) -> "Desk":
        machine = Machine(policy=policy)
        memory = machine.memory
        for number, snapshot in enumerate(SNAPSHOTS):
            made = manifest(snapshot)
            machine.publish(made)
            facts = {"commit": COMMIT, "digest": made.digest, "branch": "main", "built": "-"}
            memory.catalogue.record_snapshot("hello", snapshot, facts)
            if number < 2:
                memory.catalogue.claim_release("hello", snapshot, f"1.0.{number}")
        run = Delivery(f"hello-{COMMIT}", "SUCCEEDED", machine.now - timedelta(minutes=30))
        memory.sights.runs.append(run)
        return cls(machine, Console(machine.context, memory.catalogue, memory.sights))

    def frame(self, theme: Theme = Theme.LIGHT, width: int = 800) -> Frame:
        return Frame(theme, width, f"{HERE}show-it", f"{HERE}act", self.machine.now, Wanted())

    def see(self, view: str, **params: Any) -> Seen:
        """What a widget shows."""
        return seen(draw(self.console, view, self.frame(), **params))

    def press(self, suffix: str = "c0de", **params: Any) -> Pressed:
        """Press a button, as ada."""
        button = Button.model_validate({"by": "ada", "why": "as told", **params})
        return press(self.console, button.press(), suffix)

    def halted(self) -> str:
        """Deploy a release that fails its self-test on host-2; the name of the halted deployment."""
        self.machine.host("host-2").breaks["1.0.1"] = Stage.SELF_TESTING
        return self.machine.deploy("1.0.1")
