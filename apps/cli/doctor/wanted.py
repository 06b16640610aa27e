"""The clusters of cdk.json, as far as `lifecycle doctor` checks them; infra/cdk_json.py owns the file's form."""

from pathlib import Path

from apps.cli.doctor.facts import Wanted, WantedCluster
from infra.cdk_json import WEBHOOK_CONCURRENCY, ClusterSettings, read_clusters, read_webhook_concurrency
from lifecycle.domain.errors import InvalidJson, LifecycleError
from lifecycle.domain.foreign_json import parse_object


def read_wanted(file: Path) -> Wanted:
    """Read the clusters of a cdk.json; raises what `cdk synth` would say of them."""
    try:
        context = parse_object(file.read_text()).get("context", {})
    except InvalidJson as error:
        raise InvalidJson(f"{file}: {error.why}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise LifecycleError(f"--cdk-json: {file} cannot be read: {error}") from error
    if not isinstance(context, dict):
        raise LifecycleError(f"cdk.json: context: expected an object, found {context!r:.200}")
    given = {"clusters": [], "webhook_concurrency": WEBHOOK_CONCURRENCY}
    given |= {key: found for key, found in context.items() if found is not None}  # CDK takes null for nothing
    try:
        clusters = read_clusters(given["clusters"])
        return Wanted(tuple(map(_cluster, clusters)), read_webhook_concurrency(given["webhook_concurrency"]))
    except SystemExit as error:
        raise LifecycleError(str(error)) from error


def _cluster(found: ClusterSettings) -> WantedCluster:
    return WantedCluster(
        service=found.service,
        environment=found.environment,
        vpc=found.vpc_id,
        subnets=found.subnet_ids,
        hosts=found.hosts,
        http=found.http,
        instance_type=found.instance_type,
    )
