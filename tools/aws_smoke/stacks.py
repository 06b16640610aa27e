"""The kit's stacks and what its installation keeps: made with a mark, and removed by that mark only."""

from collections.abc import Callable, Sequence
from typing import Any

from apps.cli.doctor.facts import Unseen, Wanted, WantedCluster
from apps.cli.doctor.reading import pages
from apps.cli.doctor.taken import Names
from lifecycle import names
from lifecycle.gateways.aws.errors import code_of
from tools.aws_smoke.cloud import SmokeFailed
from tools.aws_smoke.example import SERVICE

MARK = names.SMOKE
CLUSTER_STACK = names.cluster_stack("production", SERVICE)


class Stacks:
    """Reads and removals of one account; `client(name)` returns a boto3 client."""

    def __init__(self, client: Callable[[str], Any], account: names.Account) -> None:
        self._client = client
        self._account = account

    def marked(self) -> dict[str, bool]:
        """Return every stack of Lifecycle, and whether it has the mark."""
        return {
            each["StackName"]: any(tag["Key"] == MARK for tag in each.get("Tags", ()))
            for each in pages(self._client("cloudformation"), "describe_stacks", "Stacks")
            if each["StackName"].startswith(names.CONTROL_PLANE_STACK) and each["StackStatus"] != "DELETE_COMPLETE"
        }

    def outputs(self, stack: str) -> dict[str, str]:
        [found] = self._client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", ())}

    def create(self, stack: str, body: str) -> None:
        """Create a stack with the mark, and wait for it."""
        cloudformation = self._client("cloudformation")
        tags = [{"Key": MARK, "Value": "1"}]
        cloudformation.create_stack(StackName=stack, TemplateBody=body, Tags=tags, OnFailure="DELETE")
        cloudformation.get_waiter("stack_create_complete").wait(StackName=stack)

    def delete(self, stack: str) -> None:
        """Delete a stack with the mark, and wait; raises SmokeFailed for one without it."""
        found = self.marked()
        if stack not in found:
            return
        if not found[stack]:
            raise SmokeFailed(f"the stack {stack} has no tag {MARK}: it is not the kit's own, and stays")
        cloudformation = self._client("cloudformation")
        cloudformation.delete_stack(StackName=stack)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=stack)

    def empty_buckets(self) -> None:
        """Delete every version of every object of the control plane's buckets, or its stack could not be deleted."""
        if not self.marked().get(names.CONTROL_PLANE_STACK):
            return
        s3, account = self._client("s3"), self._account
        for bucket in (
            names.artifact_bucket(account),
            names.artifact_bucket(account).replace("artifacts", "build-caches"),
        ):
            try:
                for key in ("Versions", "DeleteMarkers"):
                    for each in pages(s3, "list_object_versions", key, Bucket=bucket):
                        s3.delete_object(Bucket=bucket, Key=each["Key"], VersionId=each["VersionId"])
            except Exception as error:
                if code_of(error) != "NoSuchBucket":
                    raise

    def parameters(self) -> list[str]:
        """Return the parameters of the kit's cluster, of which its stack made only some."""
        path = names.cluster_parameters("production", SERVICE)
        found = pages(self._client("ssm"), "get_parameters_by_path", "Parameters", Path=path, Recursive=True)
        return [each["Name"] for each in found]

    def delete_parameters(self) -> None:
        for name in self.parameters():
            self._client("ssm").delete_parameter(Name=name)

    def left(self) -> list[str]:
        """Return what still exists: marked stacks and resources, fixed names, and parameters."""
        stacks = self.marked()
        found = [f"stack {name}" for name, own in stacks.items() if own]
        if not all(stacks.values()):
            return found  # the account has another installation, whose names are not the kit's
        cluster = WantedCluster(SERVICE, "production")
        taken = Names(self._client, self._account).taken((), Wanted((cluster,)))
        if isinstance(taken, Unseen):
            return [*found, f"unknown: needs {taken.needs}"]
        found += [f"{each.kind} {each.name}" for each in taken]
        found += [f"parameter {name}" for name in self.parameters()]
        return [*found, *self._tagged()]

    def _tagged(self) -> Sequence[str]:
        """Return the tagged resources that still cost something; a terminated instance is listed for an hour."""
        tags = [{"Key": MARK}]
        found = pages(
            self._client("resourcegroupstaggingapi"), "get_resources", "ResourceTagMappingList", TagFilters=tags
        )
        return [arn for each in found if self._exists(arn := each["ResourceARN"])]

    def _exists(self, arn: str) -> bool:
        service, resource = arn.split(":")[2], arn.split(":", 5)[5]
        if service == "kms":
            return str(self._client("kms").describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]) != "PendingDeletion"
        if service == "ec2" and resource.startswith("instance/"):
            ids = [{"Name": "instance-id", "Values": [resource.removeprefix("instance/")]}]
            for each in pages(self._client("ec2"), "describe_instances", "Reservations", Filters=ids):
                return any(one["State"]["Name"] != "terminated" for one in each["Instances"])
            return False
        return service != "cloudformation"  # those are counted as stacks
