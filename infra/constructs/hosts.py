"""EC2 hosts of a cluster: an Auto Scaling group whose instances install the agent, and update it.

The group has no target group: only Lifecycle registers a host, after its self-test.
"""

from hashlib import sha256
from pathlib import Path
from string import Template

from aws_cdk import Aws, CfnTag, Fn
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from infra import bundles
from infra.cdk_json import ClusterSettings
from infra.constructs import access
from infra.constructs.access import Statement, accept
from infra.constructs.front_door import FrontDoor
from lifecycle import names

INSTALL = Path(__file__).resolve().parents[1] / "install_agent.sh"
# A new instance counts as launched once its agent reports, or after this time.
_HOOK = "agent-reports"
_HOOK_SECONDS = 600
# An instance that is about to end waits so long for its drain, beside the time of the drain itself.
_DRAIN_SECONDS = 600
# EC2 takes 16 KB; names that CloudFormation fills in are longer than their placeholders.
_LARGEST_SCRIPT = 15_000
_DOCUMENT = "AWS-RunShellScript"

# For the association that updates the agent, and for Session Manager. AWS's policy AmazonSSMManagedInstanceCore would
# also let a host read every parameter of the account, the configurations of other services included.
_SYSTEMS_MANAGER = (
    Statement(
        "Document",
        ("ssm:GetDocument", "ssm:DescribeDocument"),
        (f"arn:${{AWS::Partition}}:ssm:${{AWS::Region}}:*:document/{_DOCUMENT}",),
        "the document is AWS's own, so its ARN has no account",
    ),
    Statement(
        "SystemsManager",
        (
            *("ssm:UpdateInstanceInformation", "ssm:ListAssociations", "ssm:ListInstanceAssociations"),
            *("ssm:DescribeAssociation", "ssm:UpdateAssociationStatus", "ssm:UpdateInstanceAssociationStatus"),
            *(
                f"ssmmessages:{verb}{channel}Channel"
                for verb in ("Create", "Open")
                for channel in ("Control", "Data")
            ),
            *(f"ec2messages:{each}" for each in ("AcknowledgeMessage", "DeleteMessage", "FailMessage")),
            *(f"ec2messages:{each}" for each in ("GetEndpoint", "GetMessages", "SendReply")),
        ),
        ("*",),
        "an instance has no ARN before it is launched, and the message channels take no resource",
    ),
)


_END_OF_INSTALL = "LIFECYCLE_INSTALL"


def _image(image: str) -> str:
    """Return an AMI, or the reference by which CloudFormation reads it from a parameter."""
    return image if image.startswith("ami-") else f"{{{{resolve:ssm:{image}}}}}"


