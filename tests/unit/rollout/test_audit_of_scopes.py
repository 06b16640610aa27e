"""An action or a refusal about a scope is in the audit log of somebody, whatever the scope is."""

import pytest

from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.freeze import freeze, unfreeze
from lifecycle.application.rollout.set_policy import set_floor, unset_floor
from lifecycle.domain.fleet.cluster import Cluster, clusters_of_scope
from tests.fakes.context import MemoryContext
from tests.support.account import Account, handler
from tests.support.invocation import Invocation

HELLO, SHOP, STAGING = Cluster("production", "hello"), Cluster("production", "shop"), Cluster("staging", "hello")
ADA = RequestedBy("ada", "a fair")
GHOST = "ghost-production-20261129235000-abcd"


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        ("production/hello", [HELLO]),
        ("prod/hello", [HELLO, STAGING]),
        ("production/hello/x", [HELLO]),
        ("hello", [HELLO, STAGING]),
        ("staging", [STAGING]),
        ("staging/helo", [STAGING]),
        ("*", [HELLO, SHOP, STAGING]),
        ("", [HELLO, SHOP, STAGING]),
        ("prod", [HELLO, SHOP, STAGING]),
    ],
)
def test_scope_is_of_the_clusters_that_it_may_mean(scope: str, found: list[Cluster]) -> None:
    assert clusters_of_scope(scope, [HELLO, SHOP, STAGING]) == found


def entries(memory: MemoryContext, cluster: Cluster) -> list[str]:
    return [each.what for each in memory.audit_log.read(cluster)]


@pytest.mark.parametrize("scope", ["staging", "staging/shop", "staging/helo"])
def test_freeze_of_no_cluster_is_on_record_and_changes_no_other(scope: str) -> None:
    memory = MemoryContext({HELLO: "/", SHOP: "/"})
    assert freeze(memory.context, scope, ADA).clusters == ()
    assert unfreeze(memory.context, scope, ADA).clusters == ()
    recorded = [each for each in (HELLO, SHOP) if entries(memory, each)]
    assert recorded
    assert entries(memory, recorded[0]) == [f"freeze {scope}", f"unfreeze {scope}"]


def test_floor_of_an_environment_without_clusters_is_on_record() -> None:
    memory = MemoryContext({HELLO: "/", SHOP: "/"})
    assert set_floor(memory.context, "staging", {"bake_minutes": ["5"]}, ADA).clusters == ()
    assert unset_floor(memory.context, "staging", [], ADA).clusters == ()
    for each in (HELLO, SHOP):
        assert [what.partition(" floor of ")[0] for what in entries(memory, each)] == [
            "set the policy", "unset the policy",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("function", "event"),
    [
        ("freeze", {"scope": "prod/hello", "why": "x"}),
        ("freeze", {"scope": "production/hello/x", "why": "x"}),
        ("freeze", {"scope": "nothing", "why": "x"}),
        ("freeze", {"scope": "production/helo", "why": "x", "lift": True}),
        ("freeze", {"scope": "*", "why": "x", "lift": True}),
        ("set_policy", {"scope": "prod/hello", "why": "x", "settings": {}}),
        ("approve", {"service": "hello", "environment": "production", "deployment": GHOST, "choice": "APPROVE"}),
        ("approve", {"service": "hello", "environment": "prod", "deployment": GHOST, "choice": "APPROVE"}),
        ("decide", {"service": "hello", "environment": "", "deployment": "x", "choice": "PAUSE"}),
    ],
)
def test_refused_command_is_on_record_at_the_service_that_it_names(
    monkeypatch: pytest.MonkeyPatch, function: str, event: dict[str, object]
) -> None:
    account = Account.of()
    account.use(monkeypatch)
    assert "error" in handler(function).handle({**event, "by": "mallory"}, Invocation(f"lifecycle-{function}"))
    assert f"refused: {function}" in [each.what for each in account.context.audit_log.read(HELLO)]
