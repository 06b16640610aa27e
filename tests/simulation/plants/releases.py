"""Faults planted in release commands: one that runs again by itself, too late, where it must not, or not at all."""

from tests.simulation.planted import Planted

_DECIDE, _AGENT = "apps.agent.decide", "apps.agent.agent"
_RELEASE = "lifecycle.domain.rollout.release"
_STAGE = "lifecycle.application.rollout.release_command"

FAULTS = (
    Planted(
        "an-agent-begins-an-interrupted-release-command-again",
        (32,),
        _DECIDE,
        "    if acted.stage is AgentStage.RELEASING:",
        "    if False:",
    ),
    Planted(
        "an-agent-records-no-begin-of-a-release-command",
        (32,),
        _AGENT,
        "        self._journal.advance(AgentStage.RELEASING)\n        self._announce(AgentStage.RELEASING)\n",
        "",
    ),
    Planted(
        "a-release-command-begins-before-the-ledger-has-its-report",
        (32,),
        _AGENT,
        "        if not self._reporter.flush(REPORT_SECONDS):",
        "        if False:",
        "tests/integration/agent/test_release_command.py::"
        "test_command_does_not_begin_before_the_ledger_has_its_report",
    ),
    Planted(
        "another-host-runs-a-release-command-again-that-may-have-run",
        (32,),
        _RELEASE,
        "    if is_released(facts, attempt) or answers_on(facts.questions, attempt):",
        "    if attempt.state.ended:",
    ),
    Planted(
        "the-next-execution-passes-a-lost-release-command",
        (32,),
        _RELEASE,
        "    if not attempt.state.ended and _may_run(facts, attempt):",
        "    if attempt.execution != facts.execution:\n        return None\n"
        "    if not attempt.state.ended and _may_run(facts, attempt):",
    ),
    Planted(
        "a-run-whose-record-was-deleted-begins-again",
        (32,),
        "lifecycle.application.rollout.observe",
        "with_noted_run(with_asked_about(found.attempts, found.questions), current)",
        "with_asked_about(found.attempts, found.questions)",
        "tests/unit/rollout/test_release_command.py::test_deleted_record_of_a_passed_run_lets_nothing_run_again",
    ),
    Planted(
        "a-release-command-that-may-begin-late-is-not-withdrawn",
        (32,),
        _RELEASE,
        "        return [each for each in unknown if each.host != step.host]",
        "        return []",
        "tests/unit/rollout/test_release_command.py::test_command_is_withdrawn_before_another_host_runs_it",
    ),
    Planted(
        "a-release-command-runs-after-the-first-host",
        (32,),
        "lifecycle.domain.rollout.next_step",
        "    if release := release_step(facts, left.waiting):",
        "    if facts.attempts and (release := release_step(facts, left.waiting)):",
    ),
    Planted(
        "a-rollback-runs-the-release-command",
        (32,),
        _RELEASE,
        "request.kind is Kind.DEPLOY and not request.only",
        "request.kind is not Kind.CONVERGE and not request.only",
    ),
    Planted(
        "a-repair-runs-the-release-command",
        (32,),
        _RELEASE,
        "request.kind is Kind.DEPLOY and not request.only",
        "request.kind is not Kind.ROLLBACK",
    ),
    Planted(
        "a-release-command-is-left-out",
        (32,),
        _RELEASE,
        "    return ReleaseNote(found.command, found.timeout_seconds) if found else NO_RELEASE",
        "    return NO_RELEASE",
    ),
    Planted(
        "a-release-command-that-may-have-run-counts-as-run",
        (32,),
        _STAGE,
        "    if report.stage is AgentStage.RELEASED:",
        "    if report.stage is AgentStage.RELEASED or report.release_not_known:",
    ),
    Planted(
        "a-failed-release-command-counts-as-run",
        (32,),
        _STAGE,
        "    if report.stage is AgentStage.RELEASED:",
        "    if report.stage in (AgentStage.RELEASED, AgentStage.FAILED):",
    ),
)