class Hosts(Construct):
    """An Auto Scaling group of `hosts` instances, which replaces those that die.

    Convergence installs the last verified version on a new instance. The records of a terminated one are
    removed, so that no deployment waits for it.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        cluster: ClusterSettings,
        *,
        role: iam.Role,
        front: FrontDoor | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self._cluster = cluster
        self._name = names.cluster_stack(cluster.environment, cluster.service)
        bundle = assets.Asset(self, "Agent", path=str(bundles.agent()))
        self._allow(role, bundle)
        script = self._script(bundle)
        template = self._template(role, self._security_group(front), script)
        group = self._group(template)
        # The first instance reads the agent's bundle with it, as soon as it boots.
        group.node.add_dependency(role)
        self._association(script)
        # By it convergence finds the instances, and binds each to the address that EC2 knows.
        parameter = names.parameter(cluster.environment, cluster.service, names.AUTO_SCALING_GROUP)
        ssm.CfnParameter(self, "GroupParameter", type="String", name=parameter, value=self._name)

    def _allow(self, role: iam.Role, bundle: assets.Asset) -> None:
        arn = f"arn:{Aws.PARTITION}:s3:::{bundle.s3_bucket_name}/{bundle.s3_object_key}"
        role.add_to_policy(iam.PolicyStatement(sid="AgentBundle", actions=["s3:GetObject"], resources=[arn]))
        launched = Statement(
            "Launched",
            ("autoscaling:CompleteLifecycleAction",),
            (names.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{self._name}"),),
            "the ARN of a group has an identifier of Auto Scaling before its name",
        )
        granted = (launched, *_SYSTEMS_MANAGER)
        for each in granted:
            role.add_to_policy(each.build())
        access.acknowledge(role, granted)

    def _script(self, bundle: assets.Asset) -> str:
        cluster = self._cluster
        requirements = "\n".join((*cluster.packages, cluster.install_script))
        script = Template(INSTALL.read_text()).substitute(
            digest=sha256(bundles.agent().read_bytes()).hexdigest(),
            packages=" ".join(cluster.packages),
            requirements=sha256(requirements.encode()).hexdigest(),
            install=cluster.install_script,
            bundle=bundle.s3_object_url,
            region=Aws.REGION,
            service=cluster.service,
            environment=cluster.environment,
            port=cluster.service_port if cluster.http else 0,
            always=int(cluster.metrics_always),
            table=names.LEDGER,
            reports=names.Partition.REPORTS,
            also=names.ALSO_TRUSTED,
            bucket=Fn.sub(names.artifact_bucket()),
            group=self._name,
            hook=_HOOK,
        )
        if len(script) > _LARGEST_SCRIPT or _END_OF_INSTALL in cluster.install_script:
            raise SystemExit(
                "cdk.json: clusters: install: expected a script that fits into the user data of an instance, with "
                f"at most {_LARGEST_SCRIPT} characters, and without {_END_OF_INSTALL}; found {len(script)} "
                "characters. Let it download the rest, or build an image of your own"
            )
        return script

    def _security_group(self, front: FrontDoor | None) -> ec2.CfnSecurityGroup:
        """Let the load balancer reach the service; without one, nobody."""
        return ec2.CfnSecurityGroup(
            self,
            "SecurityGroup",
            group_description=f"Hosts of {self._name}",
            vpc_id=self._cluster.vpc_id,
            security_group_ingress=[self._from(front)] if front else [],
        )

    def _from(self, front: FrontDoor) -> ec2.CfnSecurityGroup.IngressProperty:
        port = self._cluster.service_port
        return ec2.CfnSecurityGroup.IngressProperty(
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            source_security_group_id=front.security_group.attr_group_id,
            description="only the load balancer reaches the service",
        )

    def _template(self, role: iam.Role, group: ec2.CfnSecurityGroup, script: str) -> ec2.CfnLaunchTemplate:
        profile = iam.CfnInstanceProfile(self, "Profile", roles=[role.role_name])
        kind = ec2.CfnLaunchTemplate
        return ec2.CfnLaunchTemplate(
            self,
            "Template",
            launch_template_data=kind.LaunchTemplateDataProperty(
                image_id=_image(self._cluster.image),
                instance_type=self._cluster.instance_type,
                iam_instance_profile=kind.IamInstanceProfileProperty(arn=profile.attr_arn),
                security_group_ids=[group.attr_group_id],
                metadata_options=kind.MetadataOptionsProperty(http_tokens="required", http_put_response_hop_limit=1),
                block_device_mappings=[
                    kind.BlockDeviceMappingProperty(
                        device_name=self._cluster.root_device,
                        ebs=kind.EbsProperty(encrypted=True, volume_type="gp3", volume_size=self._cluster.volume_gb),
                    )
                ],
                monitoring=kind.MonitoringProperty(enabled=self._cluster.detailed_monitoring),
                user_data=Fn.base64(script),
            ),
        )

    def _group(self, template: ec2.CfnLaunchTemplate) -> autoscaling.CfnAutoScalingGroup:
        size = str(self._cluster.hosts)
        tag = autoscaling.CfnAutoScalingGroup.TagPropertyProperty
        group = autoscaling.CfnAutoScalingGroup(
            self,
            "Group",
            auto_scaling_group_name=self._name,
            min_size=size,
            max_size=size,
            desired_capacity=size,
            vpc_zone_identifier=list(self._cluster.of_hosts),
            launch_template=autoscaling.CfnAutoScalingGroup.LaunchTemplateSpecificationProperty(
                launch_template_id=template.ref, version=template.attr_latest_version_number
            ),
            # EC2's own check, because the load balancer's would replace a host that Lifecycle has drained.
            health_check_type="EC2",
            lifecycle_hook_specification_list=[
                autoscaling.CfnAutoScalingGroup.LifecycleHookSpecificationProperty(
                    lifecycle_hook_name=_HOOK,
                    lifecycle_transition="autoscaling:EC2_INSTANCE_LAUNCHING",
                    heartbeat_timeout=_HOOK_SECONDS,
                    # A host whose agent does not start is left to an operator; others might fail too.
                    default_result="CONTINUE",
                ),
                autoscaling.CfnAutoScalingGroup.LifecycleHookSpecificationProperty(
                    lifecycle_hook_name=names.TERMINATION_HOOK,
                    lifecycle_transition="autoscaling:EC2_INSTANCE_TERMINATING",
                    heartbeat_timeout=self._cluster.drain_seconds + _DRAIN_SECONDS,
                    # Nothing keeps an instance that Auto Scaling ends; without Lifecycle it only ends later.
                    default_result="CONTINUE",
                ),
            ],
            tags=[
                tag(key="Name", value=self._name, propagate_at_launch=True),
                tag(key=names.CLUSTER_TAG, value=self._name, propagate_at_launch=True),
            ],
        )
        accept(
            group, {"AwsSolutions-AS3": "the group has a fixed size and no scaling policy: no event to notify about"}
        )
        return group

    def _association(self, script: str) -> None:
        ssm.CfnAssociation(
            self,
            "AgentVersion",
            name=_DOCUMENT,
            association_name=f"{self._name}-agent",
            schedule_expression="rate(1 day)",
            parameters={"commands": [script]},
            targets=[ssm.CfnAssociation.TargetProperty(key=f"tag:{names.CLUSTER_TAG}", values=[self._name])],
            # A few hosts first; a host whose new agent does not report goes back, and fails.
            max_concurrency="10%",
            max_errors="1",
            tags=[CfnTag(key=names.CLUSTER_TAG, value=self._name)],
        )
