"""All of a cluster's target groups in its listener: the emulator's CloudFormation keeps the first of them only.

Called by clusters.py after a cluster's stack was deployed. An ALB checks the targets of the groups that a listener
names, whatever their weight, and so does the dispatcher once it is told.
"""

from apps.local.aws.clients import Aws, Clients
from apps.local.ports import LOOPBACK, Ports
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group
from lifecycle.gateways.aws.dispatcher import AlbDispatcher


def name_every_group(aws: Aws, ports: Ports, cluster: Cluster) -> None:
    """Give all requests to the main group, unless the dispatcher knows of weights already."""
    elbv2 = Clients(f"http://{LOOPBACK}:{ports.balancer}").client("elbv2")
    dispatcher = AlbDispatcher(elbv2, aws.client("ssm"))
    if not dispatcher.has_test_bed(cluster):
        return
    listener = aws.client("ssm").get_parameter(Name=f"/lifecycle/{cluster}/listener")["Parameter"]["Value"]
    (action,) = elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]
    if "ForwardConfig" not in action:
        dispatcher.weigh(cluster, {Group.MAIN: 1})
