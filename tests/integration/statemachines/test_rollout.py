"""The rollout machine, executed: each kind of step leads to its state, and each function gets its event."""

from typing import Any

import pytest

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.entrypoints import events
from tests.integration.statemachines.conftest import Stage

pytestmark = pytest.mark.emulator

CLUSTER = {"service": "hello", "environment": "production"}
PLANNED = {"kind": "PLANNED", "epoch": 7, "reason": "4 hosts", **CLUSTER}
DONE = {"kind": "FINISH", "reason": "every host serves it", "hosts": [], "question": "", "outcome": "DONE"}
FINISHED = {"outcome": "DONE", "reason": "every host serves it"}
CHAIN = ["drain", "install", "self_test", "register", "await_alive"]


def deployment(execution: str) -> str:
    """Return the name of an execution's deployment."""
    return f"hello-production-20261123120000-{execution.replace('-', '')[:20]}"


def request(name: str) -> dict[str, Any]:
    return {"deployment": deployment(name)}


def ids(name: str) -> dict[str, Any]:
    return {
        "deployment": deployment(name),
        "service": "hello",
        "environment": "production",
        "epoch": 7,
        "execution": name,
    }


def step(kind: str, **more: Any) -> dict[str, Any]:
    return {
        "kind": kind,
        "reason": "because",
        "hosts": [],
        "question": "",
        "outcome": "",
        "execution": "",
        **more,
    }


def test_a_refused_plan_fails_with_every_reason(stage: Stage) -> None:
    stage.play(plan=[{"kind": "REFUSED", "epoch": 0, "reason": "h1 is unreachable; h2 is unreachable"}])
    ended = stage.run("rollout", "refused", request("refused"))
    assert (ended.status, ended.error, ended.cause) == (
        "FAILED",
        "Refused",
        "h1 is unreachable; h2 is unreachable",
    )
    assert stage.calls() == [("plan", {**request("refused"), "execution": "refused"})]


def test_a_plan_without_work_succeeds(stage: Stage) -> None:
    stage.play(plan=[{"kind": "NOTHING_TO_DO", "epoch": 0, "reason": "serves 1.0.1 already"}])
    ended = stage.run("rollout", "nothing", request("nothing"))
    assert (ended.status, ended.output["kind"]) == ("SUCCEEDED", "NOTHING_TO_DO")
    assert stage.phases() == ["plan"]


def test_a_deployment_that_waits_for_the_lease_ends_its_execution_and_changes_nothing(stage: Stage) -> None:
    queued = {"kind": "QUEUED", "epoch": 0, "reason": "waits for other, which deploys production/hello"}
    stage.play(plan=[queued])
    ended = stage.run("rollout", "queued", request("queued"))
    assert (ended.status, ended.output) == ("SUCCEEDED", queued)
    assert stage.phases() == ["plan"]


def test_a_pending_deployment_begins_in_an_execution_of_its_own(stage: Stage) -> None:
    stage.play(plan=[PLANNED], next_step=[DONE], finish=[FINISHED])
    assert stage.run("rollout", "queued_2", request("queued")).status == "SUCCEEDED"
    assert stage.calls("next_step") == [("next_step", {**ids("queued"), "execution": "queued_2"})]


def test_hosts_go_through_their_chain_one_step_after_the_other(stage: Stage) -> None:
    hosts = [[{"host": "h1", "attempt": 1}], [{"host": "h2", "attempt": 1}]]
    stage.play(
        plan=[PLANNED],
        next_step=[*(step("UPDATE_HOSTS", hosts=each) for each in hosts), DONE],
        finish=[FINISHED],
    )
    ended = stage.run("rollout", "two-hosts", request("two-hosts"))
    assert (ended.status, ended.output) == ("SUCCEEDED", FINISHED)
    assert stage.phases() == ["plan", "next_step", *CHAIN, "next_step", *CHAIN, "next_step", "finish"]
    assert stage.calls("register") == [
        ("register", {**ids("two-hosts"), "host": host, "attempt": 1}) for host in ("h1", "h2")
    ]
    assert stage.calls("next_step")[0] == ("next_step", ids("two-hosts"))
    assert stage.calls("finish") == [
        ("finish", {**ids("two-hosts"), "outcome": "DONE", "reason": "every host serves it"})
    ]


