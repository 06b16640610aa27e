"""Connect a command to its target: the environment on this machine, or AWS with a profile.

Called by command.py. The names on AWS are fixed (names.py), so a profile needs only an account and a region. On a
laptop the commands assume the role `lifecycle-operator`, as an operator on AWS would, so that IAM decides there too.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.cli.aws import LambdaFunctions, StepRuns
from apps.cli.command import Options
from apps.cli.errors import NoTarget
from apps.cli.links import Links
from apps.cli.ports import Connection
from apps.local.own_files import read_environment
from lifecycle import names
from lifecycle.aws_pages import dashboard_page
from lifecycle.domain.errors import InvalidJson
from lifecycle.entrypoints.bootstrap import context_of
from lifecycle.entrypoints.settings import Settings
from lifecycle.gateways.aws.callers import session_name, signed
from lifecycle.gateways.aws.client import LazyClient, client_config, laptop_session
from lifecycle.names import Account, Variable

LAPTOP_POLL_SECONDS = 0.3
AWS_POLL_SECONDS = 1.5  # DescribeExecution refills at 15 per second and account
_SERVICES = {"elbv2": "elbv2_endpoint", "codebuild": "codebuild_endpoint"}
_CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Access:
    """A maker of boto3 clients by name, the partition, region and account that they act in, and their credentials."""

    client: Callable[[str], Any]
    account: Account
    credentials: Any
    sts: str  # the URL of the region's STS, which the functions ask, too
    profile: str = ""

    def sign(self, command: str) -> dict[str, str]:
        """Return the proof that the owner of the credentials gives this command."""
        return signed(self.credentials, self.account.region, self.sts, command)


def connect(options: Options) -> Connection:
    """Connect to the chosen profile, else to the environment on this machine; raises NoTarget."""
    if options.profile:
        return on_aws(options.profile)
    if found := find_environment(os.environ, _working_folder()):
        return on_laptop(found, session_name(options.by or os.environ.get("USER") or "operator"))
    raise NoTarget(
        "no environment found: start the one on this machine with `lifecycle local up` or `make run`, "
        "or name an AWS profile with --profile NAME or LIFECYCLE_PROFILE"
    )


def _working_folder() -> Path:
    """Return the working folder; the checkout in place of one that was removed."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return _CHECKOUT


def find_environment(environ: Mapping[str, str], start: Path) -> Path | None:
    """Return the path of environment.json: LIFECYCLE_HOME's, the nearest from `start` upward, or the checkout's."""
    if home := environ.get("LIFECYCLE_HOME"):
        file = Path(home) / "environment.json"
        if not _is_file(file):
            raise NoTarget(f"no environment found in LIFECYCLE_HOME={home}: start it with `lifecycle local up`")
        return file
    folders = [*(folder / ".lifecycle" for folder in (start, *start.parents)), _CHECKOUT / ".lifecycle"]
    return next((file for folder in folders if _is_file(file := folder / "environment.json")), None)


def _is_file(path: Path) -> bool:
    """Return False for a file in a folder that this user may not look into, too."""
    try:
        return path.is_file()
    except PermissionError:
        return False


def on_laptop(file: Path, by: str) -> Connection:
    """Connect to the environment that `file` describes, as its operator; raise ForeignFile if it is not believed."""
    try:
        known = read_environment(file)
        access = _laptop_access(known, by)
        console = _console_url(known)
    except (InvalidJson, KeyError, TypeError, ValueError) as error:
        raise NoTarget(f"cannot read {file} ({error!r}): write it again with `lifecycle local up`") from error
    settings = {
        Variable.AGENT_HEARTBEAT_TIMEOUT_SECONDS: "10",
        Variable.POLL_SECONDS: "0.02",
        Variable.MINUTE_SECONDS: "1",
        Variable.SETTLES: "false",
    }
    return _connection(f"laptop ({file.parent})", by, access, settings, LAPTOP_POLL_SECONDS, "", console)


def _console_url(known: Mapping[str, Any]) -> str:
    """Return the address of the laptop's console; empty in the description of an environment without one."""
    # Not by apps.local.ports, which imports psutil: a fifth of the command's own start.
    port = known.get("ports", {}).get("console")
    return f"http://127.0.0.1:{int(port)}/" if port else ""


