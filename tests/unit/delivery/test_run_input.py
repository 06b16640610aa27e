"""The input of a run is a claim: an operator may start executions of the delivery with any."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lifecycle.application.delivery.build import FinishedBuild, Started, record_snapshot, start_build
from lifecycle.application.delivery.receive_push import Push, Response, codecommit_push, payload_of, start, start_head
from lifecycle.domain.delivery.branch import NOTHING, Branch
from lifecycle.domain.delivery.repository import RepositoryBuilds
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.identity import is_proven
from lifecycle.domain.rollout.deployment import Deployment, Request
from lifecycle.domain.rollout.gates import approval_refusal, requester_refusal
from lifecycle.domain.service.policy import ApprovalGate, Policy
from lifecycle.domain.service.target import Target
from lifecycle.entrypoints.delivery_events import StartBuild
from tests.fakes.artifacts import MemoryArtifacts
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.builds import MemoryBuilds
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.executions import MemoryExecutions
from tests.fakes.fleet import MemoryFleet
from tests.fakes.repositories import MemoryRepositories
from tests.fakes.requests import MemoryRequests
from tests.fakes.signer import SNAPSHOT_SIGNER
from tests.support.account import Account, handler
from tests.support.invocation import Invocation
from tests.support.rollout import manifest

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REPOSITORY = "https://example.test/hello.git"
A, B = "a" * 40, "b" * 40
BY_ANOTHER = Policy(automatic=True, approval=ApprovalGate.BEFORE_FIRST_HOST, approval_by_another=True)


class Forge:
    """A repository with its deliveries; each push is a minute later than the one before."""

    def __init__(self) -> None:
        self.catalogue, self.executions, self.builds = MemoryCatalogue(), MemoryExecutions(), MemoryBuilds()
        self.artifacts, self.requests, self.audit_log = MemoryArtifacts(), MemoryRequests(), MemoryAuditLog()
        self.now = NOW
        self.head = NOTHING

    def push(self, commit: str, **changes: Any) -> Response:
        self.now += timedelta(minutes=1)
        push = Push(REPOSITORY, "hello", commit, "main", "ada", f"{self.now:%M}", before=self.head)
        self.head = commit
        return start(replace(push, at=self.now.isoformat(), **changes), self.executions, self.catalogue, self.now)

    def begin(self, run: str) -> Started:
        """Let a run begin; the output of one that builds nothing is that of the state machine."""
        self.now += timedelta(seconds=5)
        begun = {**self.executions.deliveries[run], "execution": run, "started": self.now.isoformat()}
        event = StartBuild.model_validate(begun)
        found = start_build(self.builds, self.catalogue, self.audit_log, event.push(), event.started, event.execution)
        if found.kind == "NOTHING":
            self.executions.outputs[run] = {"nothing": found.reason, "superseded": found.superseded, "unchanged": ""}
        if found.kind == "REFUSED":
            self.executions.failed.add(run)
        return found

    def by_hand(self, run: str, commit: str, **given: Any) -> Started:
        """Start an execution of any name with any input, as an operator may."""
        usual = {"repository": REPOSITORY, "name": "hello", "commit": commit, "branch": "main"}
        assert self.executions.start_delivery(run, {**usual, "pusher": "grace", "delivery": "x", **given})
        return self.begin(run)

    def read_head(self, commit: str) -> str:
        """Start the run of a head as `lifecycle build --head` does; return its name."""
        push = Push(REPOSITORY, "hello", commit, "main", "grace", "", head_read=self.now.isoformat())
        return start_head(push, self.executions, self.catalogue)[0]

    def branch(self) -> Branch:
        return self.catalogue.branch(REPOSITORY, "main")

    def staged(self, commit: str) -> Request:
        """Let the build of a commit end; return the request for its staging."""
        version = f"1.0.0-{self.now:%Y%m%d%H%M%S}-{commit[:7]}"
        made = manifest(version, commit=commit, repository=REPOSITORY, policies={"staging": BY_ANOTHER})
        self.artifacts.upload("incoming/1", made, version.encode())
        built = FinishedBuild(REPOSITORY, commit, "main", "build-1", "hello", version, "incoming/1")
        stores = self.catalogue, self.artifacts, SNAPSHOT_SIGNER, self.requests
        staging = record_snapshot(*stores, MemoryAuditLog(), MemoryFleet(), built, self.now).staging
        assert staging
        found = self.requests.find(str(staging["deployment"]))
        assert found
        return found.request


@pytest.fixture
def forge() -> Forge:
    """Return a repository whose first push is built."""
    made = Forge()
    assert made.begin(str(made.push(A).body["run"])).kind == "STARTED"
    return made


def test_head_of_the_future_is_refused_in_words(forge: Forge) -> None:
    found = forge.by_hand("any", A, head_read="2099-01-01T00:00:00+00:00")
    assert found.kind == "REFUSED"
    assert "expected a head that was read before 2026-11-23 12:01 UTC, found 2099" in found.reason
    assert "`lifecycle build --head`" in found.reason
    assert forge.branch().read_at is None


def test_head_that_a_clock_within_minutes_has_read_counts(forge: Forge) -> None:
    at = (forge.now + timedelta(minutes=4)).isoformat()
    assert forge.by_hand("any", B, head_read=at).kind == "STARTED"
    assert forge.branch().head == B


def test_recorded_head_of_the_future_ends_with_the_next_push(forge: Forge) -> None:
    _forget(forge)
    run = str(forge.push(B).body["run"])
    assert (forge.begin(run).kind, forge.branch().head) == ("STARTED", B)


def test_recorded_head_of_the_future_ends_with_the_next_reading(forge: Forge) -> None:
    _forget(forge)
    assert (forge.begin(forge.read_head(B)).kind, forge.branch().head) == ("STARTED", B)


def _forget(forge: Forge) -> None:
    future = datetime(2099, 1, 1, tzinfo=UTC)
    forge.catalogue.change_branch(REPOSITORY, "main", lambda branch: branch.read(A, future))


def test_branch_that_no_push_was_to_is_not_built(forge: Forge) -> None:
    found = forge.by_hand("any", B, branch="feature")
    assert found.kind == "REFUSED"
    assert f"expected main, the branch of the newest push to {REPOSITORY}, found feature" in found.reason
    assert [each["LIFECYCLE_BRANCH"] for each in forge.builds.started.values()] == ["main"]


def test_branch_of_a_repository_without_a_push_is_built() -> None:
    """`lifecycle build --head` of a repository whose webhook never came."""
    forge = Forge()
    assert forge.begin(forge.read_head(A)).kind == "STARTED"


def test_default_branch_that_was_renamed_is_built_after_a_push_to_it(forge: Forge) -> None:
    run = str(forge.push(B, branch="trunk").body["run"])
    assert forge.begin(run).kind == "STARTED"
    assert forge.by_hand("any", A).kind == "REFUSED"


def test_late_push_to_the_former_default_branch_does_not_bring_it_back() -> None:
    found = RepositoryBuilds(REPOSITORY).followed("main", NOW).followed("trunk", NOW + timedelta(hours=1))
    assert found.followed("main", NOW).branch == "trunk"
    assert found.followed("main", NOW + timedelta(hours=2)).branch == "main"


def test_run_of_another_commit_than_its_name_is_refused(forge: Forge) -> None:
    """It would stand in the place of the run that a push starts."""
    found = forge.by_hand(f"hello-{B}", A)
    assert (found.kind, f"expected commit {B} in the run of that name" in found.reason) == ("REFUSED", True)
    assert forge.begin(str(forge.push(B).body["run"])).kind == "STARTED"


@pytest.mark.parametrize(
    "given",
    [
        *({"skip": "[skip ci]"}, {"skip": "x", "folder": "services/api"}, {"folder": "services/api"}),
        *(
            {"branch": "feature"},
            {"head_read": "2099-01-01T00:00:00+00:00"},
            {"service": "hello", "version": "1.0.0"},
        ),
        {"repository": "https://example.test/another.git"},
    ],
)
def test_run_by_hand_before_a_push_does_not_keep_it_from_being_built(forge: Forge, given: dict[str, str]) -> None:
    forge.by_hand(f"hello-{B}", B, **given)
    forge.builds.started.clear()
    pushed = forge.push(B)
    assert (pushed.status, pushed.body["run"]) == (202, f"hello-{B}_2")
    assert forge.begin(f"hello-{B}_2").kind == "STARTED"
    assert "LIFECYCLE_FOLDER" not in next(iter(forge.builds.started.values()))


def test_push_that_asks_for_no_build_is_not_built(forge: Forge) -> None:
    pushed = forge.push(B, skip="[skip ci]")
    assert forge.begin(str(pushed.body["run"])).reason == "no build: the message of the head commit has [skip ci]"


def test_push_that_asks_for_no_build_is_built_again_for_a_person(forge: Forge) -> None:
    run = str(forge.push(B, skip="[skip ci]").body["run"])
    forge.begin(run)
    given = {**forge.executions.deliveries[run], "again": True}
    assert forge.by_hand(f"{run}_2", **given).kind == "STARTED"


def test_push_says_itself_that_it_asks_for_no_build(forge: Forge) -> None:
    """Somebody started its run a moment before, with a marker that the push does not have."""
    forge.push(B)
    given = {**payload_of(Push(REPOSITORY, "hello", B, "main", "grace", "x")), "skip": "[skip ci]"}
    assert forge.by_hand("any", **given).kind == "STARTED"


def test_staging_of_a_push_may_be_approved_by_any_person(forge: Forge) -> None:
    request = forge.staged(A)
    assert (request.requested_by, _refusals(request)) == ("delivery", ("", ""))


@pytest.mark.parametrize("by", ["ada", "Ada"])
def test_staging_of_a_push_is_not_approved_by_its_pusher(forge: Forge, by: str) -> None:
    request = forge.staged(A)
    deployment = Deployment.not_begun(request, Target(request.version, ""), BY_ANOTHER, NOW)
    refused = approval_refusal(deployment, by) or ""
    assert refused.startswith(
        f"{by} pushed what {request.deployment} deploys, and the policy of staging/hello requires"
    )


def test_staging_is_approved_by_nobody_who_pushed_its_commit(forge: Forge) -> None:
    forge.push(B)
    forge.push(A, pusher="arn:aws:sts::000000000000:assumed-role/lifecycle-operator/grace")
    assert forge.staged(A).pushed_by == ("ada", "grace")


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("arn:aws:iam::000000000000:user/team/ada", "ada"),
        (f"arn:aws:sts::000000000000:assumed-role/{'r' * 64}/{'s' * 64}", "s" * 64),
        (f"arn:aws:iam::000000000000:user/{'p' * 500}/ada", "ada"),
        (None, ""),
    ],
)
def test_codecommit_says_who_pushed(said: str | None, name: str) -> None:
    detail = {"event": "referenceUpdated", "repositoryName": "hello", "referenceType": "branch", "commitId": A}
    detail |= {"referenceName": "main", "oldCommitId": NOTHING} | ({"callerUserArn": said} if said else {})
    push = codecommit_push(
        {"id": "1", "region": "eu-west-1", "detail": detail}, MemoryRepositories({"hello": "main"})
    )
    assert isinstance(push, Push)
    assert push.move(NOW).pusher == name
    StartBuild.model_validate({**payload_of(push), "execution": push.execution, "started": NOW.isoformat()})


def test_staging_of_a_repeated_push_is_that_of_the_push(forge: Forge) -> None:
    """`lifecycle build --again` of the head: a push has made it the head."""
    assert forge.by_hand(f"hello-{A}_2", A, again=True).kind == "STARTED"
    assert forge.staged(A).requested_by == "delivery"


def test_staging_of_a_head_that_a_person_named_is_approved_by_nobody(forge: Forge) -> None:
    """The person who named it may be the one who approves."""
    forge.push(B)
    forge.now += timedelta(minutes=1)
    assert forge.begin(forge.read_head(A)).kind == "STARTED"
    request = forge.staged(A)
    assert not is_proven(request.requested_by)
    at_the_plan, at_the_approval = _refusals(request)
    assert "deploy with `lifecycle deploy hello" in at_the_plan
    assert "nobody knows who delivery:no-push is" in at_the_approval


def _refusals(request: Request) -> tuple[str, str]:
    """Return why nobody could approve what is requested, and why one person may not."""
    deployment = Deployment.not_begun(request, Target(request.version, ""), BY_ANOTHER, NOW)
    return requester_refusal(request, BY_ANOTHER, "the policy") or "", approval_refusal(deployment, "mallory") or ""


def test_refused_input_is_on_record_where_the_owner_of_the_service_reads(forge: Forge) -> None:
    forge.catalogue.change_builds(REPOSITORY, lambda found: found.recorded("api", None))
    found = forge.by_hand("any", B, branch="feature")
    (entry,) = forge.audit_log.entries
    assert (entry.cluster, entry.who, entry.why) == ("production/api", "unknown", found.reason)
    assert entry.what == "refused to start the run any"


@pytest.mark.parametrize(
    "given",
    [
        *({}, {"repository": 7}, {"repository": "x" * 100_000}, {"service": "../x"}, {"branch": "--upload-pack=x"}),
        *({"repository": "\ud800"}, {"more": "x" * 100_000}),
    ],
)
def test_input_that_is_no_push_is_on_record(monkeypatch: pytest.MonkeyPatch, given: dict[str, Any]) -> None:
    account = Account.of()
    account.use(monkeypatch)
    event = {"execution": "hello-" + "a" * 40, "started": NOW.isoformat(), **given}
    assert handler("start_build").handle(event, Invocation("lifecycle-start-build"))["kind"] == "REFUSED"
    entries = account.context.audit_log.read(Cluster("production", "hello"))
    assert [each.who for each in entries if each.what.startswith("refused to start the run hello-aaa")] == ["unknown"]


@pytest.mark.parametrize("event", [None, [], "text", {}, {"input": [], "execution": "___"}])
def test_input_that_is_no_object_is_on_record(monkeypatch: pytest.MonkeyPatch, event: Any) -> None:
    account = Account.of()
    account.use(monkeypatch)
    assert handler("start_build").handle(event, Invocation("lifecycle-start-build"))["kind"] == "REFUSED"
    assert len(account.context.audit_log.read(Cluster("production", "unnamed"))) == 1