def test_the_hosts_of_one_step_go_at_the_same_time(stage: Stage) -> None:
    hosts = [{"host": "h1", "attempt": 1}, {"host": "h2", "attempt": 3}]
    stage.play(plan=[PLANNED], next_step=[step("UPDATE_HOSTS", hosts=hosts), DONE], finish=[FINISHED])
    assert stage.run("rollout", "both", request("both")).status == "SUCCEEDED"
    alive = sorted((event["host"], event["attempt"]) for _, event in stage.calls("await_alive"))
    assert alive == [("h1", 1), ("h2", 3)]


def test_a_test_bed_bakes_is_analysed_repeatedly_and_ends(stage: Stage) -> None:
    hosts = [{"host": "h1", "attempt": 1, "group": "test-bed"}]
    stage.play(
        plan=[PLANNED],
        next_step=[
            step("UPDATE_HOSTS", hosts=hosts, bed=0, seconds=0),
            step("BAKE", seconds=1, bed=0),
            step("BAKE", seconds=1, bed=0),
            step("END_BAKE", bed=1, outcome="PASSED", seconds=0),
            DONE,
        ],
        finish=[FINISHED],
    )
    ended = stage.run("rollout", "bakes", request("bakes"))
    assert (ended.status, ended.output) == ("SUCCEEDED", FINISHED)
    looks = ["analyse", "next_step", "analyse", "next_step"]
    assert stage.phases() == [
        "plan",
        "next_step",
        *CHAIN,
        "next_step",
        *looks,
        "end_bake",
        "next_step",
        "finish",
    ]
    assert stage.calls("drain") == [("drain", {**ids("bakes"), **hosts[0]})]
    assert stage.calls("analyse")[0] == ("analyse", ids("bakes"))
    assert stage.calls("end_bake") == [
        ("end_bake", {**ids("bakes"), "bed": 1, "outcome": "PASSED", "reason": "because"})
    ]


def test_a_lost_interim_analysis_is_followed_by_the_next(stage: Stage) -> None:
    bakes = step("BAKE", seconds=1, bed=0)
    stage.play(
        plan=[PLANNED],
        next_step=[bakes, bakes, DONE],
        analyse=[{"raise": "no metrics"}, {}],
        finish=[FINISHED],
    )
    assert stage.run("rollout", "no-look", request("no-look")).status == "SUCCEEDED"
    assert stage.phases().count("analyse") == 2


def test_a_lost_stage_ends_its_hosts_chain_and_the_records_are_read_again(stage: Stage) -> None:
    stage.play(
        plan=[PLANNED],
        next_step=[
            step("UPDATE_HOSTS", hosts=[{"host": "h1", "attempt": 1}]),
            {**DONE, "outcome": "ABORTED"},
        ],
        install=[{"raise": "the worker died"}],
        finish=[{"outcome": "ABORTED", "reason": "lost"}],
    )
    ended = stage.run("rollout", "lost", request("lost"))
    assert (ended.status, ended.error, ended.cause) == ("FAILED", "ABORTED", "lost")
    assert stage.phases() == ["plan", "next_step", "drain", "install", "next_step", "finish"]


