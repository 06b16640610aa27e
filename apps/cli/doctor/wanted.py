"""The clusters of cdk.json, as far as `lifecycle doctor` checks them; infra/settings.py owns the file's form."""

from pathlib import Path
from typing import Any

from apps.cli.doctor.facts import Wanted, WantedCluster
from lifecycle.domain.errors import InvalidJson, InvalidValue
from lifecycle.domain.foreign_json import parse_object
from lifecycle.names import ENVIRONMENT_LETTERS

_FORM = '{"service": "hello", "environment": "production", "vpc_id": "vpc-1", "subnet_ids": ["subnet-1", "subnet-2"]}'
_WEBHOOK = 10  # infra/settings.py
_HOSTS = 2
_ENVIRONMENTS = {name: name for name in ENVIRONMENT_LETTERS}


def read_wanted(file: Path) -> Wanted:
    """Read the clusters of a cdk.json; nothing is wanted where the file does not exist."""
    try:
        text = file.read_text()
    except FileNotFoundError:
        return Wanted()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidJson(f"{file}: {error}") from error
    try:
        context = parse_object(text).get("context", {})
    except InvalidJson as error:
        raise InvalidJson(f"{file}: {error.why}") from error
    clusters = tuple(_cluster(each) for each in context.get("clusters", []))
    webhook = str(context.get("webhook_concurrency", _WEBHOOK))
    if not webhook.isdecimal():
        raise InvalidValue("webhook_concurrency in cdk.json", webhook, "a number from 0 to 9999")
    return Wanted(clusters, int(webhook))


def _cluster(found: Any) -> WantedCluster:
    try:
        return WantedCluster(
            service=str(found["service"]),
            environment=_ENVIRONMENTS[found["environment"]],
            vpc=str(found["vpc_id"]),
            subnets=tuple(map(str, found["subnet_ids"])),
            hosts=int(found.get("hosts", _HOSTS)),
            http=bool(found.get("http", True)),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise InvalidValue("cluster in cdk.json", str(found), f"such as {_FORM}") from error
