"""The console over in-memory fakes: scripted hosts, a catalogue, and widgets as CloudWatch calls them."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from lifecycle.application.console_action import ActionResult
from lifecycle.application.console_actions import confirm, perform
from lifecycle.application.ports.cluster_queries import Delivery
from lifecycle.application.queries.context import QueryContext
from lifecycle.application.queries.deployment import view_deployments
from lifecycle.application.queries.dora import view_dora
from lifecycle.application.queries.history import view_history
from lifecycle.application.queries.hosts import view_hosts
from lifecycle.application.queries.pending_decisions import view_pending_decisions
from lifecycle.application.queries.pipeline import view_pipeline
from lifecycle.application.queries.scope import Scope
from lifecycle.application.queries.test_beds import view_test_beds
from lifecycle.console.confirmation import draw_confirmation
from lifecycle.console.context import ViewContext
from lifecycle.console.deployment import draw_deployment
from lifecycle.console.dora import draw_dora
from lifecycle.console.history import draw_history
from lifecycle.console.hosts import draw_hosts
from lifecycle.console.html import Markup
from lifecycle.console.pending_decisions import draw_pending_decisions
from lifecycle.console.pipeline import draw_pipeline
from lifecycle.console.test_bed import draw_test_bed
from lifecycle.console.theme import Theme
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.service.policy import Policy
from lifecycle.entrypoints.widget import Button, WidgetCall
from tests.fakes.builds import MemoryBuilds
from tests.fakes.phases import MemoryPhases
from tests.support.rollout import Machine, manifest
from tests.unit.console.read_widget import Button as ShownButton
from tests.unit.console.read_widget import ReadWidget, read_widget

# The first two are releases 1.0.0 and 1.0.1; the last is not promoted yet.
SNAPSHOTS = ("1.0.0-20261123100000-aaaaaaa", "1.0.0-20261123110000-bbbbbbb", "1.1.0-20261123113000-ccccccc")
COMMIT = "c" * 40
HERE = "arn:aws:lambda:eu-central-1:000000000000:function:lifecycle-"
VIEWS = {
    "pipeline": lambda query, call, context: draw_pipeline(view_pipeline(query, call.scope), context),
    "clusters": lambda query, call, context: draw_hosts(view_hosts(query, call.scope), context),
    "deployment": lambda query, call, context: draw_deployment(
        view_deployments(query, call.scope, call.chosen_deployment), context
    ),
    "test-bed": lambda query, call, context: draw_test_bed(view_test_beds(query, call.scope), context),
    "questions": lambda query, call, context: draw_pending_decisions(
        view_pending_decisions(query, call.scope), context
    ),
    "history": lambda query, call, context: draw_history(view_history(query, call.scope), context),
    "dora": lambda query, call, context: draw_dora(view_dora(query, call.scope, call.days), context),
}


def draw(query: QueryContext, view: str, context: ViewContext, **params: Any) -> Markup:
    """Draw a widget as its handler does."""
    call = WidgetCall.model_validate(params)
    return VIEWS[view](query, call, replace(context, scope=call.scope))


@dataclass
class Desk:
    """Four hosts of hello in production, its snapshots, and the console over them."""

    machine: Machine
    query: QueryContext

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
        memory.cluster_queries.runs.append(run)
        return cls(
            machine,
            QueryContext(
                machine.context,
                memory.catalogue,
                memory.cluster_queries,
                MemoryPhases(machine.context, memory.catalogue),
                MemoryBuilds(),
            ),
        )

    def context(self, theme: Theme = Theme.LIGHT, width: int = 800, *, identified: bool = False) -> ViewContext:
        here = (f"{HERE}show-it", f"{HERE}act", self.machine.now, Scope())
        return ViewContext(theme, width, *here, identified=identified)

    def see(self, view: str, **params: Any) -> ReadWidget:
        """Draw a widget, and read it."""
        return read_widget(draw(self.query, view, self.context(), **params))

    def planned(self, view: str, text: str, **params: Any) -> ReadWidget:
        """Press a button that shows its plan, as ada; return the confirmation, which changed nothing."""
        button = self.see(view, **params).button(text)
        assert button.params["preview"], f"{text} acts at once"
        return self.confirmation(button)

    def confirmation(self, button: ShownButton, **more: Any) -> ReadWidget:
        """Press the first button; return what it draws."""
        asked = Button.model_validate({"by": "ada", "proven": True, "why": "as agreed", **button.params, **more})
        return read_widget(draw_confirmation(confirm(self.query, asked.to_action(), "c0de"), self.context()))

    def press(self, suffix: str = "c0de", **params: Any) -> ActionResult:
        """ConsoleAction a button, as ada."""
        button = Button.model_validate({"by": "ada", "proven": True, "why": "as agreed", **params})
        return perform(self.query, button.to_action(), suffix)

    def halted(self) -> str:
        """Deploy a release that fails its self-test on host-2; return the halted deployment's name."""
        self.machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
        return self.machine.deploy("1.0.1")