def test_a_failed_host_is_diagnosed_before_the_decision(stage: Stage) -> None:
    failed = {"host": "h1", "attempt": 2}
    stage.play(
        plan=[PLANNED],
        next_step=[
            step("UPDATE_HOSTS", hosts=[failed]),
            step("DIAGNOSE", hosts=[failed]),
            step("AWAIT_HUMAN", question="decision-h1-2-0"),
            DONE,
        ],
        self_test=[{"outcome": "FAILED", "reason": "GET /self_test answered 500"}],
        diagnose=[{"outcome": "PASSED", "reason": "h1 passes with 1.0.0: the version is to blame"}],
        finish=[FINISHED],
    )
    execution = stage.start("rollout", "diagnosed", request("diagnosed"))
    token = stage.until_called("await_human")["token"]
    assert stage.phases() == [
        *("plan", "next_step", *CHAIN),
        *("next_step", "diagnose", "next_step", "await_human"),
    ]
    assert stage.calls("diagnose") == [("diagnose", {**ids("diagnosed"), **failed})]
    stage.aws.client("stepfunctions").send_task_success(taskToken=token, output="{}")
    assert stage.ended(execution).status == "SUCCEEDED"
    assert [event for _, event in stage.calls("next_step")] == [ids("diagnosed")] * 4


def test_a_lost_diagnosis_is_not_repeated_in_this_execution(stage: Stage) -> None:
    failed = {"host": "h1", "attempt": 1}
    stage.play(
        plan=[PLANNED],
        next_step=[
            step("DIAGNOSE", hosts=[failed]),
            step("AWAIT_HUMAN", question="decision-h1-1-0"),
            step("UPDATE_HOSTS", hosts=[{"host": "h1", "attempt": 2}]),
            DONE,
        ],
        diagnose=[{"raise": "the worker died"}],
        finish=[FINISHED],
    )
    execution = stage.start("rollout", "undiagnosed", request("undiagnosed"))
    event = stage.until_called("await_human")
    token = event.pop("token")
    assert event == {**ids("undiagnosed"), "question": "decision-h1-1-0"}
    stage.aws.client("stepfunctions").send_task_success(taskToken=token, output="{}")
    assert stage.ended(execution).status == "SUCCEEDED"
    assert stage.phases().count("diagnose") == 1
    assert stage.rounds() == [1, 2, 3, 4]
    assert stage.calls("drain") == [("drain", {**ids("undiagnosed"), "host": "h1", "attempt": 2})]


def test_a_repeated_call_has_the_same_round(stage: Stage) -> None:
    stage.play(plan=[PLANNED], next_step=[{"raise": "once"}, DONE], finish=[FINISHED])
    assert stage.run("rollout", "repeated", request("repeated")).status == "SUCCEEDED"
    assert stage.rounds() == [1, 1]


def test_an_answer_without_the_next_round_ends_the_execution(stage: Stage) -> None:
    stage.play(plan=[PLANNED], next_step=[step("UPDATE_HOSTS", hosts=[], round="none")])
    ended = stage.run("rollout", "nonsense", request("nonsense"))
    assert (ended.status, ended.error, stage.rounds()) == ("FAILED", "Nonsense", [1])


@pytest.mark.parametrize("given", [[], "text", None, 7])
def test_an_input_that_is_no_object_is_refused_in_words(stage: Stage, given: Any) -> None:
    stage.play(plan=[{"kind": "REFUSED", "epoch": 0, "reason": "the event is not valid"}])
    ended = stage.ended(stage.start("rollout", f"no-object-{given}".strip("[]-"), given))
    assert (ended.status, ended.error, ended.cause) == ("FAILED", "Refused", "the event is not valid")
    assert stage.phases() == ["plan"]


def test_a_plan_that_breaks_is_recorded_as_refused(stage: Stage) -> None:
    stage.play(plan=[{}], finish=[FINISHED])
    ended = stage.run("rollout", "broken", request("broken"))
    assert (ended.status, ended.error, stage.phases()) == ("FAILED", "PlanFailed", ["plan", "finish"])
    (_, event), *_ = stage.calls("finish")
    assert (event["outcome"], event["unplanned"]) == ("REFUSED", True)
    assert events.Close.model_validate(event).cluster == Cluster("production", "hello")


