"""The ways from the command line to the evidence, in each partition and on a laptop."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from apps.cli.links import Links
from lifecycle.aws_pages import dashboard_page, log_page, partition_of, rollout_page
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.notifications import Notification, NotificationKind
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.compare_link import commit_link, compare_link
from lifecycle.domain.service.policy import ApprovalGate, Policy
from lifecycle.gateways.aws.notifications import AwsNotifications
from lifecycle.names import ROLLOUT, Account, machine_arn
from tests.support.rollout import CLUSTER, manifest
from tests.unit.cli.conftest import Desk

NAME = "hello-production-20261123014630-ab12"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
COMMIT, OLDER = "c" * 40, "a" * 40
LAPTOP = Links(
    "http://127.0.0.1:8090/", machine_arn(ROLLOUT, Account("aws", "eu-central-1", "000000000000")), takes_filter=True
)


def on_aws(partition: str, region: str) -> Links:
    rollout = machine_arn(ROLLOUT, Account(partition, region, "123456789012"))
    return Links(dashboard_page(rollout), rollout)


@pytest.mark.parametrize(
    ("partition", "region", "domain"),
    [
        ("aws", "eu-central-1", "console.aws.amazon.com"),
        ("aws-cn", "cn-north-1", "console.amazonaws.cn"),
        ("aws-us-gov", "us-gov-west-1", "console.amazonaws-us-gov.com"),
    ],
)
def test_pages_of_aws_are_in_the_console_of_their_partition(partition: str, region: str, domain: str) -> None:
    links, console = on_aws(partition, region), f"https://{region}.{domain}"
    execution = f"arn:{partition}:states:{region}:123456789012:execution:lifecycle-rollout:{NAME}"
    assert partition_of(region) == partition
    dashboard = f"{console}/cloudwatch/home?region={region}#dashboards/dashboard/lifecycle-{region}"
    assert links.page(CLUSTER, NAME) == dashboard
    assert links.execution(NAME) == f"{console}/states/home?region={region}#/v2/executions/details/{execution}"
    assert links.logs(CLUSTER).startswith(f"{console}/cloudwatch/home?region={region}#logsV2:log-groups/log-group/")
    assert "$252F" in links.logs(CLUSTER)
    codecommit = (
        f"https://git-codecommit.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}/v1/repos/hello"
    )
    page = f"https://{region}.{domain}/codesuite/codecommit/repositories/hello"
    assert commit_link(codecommit, COMMIT) == f"{page}/commit/{COMMIT}?region={region}"
    assert compare_link(f"codecommit::{region}://hello", OLDER, COMMIT).startswith(
        f"{page}/compare/{OLDER}/.../{COMMIT}?"
    )


def test_laptop_has_its_own_console_and_no_page_of_aws() -> None:
    assert (
        LAPTOP.page(CLUSTER, NAME) == f"http://127.0.0.1:8090/?service=hello&environment=production&deployment={NAME}"
    )
    assert LAPTOP.page(Cluster("staging", "hello")) == "http://127.0.0.1:8090/?service=hello&environment=staging"
    assert (LAPTOP.execution(NAME), LAPTOP.logs(CLUSTER)) == ("", "")


def test_without_a_name_or_a_target_there_is_no_page() -> None:
    assert (Links().page(CLUSTER, NAME), Links().execution(NAME), Links().logs(CLUSTER)) == ("", "", "")
    assert rollout_page(on_aws("aws", "eu-central-1").rollout, "") == ""
    assert log_page("", "group") == ""


@pytest.mark.parametrize(
    ("repository", "page"),
    [
        ("https://github.com/o/hello.git", f"https://github.com/o/hello/commit/{COMMIT}"),
        ("git@gitlab.example.com:o/hello.git", f"https://gitlab.example.com/o/hello/-/commit/{COMMIT}"),
        ("ssh://git@bitbucket.org/o/hello", f"https://bitbucket.org/o/hello/commits/{COMMIT}"),
        ("/srv/git/hello", ""),
        ("https://example.test/o/hello", ""),
    ],
)
def test_commit_has_a_page_on_a_site_that_is_known(repository: str, page: str) -> None:
    assert commit_link(repository, COMMIT) == page
    assert commit_link(repository, "abc") == ""


@pytest.fixture
def linked(desk: Desk) -> Desk:
    """A desk on AWS, whose version 1.3.0 is from GitHub."""
    desk.connection = replace(desk.connection, links=on_aws("aws", "eu-central-1"))
    desk.machine.publish(manifest("1.3.0", commit=COMMIT, repository="https://github.com/o/hello"))
    return desk


def test_end_of_a_deployment_links_to_the_evidence(linked: Desk) -> None:
    done = linked.type("deploy hello 1.3.0")
    for page in ("/cloudwatch/home?", "/states/home?", "#logsV2:", f"https://github.com/o/hello/commit/{COMMIT}"):
        assert page in done.stdout, done.output
    name = linked.machine.memory.deployments.recent(CLUSTER, 1)[0].id
    [end] = linked.facts("deploy hello 1.0.0")["endings"]
    assert set(end["links"]) == {"console", "execution", "logs"}
    assert linked.type(f"watch {name}").stdout.count("/states/home?") == 1


def test_question_of_status_links_to_the_evidence() -> None:
    gated = Desk(Policy(approval=ApprovalGate.AFTER_FIRST_HOST))
    gated.connection = replace(gated.connection, links=LAPTOP)
    name = gated.machine.deploy("1.0.0")
    assert gated.machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    assert (
        f"  console: http://127.0.0.1:8090/?service=hello&environment=production&deployment={name}"
        in gated.type("status").stdout
    )


class Topic:
    """An SNS that records what is published."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def publish(self, **message: str) -> None:
        self.texts.append(message["Message"])

    def put_events(self, **_: object) -> dict[str, int]:
        return {"FailedEntryCount": 0}


@pytest.mark.parametrize(("account", "links"), [("123456789012", 3), ("000000000000", 0)])
def test_message_for_people_links_to_the_evidence(account: str, links: int) -> None:
    topic = Topic()
    sent = Notification("1", NotificationKind.HALTED, CLUSTER, NOW, "hello halted", "why", deployment=NAME)
    AwsNotifications(topic, topic, f"arn:aws:sns:eu-central-1:{account}:lifecycle-notices").send([sent])
    assert topic.texts[0].count("https://eu-central-1.console.aws.amazon.com/") == links
    assert topic.texts[0].endswith("\nid: 1")
