"""Addresses of pages in AWS's console, right for each partition and region; a laptop has none of them.

Used by the console, by messages and by the command line. The domain of a partition is that of its console:
https://docs.aws.amazon.com/awsconsolehelpdocs/latest/gsg/getting-started.html.
"""

from urllib.parse import quote

from lifecycle.names import DASHBOARD, ROLLOUT, Account, execution_arn, machine_arn, regional

_DOMAINS = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
# The account of the embedded environment.
_LAPTOP_ACCOUNT = "000000000000"


def console_domain(partition: str) -> str:
    """Return the domain of a partition's console."""
    return _DOMAINS.get(partition, "console.aws.amazon.com")


def partition_of(region: str) -> str:
    """Return the partition of a region by its name."""
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"


def cloudwatch_page(arn: str, place: str) -> str:
    """Return the address of a page in the account and region of a resource; empty on a laptop."""
    return _page(arn, "cloudwatch", place)


def dashboard_page(arn: str) -> str:
    """Return the address of Lifecycle's dashboard in the account and region of a resource; empty on a laptop."""
    return cloudwatch_page(arn, f"dashboards/dashboard/{regional(DASHBOARD, _account(arn))}")


def rollout_page(arn: str, name: str) -> str:
    """Return the address of a rollout's execution in Step Functions' console; empty on a laptop, and without a name.

    `arn` is that of any resource: it tells partition, region and account.
    """
    machine = machine_arn(ROLLOUT, _account(arn))
    return _page(arn, "states", f"/v2/executions/details/{execution_arn(machine, name)}") if name else ""


def log_page(arn: str, group: str, stream: str = "") -> str:
    """Return the address of a log group or of one of its streams; `arn` tells partition, region and account."""
    within = f"/log-events/{_twice(stream)}" if stream else ""
    return cloudwatch_page(arn, f"logsV2:log-groups/log-group/{_twice(group)}{within}")


def _page(arn: str, service: str, place: str) -> str:
    account = _account(arn)
    if not account.region or account.number in ("", _LAPTOP_ACCOUNT):
        return ""
    domain = console_domain(account.partition)
    return f"https://{account.region}.{domain}/{service}/home?region={account.region}#{place}"


def _account(arn: str) -> Account:
    """Return the partition, region and account of a resource; empty ones where the ARN has none."""
    _, partition, _, region, account, *_ = [*arn.split(":"), "", "", "", "", ""]
    return Account(partition, region, account)


def _twice(text: str) -> str:
    """Return a part of the page's own address: percent-encoded twice, with `$` for the outer `%`."""
    return quote(quote(text, safe=""), safe="").replace("%", "$")
