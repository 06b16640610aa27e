"""The key of the account's root: a new one for each environment, made when it starts.

environment.json holds it, with mode 0600. The emulator gets it at its start, and so do the processes that act for AWS
itself: the load balancer, the build service and the console. All others have a session of a role.
"""

import os
import secrets
from collections.abc import Mapping
from typing import Any

# The form in which AssumeRole returns credentials.
_KEY, _SECRET = "AccessKeyId", "SecretAccessKey"


def new() -> dict[str, str]:
    """Return a new key."""
    return {_KEY: f"AKIA{secrets.token_hex(8).upper()}", _SECRET: secrets.token_hex(20)}


def recorded(environment: Mapping[str, Any]) -> dict[str, str]:
    """Return the key that environment.json holds."""
    given = environment["credentials"]
    return {_KEY: given["access_key_id"], _SECRET: given["secret_access_key"]}


def record(root: Mapping[str, str]) -> dict[str, str]:
    """Return the key as environment.json holds it."""
    return {"access_key_id": root[_KEY], "secret_access_key": root[_SECRET]}


def is_public(root: Mapping[str, str]) -> bool:
    """Return True for the key that every environment had before keys were random."""
    return root[_KEY] == "test"


def variables(root: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that give the key to a process."""
    return {"AWS_ACCESS_KEY_ID": root[_KEY], "AWS_SECRET_ACCESS_KEY": root[_SECRET]}


def of_process() -> dict[str, str]:
    """Return the key that this process was given."""
    return {_KEY: os.environ["AWS_ACCESS_KEY_ID"], _SECRET: os.environ["AWS_SECRET_ACCESS_KEY"]}
