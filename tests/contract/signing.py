"""The keys in the emulator, and functions that answer as the phases of the console do, without their stores."""

import io
import json
import zipfile

from apps.local.aws.clients import Clients
from lifecycle import names
from lifecycle.domain.service.trusted_keys import KeyKind

_CODE = """
def handle(event, context):
    if "host" in event:
        if event["host"] == "ghost":
            return {"error": "host 'ghost' not found"}
        cluster = event["environment"] + "/" + event["service"]
        return {"message": event["host"] + " is no longer a host of " + cluster, "clusters": [cluster]}
    if "snapshot" not in event:
        return [{"cluster": event["environment"] + "/" + event["service"], "kind": "CONVERGED", "reason": "it is",
                 "deployment": ""}]
    if event["snapshot"].startswith("9"):
        return {"error": "snapshot '9' of hello not found"}
    if event["requested_by"] == "nobody":
        raise ValueError("nobody asked")
    return {"service": event["service"], "snapshot": event["snapshot"], "release": "1.2.0", "digest": "d",
            "created": True, "staging": ""}
"""


def add_keys(aws: Clients) -> None:
    """Create the key that signs releases, and the one of snapshots."""
    for kind in KeyKind:
        made = aws.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        aws.client("kms").create_alias(AliasName=names.signing_key(kind), TargetKeyId=made["KeyMetadata"]["KeyId"])


def add_phases(aws: Clients) -> None:
    """Create the functions."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("handler.py", _CODE)
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = aws.client("iam").create_role(
        RoleName="phases", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    for phase in ("promote", "repair", "remove_host"):
        aws.client("lambda").create_function(
            FunctionName=names.function(phase),
            Runtime="python3.13",
            Role=role["Role"]["Arn"],
            Handler="handler.handle",
            Code={"ZipFile": packed.getvalue()},
            Timeout=30,
        )
