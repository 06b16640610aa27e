"""Addresses of pages in CloudWatch's console, which a laptop does not have."""

_DOMAINS = {"aws-cn": "console.amazonaws.cn", "aws-us-gov": "console.amazonaws-us-gov.com"}
# The account of the embedded environment.
_LAPTOP_ACCOUNT = "000000000000"


def cloudwatch_page(arn: str, place: str) -> str:
    """Return the address of a page in the account and region of a resource; empty on a laptop."""
    _, partition, _, region, account, *_ = [*arn.split(":"), "", "", "", "", ""]
    if not region or account in ("", _LAPTOP_ACCOUNT):
        return ""
    domain = _DOMAINS.get(partition, "console.aws.amazon.com")
    return f"https://{region}.{domain}/cloudwatch/home?region={region}#{place}"
