"""The fixed names (names.py) that exist in an account although the stack that makes them does not."""

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

from apps.cli.doctor.facts import Taken, Wanted
from apps.cli.doctor.reading import is_denied, pages
from apps.local.paths import REPOSITORY
from lifecycle import names
from lifecycle.gateways.aws.errors import code_of

_MISSING = {
    *("404", "NoSuchBucket", "NoSuchEntity", "NoSuchEntityException", "ResourceNotFoundException"),
    *("LoadBalancerNotFound", "NotFoundException"),
}
_ROLES = (names.OPERATOR, names.VIEWER, names.ADMINISTRATOR, names.CONSOLE_ROLE)


def function_logs() -> frozenset[str]:
    """Return the log groups of Lifecycle's functions; each folder of code is one (infra/constructs/phase.py).

    Other functions of an account may begin with `lifecycle-`, too.
    """
    return frozenset(names.function_log(each.parent.name) for each in REPOSITORY.glob("functions/*/*/handler.py"))


def log_groups() -> dict[str, frozenset[str]]:
    """Return every log group that the control plane's stack makes, by what their names begin with."""
    alone = (*map(names.machine_log, (names.ROLLOUT, names.DELIVERY)), names.build_log(names.BUILD_PROJECT))
    return {names.function_log(""): function_logs(), **{each: frozenset({each}) for each in alone}}


class Names:
    """Looks for the names of the stacks that are still to be deployed."""

    def __init__(self, client: Callable[[str], Any], account: names.Account) -> None:
        self._client = client
        self._account = account

    def taken(self, stacks: Collection[str], wanted: Wanted) -> tuple[Taken, ...]:
        """Return what stands in the way of the stacks that do not exist yet."""
        found = [] if names.CONTROL_PLANE_STACK in stacks else list(self._of_control_plane())
        for each in wanted.clusters:
            if names.cluster_stack(each.environment, each.service) not in stacks:
                found += self._of_cluster(each.environment, each.service, http=each.http)
        return tuple(found)

    def _of_control_plane(self) -> Iterator[Taken]:
        bucket = names.artifact_bucket(self._account)
        if _exists(lambda: self._client("s3").head_bucket(Bucket=bucket)):
            yield Taken("S3 bucket", bucket)
        if _exists(lambda: self._client("dynamodb").describe_table(TableName=names.LEDGER)):
            yield Taken("DynamoDB table", names.LEDGER)
        # A secret that is to be deleted keeps its name for days.
        secret = names.WEBHOOK_SECRET
        if _exists(lambda: self._client("secretsmanager").describe_secret(SecretId=secret)):
            yield Taken("secret", secret)
        aliases = {each["AliasName"] for each in pages(self._client("kms"), "list_aliases", "Aliases")}
        for alias in (names.CONFIG_KEY, names.signing_key("release"), names.signing_key("snapshot")):
            if alias in aliases:
                yield Taken("KMS alias", alias)
        yield from self._roles(*_ROLES)
        yield from self._log_groups(log_groups())

    def _of_cluster(self, environment: str, service: str, *, http: bool) -> Iterator[Taken]:
        if http:
            name = f"{names.CLUSTER_PREFIX}-{names.ENVIRONMENT_LETTERS[environment]}-{service}"
            if _exists(lambda: self._client("elbv2").describe_load_balancers(Names=[name])):
                yield Taken("load balancer", name)
        yield from self._roles(names.host_role(environment, service))
        log = names.service_log_group(environment, service)
        yield from self._log_groups({log: frozenset({log})})

    def _log_groups(self, wanted: Mapping[str, frozenset[str]]) -> Iterator[Taken]:
        for begin, exact in wanted.items():
            found = pages(self._client("logs"), "describe_log_groups", "logGroups", logGroupNamePrefix=begin)
            yield from (Taken("log group", each) for each in (one["logGroupName"] for one in found) if each in exact)

    def _roles(self, *roles: str) -> Iterator[Taken]:
        for role in (names.regional(each, self._account) for each in roles):
            if _exists(lambda role=role: self._client("iam").get_role(RoleName=role)):  # type: ignore[misc]
                yield Taken("role", role)


def _exists(look: Callable[[], Any]) -> bool:
    """Return whether a look-up finds something; raises its error, unless that says that there is nothing."""
    try:
        look()
    except Exception as error:
        if code_of(error) in _MISSING and not is_denied(error):
            return False
        raise
    return True
