"""The safe side of each kind of record that cannot be read: what is still done, and what is not."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lifecycle.application.context import Context
from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.monitoring.watch_alarms import watch
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.queries.hosts import view_hosts
from lifecycle.application.queries.pending_decisions import view_pending_decisions
from lifecycle.application.queries.pipeline import view_pipeline
from lifecycle.application.queries.scope import Scope
from lifecycle.application.rollout import stages
from lifecycle.application.rollout.finish import finish
from lifecycle.application.rollout.next_step import decide_next
from lifecycle.application.rollout.plan import begin, preview
from lifecycle.application.rollout.rollback import rollback_target
from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.domain.errors import Refused, StoreRefused, UnreadableRecord
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.deployment import DeploymentState, Kind, Request
from lifecycle.gateways.aws.table import cluster_key, deployment_key, reports_key
from tests.support.account import CURRENT, FIRST, HELLO, OTHER, OTHERS, QUESTION, Account

NEW = "other-production-20261123120000-ab15"
DESIRED = "/lifecycle/production/other/desired"


def damage(account: Account, pk: str, sk: str, body: str = "{}") -> str:
    """Damage an item; return its key."""
    account.ledger.store({**account.ledger.items[pk][sk], "body": {"S": body}})
    return f"{pk} {sk}"


def key_of(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


@pytest.fixture
def account() -> Account:
    return Account.of()


@pytest.fixture
def context(account: Account) -> Context:
    return account.context


def request(version: str = "1.0.1", **changes: Any) -> Request:
    return replace(Request(NEW, "other", "production", version, "grace"), **changes)


def test_host_with_an_unreadable_report_is_unreachable_and_its_neighbours_are_listed(account: Account) -> None:
    key = damage(account, reports_key(HELLO), "host-3")
    (found,) = view_hosts(account.query, Scope("hello", "production")).clusters
    assert [host.report.host for host in found.hosts] == ["host-1", "host-2", "host-3"]
    assert [row for row in found.unreadable if key in row]
    assert found.hosts[2].unreachable_since is not None
    assert found.hosts[2].state is TargetState.HEALTHY, "it is bound, so its address is known without its report"


def test_report_that_names_another_host_does_not_replace_that_one(account: Account, context: Context) -> None:
    own = account.ledger.items[reports_key(OTHER)]["host-1"]["body"]["S"]
    damage(account, reports_key(OTHER), "host-2", own)
    reports = context.fleet.reports(OTHER)
    assert reports["host-1"].installed == "1.0.0"
    assert reports["host-2"].installed == ""


def test_every_widget_of_a_cluster_has_the_row_of_its_pending_slot(account: Account) -> None:
    key = damage(account, cluster_key(HELLO), "QUEUE")
    scope = Scope("hello", "production")
    assert any(key in row for row in view_hosts(account.query, scope).clusters[0].unreadable)
    assert any(key in row for row in view_pipeline(account.query, scope).unreadable)
    assert any(key in row for row in view_pending_decisions(account.query, scope).unreadable)


def test_no_other_host_is_drained_while_a_report_is_unreadable(account: Account, context: Context) -> None:
    damage(account, reports_key(OTHER), "host-2")
    found = preview(context, request())
    assert any("draining host-1 would leave 1 healthy of 3 hosts" in each for each in found.blockers)
    assert any("host-2 counts as unreachable" in each for each in found.warnings)


def test_stage_of_a_host_with_an_unreadable_report_fails_and_touches_nothing(
    account: Account, context: Context
) -> None:
    key = damage(account, reports_key(HELLO), "host-3")
    context.deployments.begin_attempt(HostAttempt(CURRENT, "host-3", 1, 2, CURRENT, account.clock.now()))
    found = stages.drain(context, HostTask(HELLO, CURRENT, 2, "host-3", 1))
    assert found.outcome == "FAILED"
    assert key in found.reason
    assert account.dispatcher.states[HELLO]["10.0.0.3"] is TargetState.HEALTHY


def test_updated_host_with_an_unreadable_report_is_not_updated_again(account: Account, context: Context) -> None:
    """It looks empty, as a host that was replaced does."""
    account.ledger.forget(key_of(deployment_key(CURRENT), "ATTEMPT#host-2#001"))
    account.ledger.forget(key_of(deployment_key(CURRENT), f"QUESTION#{QUESTION}"))
    damage(account, reports_key(HELLO), "host-1")
    step = decide_next(context, HELLO, CURRENT, CURRENT)
    assert step.kind == "UPDATE_HOSTS"
    assert [each["host"] for each in step.hosts] == ["host-2"]


def test_registered_host_with_an_unreadable_report_fails_at_once(account: Account, context: Context) -> None:
    key = damage(account, reports_key(HELLO), "host-3")
    now = account.clock.now()
    context.deployments.put_attempt(HostAttempt(CURRENT, "host-3", 1, 2, CURRENT, now, AttemptState.REGISTERED))
    found = stages.await_alive(context, HostTask(HELLO, CURRENT, 2, "host-3", 1))
    assert (found.outcome, key in found.reason) == ("FAILED", True)
    assert account.clock.now() == now
    assert account.dispatcher.states[HELLO]["10.0.0.3"] is TargetState.HEALTHY


def test_unreadable_lease_counts_as_held(account: Account, context: Context) -> None:
    key = damage(account, cluster_key(OTHER), "LEASE", '{"epoch": 1}')
    planned = begin(context, request(), NEW)
    assert planned.kind == "REFUSED"
    assert key in planned.reason
    (result,) = converge_all(context, "c0de", "schedule", OTHER)
    assert (result.kind, key in result.reason) == ("HOLD", True)


def test_deployment_whose_lease_is_unreadable_is_fenced(account: Account, context: Context) -> None:
    key = damage(account, cluster_key(HELLO), "LEASE")
    found = stages.drain(context, HostTask(HELLO, CURRENT, 2, "host-3", 1))
    assert (found.outcome, key in found.reason) == ("STALE", True)


def test_unreadable_freeze_freezes_its_scope(account: Account, context: Context) -> None:
    frozen = dict(account.ledger.items["FREEZES"]["staging"])
    account.ledger.store({**frozen, "sk": {"S": "production"}, "body": {"S": "not json"}})
    found = preview(context, request())
    assert any("FREEZES production" in each for each in found.blockers)
    (unreadable,) = (each for each in context.freezes.all() if each.scope == "production")
    assert context.freezes.lift(unreadable)
    assert not any("FREEZES" in each for each in preview(context, request()).blockers)


def test_unreadable_attempt_counts_as_failed_and_a_human_decides(account: Account, context: Context) -> None:
    key = damage(account, deployment_key(CURRENT), "ATTEMPT#host-2#001")
    account.ledger.forget(key_of(deployment_key(CURRENT), f"QUESTION#{QUESTION}"))
    step = decide_next(context, HELLO, CURRENT, CURRENT)
    assert (step.kind, step.question) == ("AWAIT_HUMAN", QUESTION)
    assert key in step.reason


@pytest.mark.parametrize("sk", [f"QUESTION#{QUESTION}", "TESTBED#001"])
def test_deployment_with_an_unreadable_question_or_test_bed_stops(
    account: Account, context: Context, sk: str
) -> None:
    key = damage(account, deployment_key(CURRENT), sk)
    with pytest.raises(StoreRefused, match=key):
        decide_next(context, HELLO, CURRENT, CURRENT)
    assert converge_all(context, "c0de", "schedule", OTHER)[0].kind == "REPAIR"


def test_rollout_goes_on_with_the_hosts_that_report_without_their_order(account: Account, context: Context) -> None:
    damage(account, deployment_key(CURRENT), "HOSTS", '"host-1"')
    assert decide_next(context, HELLO, CURRENT, CURRENT).kind == "AWAIT_HUMAN"


def test_deploy_replaces_an_unreadable_desired_version_and_says_so(account: Account, context: Context) -> None:
    account.parameters.values[DESIRED] = "not json"
    planned = begin(context, request(), NEW)
    assert planned.kind == "PLANNED"
    assert DESIRED in planned.reason
    found = context.registry.desired(OTHER)
    assert found is not None
    assert found.deployment == NEW
    assert any(DESIRED in entry.what for entry in context.audit_log.read(OTHER))


def test_convergence_repairs_nothing_while_the_desired_version_is_unreadable(
    account: Account, context: Context
) -> None:
    account.parameters.values[DESIRED] = "not json"
    (result,) = converge_all(context, "c0de", "schedule", OTHER)
    assert (result.kind, DESIRED in result.reason) == ("HOLD", True)


def test_convergence_resumes_a_deployment_though_the_desired_version_is_unreadable(
    account: Account, context: Context
) -> None:
    account.parameters.values["/lifecycle/production/hello/desired"] = "{}"
    account.executions.rollouts[CURRENT] = {}
    (result,) = converge_all(context, "c0de", "schedule", HELLO)
    assert result.kind == "RESUME"


def test_lease_of_an_unreadable_deployment_is_not_freed(account: Account, context: Context) -> None:
    key = damage(account, cluster_key(HELLO), f"DEPLOYMENT#{CURRENT}")
    account.clock.sleep(timedelta(hours=1).total_seconds())
    (result,) = converge_all(context, "c0de", "schedule", HELLO)
    assert (result.kind, key in result.reason) == ("FAILED", True)
    assert context.leases.current(HELLO).deployment == CURRENT


def test_convergence_brings_new_hosts_nothing_older_than_an_unreadable_deployment(
    account: Account, context: Context
) -> None:
    newer = request("1.0.0", deployment="other-production-20261123113000-ab11")
    last = context.deployments.get(OTHER, OTHERS)
    assert last is not None
    context.deployments.put(replace(last, request=newer, epoch=2, state=DeploymentState.ABORTED))
    context.registry.set_desired(OTHER, Desired("1.0.0", "d", 2, newer.deployment))
    own = account.ledger.items[reports_key(OTHER)]["host-1"]["body"]["S"]
    damage(account, reports_key(OTHER), "host-1", own.replace('"installed": "1.0.0"', '"installed": ""'))
    assert converge_all(context, "c0de", "schedule", OTHER)[0].kind == "REPAIR"
    item = account.ledger.items[cluster_key(OTHER)][f"DEPLOYMENT#{OTHERS}"]
    account.ledger.store({**item, "sk": {"S": "DEPLOYMENT#other-production-20261123120000-ab12"}})
    assert converge_all(context, "c0de", "schedule", OTHER)[0].kind == "HOLD"


def test_old_unreadable_deployment_stops_no_plan_and_is_a_warning(account: Account, context: Context) -> None:
    key = damage(account, cluster_key(OTHER), f"DEPLOYMENT#{OTHERS}")
    found = preview(context, request())
    assert any(key in each for each in found.warnings)
    assert begin(context, request(), NEW).kind == "PLANNED"


def test_rollback_of_an_unreadable_deployment_names_the_way_out(account: Account, context: Context) -> None:
    key = damage(account, cluster_key(OTHER), f"DEPLOYMENT#{OTHERS}")
    with pytest.raises(Refused, match="lifecycle deploy other VERSION") as refused:
        rollback_target(context, OTHER)
    assert key in str(refused.value)


def test_deployment_that_waits_replaces_an_unreadable_slot(account: Account, context: Context) -> None:
    damage(account, cluster_key(HELLO), "QUEUE")
    name = "hello-production-20261123120000-ab15"
    planned = begin(context, Request(name, "hello", "production", "1.0.2", "grace"), name)
    assert planned.kind == "QUEUED"
    waiting = context.queue.waiting(HELLO)
    assert waiting is not None
    assert waiting.request.deployment == name


def test_deployment_ends_though_the_pending_slot_is_unreadable(account: Account, context: Context) -> None:
    damage(account, cluster_key(HELLO), "QUEUE")
    assert finish(context, HELLO, CURRENT, DeploymentState.ABORTED, "as agreed").outcome == "ABORTED"
    assert context.leases.current(HELLO).deployment == ""


@pytest.mark.parametrize("holds", [True, False])
def test_alarm_is_not_followed_to_an_older_deployment_than_an_unreadable_one(
    account: Account, context: Context, *, holds: bool
) -> None:
    if not holds:
        finish(context, HELLO, CURRENT, DeploymentState.ABORTED, "as agreed")
    key = damage(account, cluster_key(HELLO), f"DEPLOYMENT#{CURRENT}")
    (found,) = watch(context, account.alarms)
    assert (found.kind, key in found.reason) == ("FAILED", True)


def test_old_unreadable_deployment_stops_no_alarm(account: Account, context: Context) -> None:
    before = watch(context, account.alarms)
    damage(account, cluster_key(HELLO), f"DEPLOYMENT#{FIRST}")
    assert watch(context, account.alarms) == before


def test_host_with_an_unreadable_report_is_removed_once_no_unknown_target_serves(
    account: Account, context: Context
) -> None:
    damage(account, reports_key(OTHER), "host-2")
    by = RequestedBy("ada", "its machine is gone")
    with pytest.raises(Refused, match=r"10\.0\.1\.2 in the load balancer is of no known host"):
        remove_host(context, OTHER, "host-2", by)
    account.dispatcher.states[OTHER]["10.0.1.2"] = TargetState.UNHEALTHY
    remove_host(context, OTHER, "host-2", by)
    assert sorted(context.fleet.reports(OTHER)) == ["host-1", "host-3"]


def test_number_of_an_unreadable_release_stays_taken(account: Account) -> None:
    damage(account, "SERVICE#hello", "RELEASE#1.0.1")
    with pytest.raises(StoreRefused) as refused:
        account.catalogue.releases("hello")
    assert set(refused.value.readable) == {"1.0.0", "1.0.1"}  # type: ignore[attr-defined]


def test_repair_is_refused_while_the_desired_version_is_unreadable(account: Account, context: Context) -> None:
    account.parameters.values[DESIRED] = "not json"
    planned = begin(context, request(kind=Kind.CONVERGE), NEW)
    assert (planned.kind, DESIRED in planned.reason) == ("REFUSED", True)


@pytest.mark.parametrize("read", ["latest", "current"])
def test_agent_names_the_item_that_it_cannot_read(account: Account, read: str) -> None:
    from apps.agent.aws import DynamoReports, DynamoTurns  # noqa: PLC0415 (it imports boto3)

    damage(account, reports_key(HELLO), "host-2")
    damage(account, f"TURNS#{HELLO}", "host-2")
    readers: dict[str, Callable[[], object]] = {
        "latest": DynamoReports(account.ledger, "ledger", HELLO, "host-2").latest,
        "current": DynamoTurns(account.ledger, "ledger", HELLO, "host-2").current,
    }
    with pytest.raises(UnreadableRecord, match=r"unreadable: (REPORTS|TURNS)#production/hello host-2"):
        readers[read]()
