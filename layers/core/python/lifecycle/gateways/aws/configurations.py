"""Configurations: their values in SSM Parameter Store, and what the ledger records of their revisions.

The functions of the control plane use DynamoConfigRevisions, which decrypts nothing. The command line and the agents
use SsmConfigStore, with a role that may decrypt.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from lifecycle import names
from lifecycle.domain.errors import ConfigDenied, InvalidJson, StoreRefused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.foreign_json import parse_json
from lifecycle.domain.service.configuration import (
    KEPT_REVISIONS,
    ConfigRevision,
    Configuration,
    SecretRef,
    Value,
    check_value,
    document_of,
    parse_document,
)
from lifecycle.gateways.aws.errors import code_of, failure, repeated, translated
from lifecycle.gateways.aws.table import Table, config_key, item
from lifecycle.gateways.record_kinds import revision_key

# Standard up to 4096 bytes, advanced above, and never back: a put with "Standard" would fail then.
_TIER = "Intelligent-Tiering"
_DENIED = ("AccessDenied", "AccessDeniedException", "InvalidKeyId", "DecryptionFailure")


def _name(cluster: Cluster) -> str:
    return names.parameter(cluster.environment, cluster.service, names.CONFIG)


@translated
class DynamoConfigRevisions:
    """The parameter's version, and the ledger's records: one item a revision."""

    def __init__(self, ssm: Any, table: Table) -> None:
        self._ssm = ssm
        self._table = table

    def newest(self, cluster: Cluster) -> int:
        # Without WithDecryption, the answer has the ciphertext, and KMS is not called.
        try:
            found = self._ssm.get_parameter(Name=_name(cluster))
        except self._ssm.exceptions.ParameterNotFound:
            return 0
        return int(found["Parameter"]["Version"])

    def recorded(self, cluster: Cluster) -> Sequence[ConfigRevision]:
        key = config_key(cluster)
        return self._table.records(ConfigRevision, key, newest_first=True, limit=KEPT_REVISIONS)

    def claim(self, revision: ConfigRevision) -> bool:
        return self._table.put(_item(revision), "attribute_not_exists(pk)")

    def record(self, revision: ConfigRevision) -> None:
        self._table.put(_item(revision))


def _item(revision: ConfigRevision) -> dict[str, Any]:
    return item(config_key(Cluster.parse(revision.cluster)), revision_key(revision.revision), revision)


@translated
class SsmConfigStore:
    """A parameter of each cluster, `/lifecycle/<environment>/<service>/config`, and the secrets that it names."""

    def __init__(self, ssm: Any, secrets: Any, sleep: Callable[[float], object] | None = None) -> None:
        self._ssm = ssm
        self._secrets = secrets
        self._sleep = {} if sleep is None else {"sleep": sleep}

    def read(self, cluster: Cluster, revision: int | None = None) -> Configuration:
        if revision == 0:
            return Configuration(0, {})
        name = _name(cluster) if revision is None else f"{_name(cluster)}:{revision}"
        try:
            with _denied(cluster, f"the key {names.CONFIG_KEY} with kms:Decrypt, and ssm:GetParameter"):
                found = self._ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
        except self._ssm.exceptions.ParameterNotFound:
            if revision is None:
                return Configuration(0, {})
            raise _unknown(cluster, revision) from None
        except self._ssm.exceptions.ParameterVersionNotFound:
            raise _unknown(cluster, revision) from None
        return parse_document(found["Value"], int(found["Version"]))

    def write(self, cluster: Cluster, values: Mapping[str, Value], expected: int) -> int:
        del expected  # Parameter Store has no conditional write: the caller compares the answer.
        name, document = _name(cluster), document_of(values)
        needed = f"the key {names.CONFIG_KEY} with kms:Encrypt and kms:GenerateDataKey, and ssm:PutParameter"
        with _denied(cluster, needed), _without_values():
            written = repeated(
                lambda: self._ssm.put_parameter(
                    Name=name,
                    Value=document,
                    Type="SecureString",
                    KeyId=names.CONFIG_KEY,
                    Tier=_TIER,
                    Overwrite=True,
                ),
                "TooManyUpdates",
                **self._sleep,
            )
        return int(written["Version"])

    def resolved(self, configuration: Configuration) -> dict[str, str]:
        read: dict[str, str] = {}
        found = {name: self._text(name, value, read) for name, value in sorted(configuration.values.items())}
        for name, text in found.items():
            check_value(name, text)  # no process can be started with another one
        return found

    def _text(self, name: str, value: Value, read: dict[str, str]) -> str:
        if isinstance(value, str):
            return value
        if value.secret not in read:
            read[value.secret] = self._secret(name, value)
        return _member(name, value, read[value.secret]) if value.key else read[value.secret]

    def _secret(self, name: str, reference: SecretRef) -> str:
        with _denied_secret(name, reference):
            try:
                found = self._secrets.get_secret_value(SecretId=reference.secret)
            except self._secrets.exceptions.ResourceNotFoundException:
                raise Unknown("secret", reference.secret, f"The configuration's {name} names it.") from None
            except self._secrets.exceptions.InvalidRequestException as error:  # it is marked for deletion
                raise StoreRefused(f"secret {reference.secret} of {name} cannot be read: {failure(error)}") from error
        if "SecretString" not in found:
            raise StoreRefused(f"secret {reference.secret} of {name} has bytes, expected a text: store it as a text")
        return str(found["SecretString"])


def _member(name: str, reference: SecretRef, text: str) -> str:
    """Return one member of a secret's JSON object; its errors have no value."""
    try:
        members = parse_json(text)
    except InvalidJson:
        members = None
    if not isinstance(members, dict):
        found = "a text that is no JSON object"
    elif reference.key not in members:
        found = "none of this name"
    elif isinstance(members[reference.key], dict | list | None):
        found = "null, an object or a list"
    else:
        value = members[reference.key]
        # A port in a secret of a database is a number.
        return value if isinstance(value, str) else json.dumps(value)
    raise StoreRefused(
        f"secret {reference.secret} of {name}: expected a member '{reference.key}' that is a text, found {found}"
    )


