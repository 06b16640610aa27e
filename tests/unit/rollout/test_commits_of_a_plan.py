"""The commits of a deployment: in its plan, in its record, in the question for an approval, and in a rollback."""

from lifecycle.application.rollout.plan import preview
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.service.commits import Commit, History
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import Machine, manifest

REPOSITORY = "https://github.com/o/hello.git"


def history(*names: str) -> History:
    """Return a line of commits, the newest first."""
    commits = [Commit(each, f"Do {each}", "Ada", parents=names[at : at + 1]) for at, each in enumerate(names, 1)]
    return History(tuple(commits), len(names))


def machine() -> Machine:
    """Return a cluster that runs 1.1.0; 1.1.1 has two commits more."""
    made = Machine()
    for version, commit, names in (("1.1.0", "a", ("a",)), ("1.1.1", "c", ("c", "b", "a"))):
        found = manifest(version, commit=commit * 40, repository=REPOSITORY, history=history(*names))
        made.publish(found)
    made.deploy("1.1.0")
    return made


def test_plan_and_record_have_the_commits_since_the_version_that_runs() -> None:
    made = machine()
    found = preview(made.context, made.request("1.1.1"))
    assert found.changes is not None
    assert [each.subject for each in found.changes.commits] == ["Do c", "Do b"]
    assert found.compare == f"https://github.com/o/hello/compare/{'a' * 40}...{'c' * 40}"
    changes = made.record(made.deploy("1.1.1")).changes
    assert (changes.sentence, changes.subjects, changes.link) == (
        "2 commits since 1.1.0",
        ("c Do c (Ada)", "b Do b (Ada)"),
        found.compare,
    )


def test_rollback_says_which_commits_it_takes_back() -> None:
    made = machine()
    bad = made.deploy("1.1.1")
    name = made.deploy("1.1.0", Kind.ROLLBACK, rollback_of=bad)
    assert made.record(name).state is DeploymentState.DONE
    assert made.record(name).changes.sentence == "goes backwards: takes back 2 commits of 1.1.1"


def test_first_deployment_has_no_commits_to_compare_and_an_older_manifest_has_none() -> None:
    made = machine()
    assert preview(Machine().context, made.request("1.0.0")).changes is None
    older = preview(made.context, made.request("1.0.1")).changes
    assert older is not None
    assert older.unknown == "a manifest carries no commits"


def test_repair_has_no_commits() -> None:
    made = machine()
    assert preview(made.context, made.request("1.1.0", Kind.CONVERGE)).changes is None


def test_question_for_an_approval_has_the_sentence() -> None:
    made = machine()
    policy = Policy(min_alive_seconds=0, approval=ApprovalGate.AFTER_FIRST_HOST)
    made.publish(manifest("1.1.2", policy, commit="d" * 40, history=history("d", "c", "b", "a")))
    name = made.deploy("1.1.2")
    questions = made.memory.deployments.questions(name)
    assert [each.reason for each in questions if "; 3 commits since 1.1.0" in each.reason]
