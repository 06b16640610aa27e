"""A push and a deployment of a repository on GitHub are shown there, by the deployed functions, roles and rules."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from typing import Any

import pytest

from apps.local.git.post_receive_hook import post, signed_headers
from lifecycle import names
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from lifecycle.gateways.aws.artifacts import S3Artifacts
from lifecycle.gateways.aws.audit import DynamoAuditLog
from lifecycle.gateways.aws.deployments import DynamoDeployments
from lifecycle.gateways.aws.table import Table
from tests.conftest import Laptop
from tests.support.github_server import SHOP, TOKEN, GitHubServer, serving
from tests.support.polling import wait_for
from tests.support.rollout import manifest

pytestmark = pytest.mark.emulator

URL = "https://github.com/acme/shop.git"
PUSHED, RELEASED, REFUSED = "1" * 40, "2" * 40, "3" * 40
FUNCTION = names.function("report_status")


@pytest.fixture(scope="module")
def github(laptop: Laptop) -> Iterator[GitHubServer]:
    """A server that the deployed function takes for GitHub, with a token in the secret."""
    functions, secrets = laptop.aws.client("lambda"), laptop.aws.client("secretsmanager")
    before = functions.get_function_configuration(FunctionName=FUNCTION)["Environment"]["Variables"]
    with serving(GitHubServer({SHOP: {PUSHED, RELEASED}}, {TOKEN: {SHOP}})) as server:
        secrets.create_secret(Name=names.FORGE_SECRET, SecretString=json.dumps({SHOP: TOKEN}))
        variables = {**before, names.Variable.GITHUB_API: server.url}
        functions.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": variables})
        yield server
        functions.update_function_configuration(FunctionName=FUNCTION, Environment={"Variables": before})
        secrets.delete_secret(SecretId=names.FORGE_SECRET, ForceDeleteWithoutRecovery=True)


def words(server: GitHubServer, commit: str) -> list[tuple[str, str, str]]:
    found = server.statuses.get((SHOP, commit), [])
    return [(each["context"], each["state"], each["description"]) for each in found]


def push(laptop: Laptop, commit: str) -> dict[str, Any]:
    """Send a push that asks for no build, so that nothing is cloned."""
    event = {
        "ref": "refs/heads/main",
        "before": "0" * 40,
        "after": commit,
        "repository": {"full_name": SHOP, "clone_url": URL, "default_branch": "main", "pushed_at": 1_790_000_000},
        "head_commit": {"message": "Mend a comma [skip ci]"},
    }
    secret = laptop.aws.client("secretsmanager").get_secret_value(SecretId=laptop.facts["webhook_secret"])
    body = json.dumps(event).encode()
    headers = signed_headers(body, secret["SecretString"].encode(), f"delivery-of-{commit}")
    status, answer = post(laptop.facts["endpoint"], laptop.facts["function_url"], body, headers)
    assert status == 202, answer
    return answer


def test_run_of_a_push_is_shown_beside_its_commit(laptop: Laptop, github: GitHubServer) -> None:
    push(laptop, PUSHED)
    done = ("lifecycle/build", "success", "no build: the commit asks for none")
    wait_for("the status of the build", lambda: done in words(github, PUSHED))
    assert words(github, PUSHED)[-1] == done
    assert {context for context, _, _ in words(github, PUSHED)} == {"lifecycle/build"}


@pytest.fixture
def deployments(laptop: Laptop) -> DynamoDeployments:
    return DynamoDeployments(Table(laptop.aws.client("dynamodb"), names.LEDGER))


def a_deployment(laptop: Laptop, service: str, commit: str) -> Deployment:
    """Publish a release of the commit, and return the record of its deployment, as the plan would write it."""
    made = manifest("1.0.0", service=service, repository=URL, commit=commit)
    S3Artifacts(laptop.aws.client("s3"), laptop.facts["artifact_bucket"]).publish(made, BytesIO(b"1.0.0"))
    request = Request(f"{service}-production-20261123120000-ab12", service, "production", "1.0.0", "ada")
    now = datetime.now(UTC)
    return Deployment(request, 1, Target("1.0.0", made.digest), None, (), Policy(), now, request.deployment)


def test_deployment_is_shown_from_its_queue_to_its_end(
    laptop: Laptop, github: GitHubServer, deployments: DynamoDeployments
) -> None:
    found = a_deployment(laptop, "forged", RELEASED)
    for state, shown in (
        (DeploymentState.QUEUED, "queued"),
        (DeploymentState.RUNNING, "in_progress"),
        (DeploymentState.DONE, "success"),
    ):
        deployments.put(replace(found, state=state))
        wait_for(f"the state {shown}", partial(_shows, github, shown))
    (deployment,) = github.deployments.values()
    assert (deployment["ref"], deployment["environment"]) == (RELEASED, "production")
    assert words(github, RELEASED)[-1] == ("lifecycle/production", "success", "1.0.0 was rolled out")


def _shows(server: GitHubServer, state: str) -> bool:
    return any(each[-1]["state"] == state for each in server.states.values())


def test_refusal_of_github_is_in_the_audit_log_and_the_token_in_no_log(
    laptop: Laptop, github: GitHubServer, deployments: DynamoDeployments
) -> None:
    found = a_deployment(laptop, "unforged", REFUSED)
    deployments.put(found)
    audit_log = DynamoAuditLog(Table(laptop.aws.client("dynamodb"), names.LEDGER))

    def entries() -> list[AuditEntry]:
        return [each for each in audit_log.read(found.cluster) if SHOP in each.what]

    wait_for("the audit entry", entries)
    assert "GitHub does not accept the content" in entries()[0].why
    assert github.requests
    logs = laptop.aws.client("logs")
    group = names.function_log("report_status")
    written = [
        event["message"]
        for stream in logs.describe_log_streams(logGroupName=group)["logStreams"]
        for event in logs.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"])["events"]
    ]
    assert any("FAILED" in each or "REFUSED" in each for each in written)
    assert not any(TOKEN in each for each in written)
