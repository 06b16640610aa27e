"""The way from a question to the whole log of its host."""

import pytest

from lifecycle.console.service_log import page, service_log_link
from lifecycle.domain.fleet.cluster import Cluster

HELLO = Cluster("production", "hello")
PLACE = "#logsV2:log-groups/log-group/$252Flifecycle$252Fproduction$252Fhello/log-events/host-1"


@pytest.mark.parametrize(
    ("arn", "address"),
    [
        (
            "arn:aws:lambda:eu-central-1:123456789012:function:x",
            f"https://eu-central-1.console.aws.amazon.com/cloudwatch/home?region=eu-central-1{PLACE}",
        ),
        (
            "arn:aws-cn:lambda:cn-north-1:123456789012:function:x",
            f"https://cn-north-1.console.amazonaws.cn/cloudwatch/home?region=cn-north-1{PLACE}",
        ),
        ("arn:aws:lambda:us-east-1:000000000000:function:x", ""),
        ("itself", ""),
    ],
)
def test_page_of_a_hosts_log_is_in_its_account_and_region(arn: str, address: str) -> None:
    assert page(HELLO, "host-1", arn) == address


def test_laptop_shows_the_command_without_a_link() -> None:
    shown = str(service_log_link(Cluster("staging", "hello"), "host-1", "arn:aws:lambda:us-east-1:000000000000:f"))
    assert "lifecycle logs hello --environment staging --host host-1 --since 1h" in shown
    assert "href" not in shown


def test_question_about_no_host_has_no_log() -> None:
    assert service_log_link(HELLO, "", "arn:aws:lambda:us-east-1:000000000000:f") is None
