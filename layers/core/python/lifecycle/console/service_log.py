"""The way from a question to the whole log of its host: CloudWatch's page on AWS, and the command everywhere."""

from lifecycle.aws_pages import log_page
from lifecycle.console.html import Child, tag
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.names import logs_command, service_log_group


def service_log_link(cluster: Cluster, host: str, function_arn: str) -> Child:
    """Return the command that shows a host's log, and a link to it; `function_arn` tells account and region."""
    command = f"lifecycle {logs_command(cluster.environment, cluster.service, host)}"
    if not host:
        return None
    url = page(cluster, host, function_arn)
    link = [tag("a", f"The whole log of {host}", href=url), ", or "] if url else [f"The whole log of {host}: "]
    return tag("p", *link, command)


def page(cluster: Cluster, host: str, function_arn: str) -> str:
    """Return the address of the log in CloudWatch's console; empty on a laptop."""
    return log_page(function_arn, service_log_group(cluster.environment, cluster.service), host)
