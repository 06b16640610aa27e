"""Roles with one statement, and whether the emulator allows their calls."""

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import boto3
from botocore.exceptions import ClientError

from apps.local.aws.clients import Aws
from apps.local.paths import ACCOUNT, REGION

Acting: TypeAlias = Callable[[str, dict[str, Any]], Any]
HERE = f"{REGION}:{ACCOUNT}"
DENIED = {"AccessDenied", "AccessDeniedException"}


def client_of_role(emulator: Aws, name: str, service: str, statement: dict[str, Any]) -> Any:
    """Return a client of a new role of that name with one statement."""
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]}
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    }
    iam = emulator.client("iam")
    made = iam.create_role(
        RoleName=name,
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )
    iam.put_role_policy(RoleName=name, PolicyName="one", PolicyDocument=json.dumps(policy))
    given = emulator.client("sts").assume_role(RoleArn=made["Role"]["Arn"], RoleSessionName="gap")
    return boto3.client(
        service,
        endpoint_url=emulator.client("sts").meta.endpoint_url,
        region_name=REGION,
        aws_access_key_id=given["Credentials"]["AccessKeyId"],
        aws_secret_access_key=given["Credentials"]["SecretAccessKey"],
        aws_session_token=given["Credentials"]["SessionToken"],
    )


def is_allowed(call: Callable[..., Any], **arguments: Any) -> bool:
    """Return whether IAM allowed the call, whatever its result was."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] not in DENIED
    return True
