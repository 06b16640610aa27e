"""Answers of Secrets Manager to an agent: each error names the variable and the secret."""

from typing import Any, NoReturn

import pytest
from botocore.exceptions import ClientError

from lifecycle.domain.errors import LifecycleError, StoreRefused, Unknown
from lifecycle.domain.service.configuration import Configuration, SecretRef
from lifecycle.gateways.aws.configurations import SsmConfigStore
from tests.support.json_service import json_client

SECRET = "lifecycle/production/hello/db"


def read(code: str) -> object:
    def fail(given: dict[str, Any]) -> NoReturn:
        raise ClientError({"Error": {"Code": code, "Message": "no"}}, "GetSecretValue")

    secrets = json_client("secretsmanager", {"GetSecretValue": fail})
    return SsmConfigStore(None, secrets).resolved(Configuration(1, {"DATABASE_URL": SecretRef(SECRET)}))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("InvalidRequestException", StoreRefused),
        ("ResourceNotFoundException", Unknown),
        ("AccessDeniedException", StoreRefused),
        ("DecryptionFailure", StoreRefused),
    ],
)
def test_error_names_the_variable_and_the_secret(code: str, kind: type[LifecycleError]) -> None:
    with pytest.raises(kind, match=r"DATABASE_URL") as failed:
        read(code)
    assert SECRET in str(failed.value)
