"""The ways from the command line to the evidence: console, execution, logs and commit, as whole addresses.

Made by connection.py for its target. On a laptop there are no pages of AWS's console.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from lifecycle.aws_pages import log_page, rollout_page
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.names import service_log_group


@dataclass(frozen=True, slots=True)
class Links:
    """Addresses of one target: `console` is its page, `rollout` the ARN of its state machine.

    `takes_filter` says that the console's address may name a service, an environment and a deployment. That of a
    dashboard of CloudWatch may not.
    """

    console: str = ""
    rollout: str = ""
    takes_filter: bool = False

    def page(self, cluster: Cluster, deployment: str = "") -> str:
        """Return the console's view of a cluster or of one of its deployments; empty where there is no console."""
        if not self.console or not self.takes_filter:
            return self.console
        wanted = {"service": cluster.service, "environment": cluster.environment, "deployment": deployment}
        return f"{self.console}?{urlencode({name: value for name, value in wanted.items() if value})}"

    def execution(self, name: str) -> str:
        """Return the page of an execution; empty on a laptop."""
        return rollout_page(self.rollout, name)

    def logs(self, cluster: Cluster) -> str:
        """Return the page of a cluster's logs; empty on a laptop."""
        return log_page(self.rollout, service_log_group(cluster.environment, cluster.service))