def test_the_answer_of_an_operator_leads_to_the_next_step(stage: Stage) -> None:
    stage.play(
        plan=[PLANNED],
        next_step=[step("AWAIT_HUMAN", question="decision-h1-1-0"), DONE],
        finish=[FINISHED],
    )
    execution = stage.start("rollout", "asked", request("asked"))
    event = stage.until_called("await_human")
    token = event.pop("token")
    assert event == {**ids("asked"), "question": "decision-h1-1-0"}
    assert stage.phases()[-1] == "await_human"
    stage.aws.client("stepfunctions").send_task_success(taskToken=token, output='{"question": "x"}')
    assert stage.ended(execution).status == "SUCCEEDED"
    assert stage.phases() == ["plan", "next_step", "await_human", "next_step", "finish"]


def test_a_rollback_is_started_as_a_rollout_of_its_own(stage: Stage) -> None:
    rollback = {**request("rollback-1"), "kind": "ROLLBACK", "rollback_of": deployment("bad")}
    stage.play(
        plan=[PLANNED],
        next_step=[step("ROLL_BACK"), DONE],
        roll_back=[{"input": rollback}],
        finish=[FINISHED],
    )
    ended = stage.run("rollout", "bad", request("bad"))
    started = rollback["deployment"]
    assert (ended.status, ended.output) == ("SUCCEEDED", {"outcome": "ROLLED_BACK", "rollback": started})
    assert stage.calls("roll_back") == [("roll_back", {**ids("bad"), "reason": "because"})]
    stage.until_called("finish")
    assert ("plan", {**rollback, "execution": started}) in stage.calls()


def test_a_rollback_whose_name_was_used_up_ends_as_failed_so_that_convergence_goes_on(stage: Stage) -> None:
    rollback = {**request("rollback-twice"), "kind": "ROLLBACK", "rollback_of": deployment("bad-twice")}
    stage.play(plan=[PLANNED], next_step=[DONE], finish=[FINISHED])
    assert stage.run("rollout", rollback["deployment"], rollback).status == "SUCCEEDED"
    stage.play(plan=[PLANNED], next_step=[step("ROLL_BACK")], roll_back=[{"input": rollback}])
    ended = stage.run("rollout", "bad-twice", request("bad-twice"))
    assert (ended.status, ended.error) == ("FAILED", "NameTaken")
    assert stage.phases() == ["plan", "next_step", "roll_back"]


def test_a_long_rollout_continues_in_another_execution_with_the_same_input(stage: Stage) -> None:
    stage.play(plan=[PLANNED], next_step=[step("CONTINUE", execution="long.2"), DONE], finish=[FINISHED])
    ended = stage.run("rollout", "long", request("long"))
    assert (ended.status, ended.output) == ("SUCCEEDED", {"outcome": "CONTINUED", "execution": "long.2"})
    stage.until_called("finish")
    assert stage.calls("plan")[1] == ("plan", {**request("long"), "execution": "long.2"})
    assert stage.calls("next_step")[1] == ("next_step", {**ids("long"), "execution": "long.2"})


@pytest.mark.parametrize("outcome", ["ABORTED", "REJECTED", "STALE"])
def test_any_end_but_done_fails_with_the_outcome_and_its_reason(stage: Stage, outcome: str) -> None:
    stage.play(
        plan=[PLANNED],
        next_step=[{**DONE, "outcome": outcome, "reason": "ann said no"}],
        finish=[{"outcome": outcome, "reason": "ann said no"}],
    )
    ended = stage.run("rollout", f"ends-{outcome}", request(f"ends-{outcome}"))
    assert (ended.status, ended.error, ended.cause) == ("FAILED", outcome, "ann said no")


def test_a_plan_that_fails_once_is_tried_again(stage: Stage) -> None:
    stage.play(plan=[{"raise": "throttled"}, PLANNED], next_step=[DONE], finish=[FINISHED])
    assert stage.run("rollout", "again", request("again")).status == "SUCCEEDED"
    assert stage.phases() == ["plan", "plan", "next_step", "finish"]