def _unknown(cluster: Cluster, revision: int | None) -> Unknown:
    hint = f"Parameter Store keeps the newest 100. See `lifecycle config history {cluster.service}`."
    return Unknown("configuration revision", str(revision), hint, of=str(cluster))


@contextmanager
def _without_values() -> Iterator[None]:
    """Raise an error of AWS without its message, which may repeat an invalid value; a denial repeats none."""
    try:
        yield
    except Exception as error:
        if code_of(error) in _DENIED or (answer := getattr(error, "response", None)) is None:
            raise
        answer["Error"]["Message"] = ""
        failed = failure(error)
        # `from None`: the original error has AWS's message in its own text.
        raise (failed or StoreRefused("the configuration was not written")) from None


@contextmanager
def _denied(cluster: Cluster, needed: str) -> Iterator[None]:
    host = names.host_role(cluster.environment, cluster.service)
    who = f"people with the policy {names.CONFIGURER}, and for reading the role {host}-<region>"
    with _explained(f"the configuration of {cluster} is denied; only {who} have it. Needed: {needed}"):
        yield


@contextmanager
def _denied_secret(name: str, reference: SecretRef) -> Iterator[None]:
    needed = f"secretsmanager:GetSecretValue on {reference.secret}"
    with _explained(f"the secret of {name} is denied; the role of the host needs {needed}"):
        yield


@contextmanager
def _explained(words: str) -> Iterator[None]:
    """Raise ConfigDenied in these words for a call that IAM or KMS denies."""
    try:
        yield
    except Exception as error:
        if code_of(error) not in _DENIED or (failed := failure(error)) is None:
            raise
        raise ConfigDenied(
            f"{words} ({failed})",
            service=failed.service,
            operation=failed.operation,
            code=failed.code,
            temporary=False,
        ) from error