def _laptop_access(known: Mapping[str, Any], by: str) -> Access:
    from botocore.credentials import Credentials  # noqa: PLC0415

    keys, region = known["credentials"], known["region"]
    retries = {"mode": "standard", "total_max_attempts": 3}
    config = client_config(retries=retries, read_timeout=120, proxies={})
    root = laptop_session(keys["access_key_id"], keys["secret_access_key"], region=region)
    sts = root.client("sts", endpoint_url=known["endpoint"], config=config)
    # The emulator grants any duration; a halted rollout is watched for longer than an hour.
    session = sts.assume_role(RoleArn=known["operator_role"], RoleSessionName=by, DurationSeconds=43_200)[
        "Credentials"
    ]
    operator = Credentials(session["AccessKeyId"], session["SecretAccessKey"], session["SessionToken"])
    # Of the same boto3 session: another one would read AWS's list of endpoints again, a tenth of the command's start.
    as_operator = {
        "aws_access_key_id": operator.access_key,
        "aws_secret_access_key": operator.secret_key,
        "aws_session_token": operator.token,
    }

    def client(name: str) -> Any:
        endpoint = known[_SERVICES.get(name, "endpoint")]
        return root.client(name, endpoint_url=endpoint, config=config, **as_operator)

    return Access(client, Account("aws", region, known["account"]), operator, known["endpoint"])


def on_aws(profile: str) -> Connection:
    """Connect to the account and region of a profile; the caller's name is the profile's identity."""
    import boto3  # noqa: PLC0415

    session: Any = boto3.Session(profile_name=profile)
    if not session.region_name:
        raise NoTarget(
            f"the profile {profile} names no region; "
            f"set AWS_REGION, or type: aws configure set region REGION --profile {profile}"
        )
    config = client_config()
    patient = client_config(read_timeout=320)  # a function may run for five minutes; an artifact is large
    caller = session.client("sts", config=config).get_caller_identity()
    account = Account(caller["Arn"].split(":")[1], str(session.region_name), caller["Account"])
    access = Access(
        lambda name: session.client(name, config=patient if name in ("lambda", "s3") else config),
        account,
        session.get_credentials(),
        f"https://sts.{account.region}.amazonaws.com{'.cn' if account.partition == 'aws-cn' else ''}",
        profile,
    )
    target = f"AWS profile {profile} (account {account.number}, {account.region})"
    by = caller_name(caller["Arn"])
    flags = f" --profile {profile}" if os.environ.get("LIFECYCLE_PROFILE") != profile else ""
    settings = {Variable.AGENT_HEARTBEAT_TIMEOUT_SECONDS: "30", Variable.POLL_SECONDS: "2"}
    return _connection(target, by, access, settings, AWS_POLL_SECONDS, flags)


def caller_name(arn: str) -> str:
    """Return the name in a caller's ARN: the user, or the session of an assumed role."""
    return arn.rsplit("/", 1)[-1].rsplit(":", 1)[-1]


def _connection(
    target: str, by: str, access: Access, settings: dict[str, str], poll_seconds: float, flags: str, console: str = ""
) -> Connection:
    from apps.cli.build_log import CloudWatchBuildLogs  # noqa: PLC0415
    from apps.cli.doctor.aws import AwsAccount  # noqa: PLC0415
    from lifecycle.gateways.aws.catalogue import DynamoCatalogue  # noqa: PLC0415
    from lifecycle.gateways.aws.cluster_queries import DynamoClusterQueries  # noqa: PLC0415
    from lifecycle.gateways.aws.configurations import SsmConfigStore  # noqa: PLC0415
    from lifecycle.gateways.aws.service_logs import CloudWatchServiceLogs  # noqa: PLC0415
    from lifecycle.gateways.aws.signer import KmsPublicKeys  # noqa: PLC0415
    from lifecycle.gateways.aws.table import Table  # noqa: PLC0415

    services = ("dynamodb", "ssm", "elbv2", "s3", "stepfunctions", "lambda", "secretsmanager", "logs", "kms")
    clients = {service: LazyClient(access.client, service) for service in services}
    rollout, delivery = (names.machine_arn(each, access.account) for each in (names.ROLLOUT, names.DELIVERY))
    known = Settings(
        {
            **settings,
            Variable.LEDGER_TABLE: names.LEDGER,
            Variable.ARTIFACT_BUCKET: names.artifact_bucket(access.account),
            Variable.ROLLOUT_MACHINE: rollout,
            Variable.DELIVERY_MACHINE: delivery,
        }
    )
    table, context = Table(clients["dynamodb"], names.LEDGER), context_of(clients, known)
    return Connection(
        target=f"{target} as {by}",
        by=by,
        context=context,
        catalogue=DynamoCatalogue(table),
        cluster_queries=DynamoClusterQueries(table, context.registry, clients["stepfunctions"], delivery),
        runs=StepRuns(clients["stepfunctions"], rollout, delivery),
        functions=LambdaFunctions(clients["lambda"], access.sign),
        config_store=SsmConfigStore(clients["ssm"], clients["secretsmanager"]),
        logs=CloudWatchServiceLogs(clients["logs"]),
        build_logs=CloudWatchBuildLogs(clients["logs"]),
        public_keys=KmsPublicKeys(clients["kms"]),
        account=AwsAccount(access.client, access.account, access.profile),
        poll_seconds=poll_seconds,
        flags=flags,
        links=Links(console or dashboard_page(rollout), rollout, takes_filter=bool(console)),
    )
