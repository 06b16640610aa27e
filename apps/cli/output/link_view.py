"""The links of a deployment on lines for an operator, and as facts for programs.

Used by status, and at the end of watch and deploy.
"""

from functools import partial

from apps.cli.output.printer import Printer
from apps.cli.ports import Connection
from lifecycle.application.readable import readable
from lifecycle.domain.errors import Unknown
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.service.compare_link import commit_link


def deployment_links(connection: Connection, each: Deployment, *, commit: bool = True) -> dict[str, str]:
    """Return the addresses of a deployment by what they show, without those that the target has not.

    `commit`: read the manifest, which names the commit.
    """
    links, cluster = connection.links, each.cluster
    found = {
        "console": links.page(cluster, each.id),
        "execution": links.execution(each.execution or each.id),
        "logs": links.logs(cluster),
        "commit": _commit(connection, each) if commit else "",
    }
    return {what: url for what, url in found.items() if url}


def _commit(connection: Connection, each: Deployment) -> str:
    try:
        read = partial(connection.context.artifacts.manifest, each.cluster.service, each.target.version)
        made, _ = readable(read, None)
    except Unknown:  # gc deleted it
        return ""
    return commit_link(made.repository, made.commit) if made else ""


def show_links(printer: Printer, connection: Connection, each: Deployment, *, commit: bool = True) -> None:
    """Print a line for each address, unless the output is for programs, which read none."""
    if not printer.as_json:
        for what, url in deployment_links(connection, each, commit=commit).items():
            printer.line(f"  {what}: {url}", "dim")
