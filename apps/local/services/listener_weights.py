"""Names all target groups of a cluster in its listener: the emulator's CloudFormation names only the first.

Called by clusters.py after it deploys a cluster's stack. Like an ALB, the dispatcher checks the targets of every
group that a listener names, whatever its weight.
"""

from apps.local.aws.clients import Aws
from lifecycle import names
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group
from lifecycle.gateways.aws.dispatcher import AlbDispatcher


def set_initial_weights(aws: Aws, cluster: Cluster) -> None:
    """Send all requests to the main group, unless the listener already has weights."""
    elbv2 = aws.balancer()
    dispatcher = AlbDispatcher(elbv2, aws.client("ssm"))
    if not dispatcher.has_test_bed(cluster):
        return
    listener = aws.client("ssm").get_parameter(
        Name=names.parameter(cluster.environment, cluster.service, names.LISTENER)
    )["Parameter"]["Value"]
    (action,) = elbv2.describe_listeners(ListenerArns=[listener])["Listeners"][0]["DefaultActions"]
    if "ForwardConfig" not in action:
        dispatcher.weigh(cluster, {Group.MAIN: 1})
