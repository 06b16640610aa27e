"""A cluster's configuration: the environment variables of its service that no artifact holds.

Each cluster has one JSON document, a SecureString of SSM Parameter Store, with all names and their values. The
version of that parameter is the configuration's revision. `lifecycle config` writes it, and the cluster's hosts read
it. The record of a revision in the ledger has names only, so that a plan can show and check them without a value.
"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from lifecycle.domain.errors import InvalidJson, InvalidName, InvalidValue, StoreRefused
from lifecycle.domain.foreign_json import parse_json

# The bytes of a parameter of SSM: one of the standard tier, and one of the advanced tier, which costs money.
STANDARD_BYTES = 4096
ADVANCED_BYTES = 8192
KEPT_REVISIONS = 100  # the newest versions of a parameter

# The agent sets HOST, PORT and LIFECYCLE_*. PATH chooses the programs that run, so it belongs to the release.
RESERVED_NAMES = frozenset({"HOST", "PORT", "PATH"})
RESERVED_PREFIX = "LIFECYCLE_"
NAME_FORM = "a letter or an underscore, then letters, digits and underscores; at most 128 characters"
SECRETS = (
    "the name of a secret of Secrets Manager, or its ARN, then a colon and a key if the secret is a JSON object, "
    "such as lifecycle/production/hello/database:password"
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SECRET_NAME = re.compile(r"[A-Za-z0-9/_+=.@!-]{1,512}")
_SECRET_ARN = re.compile(r"arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@!-]{1,512}")
_ARN_PARTS = 7


@dataclass(frozen=True, slots=True)
class SecretRef:
    """A secret of Secrets Manager by its name or ARN; with a `key`, one member of the JSON object that it holds."""

    secret: str
    key: str = ""

    def __str__(self) -> str:
        return f"{self.secret}:{self.key}" if self.key else self.secret


Value: TypeAlias = str | SecretRef


@dataclass(frozen=True, slots=True, repr=False)
class Configuration:
    """One revision of a cluster's configuration. It prints its names only: a value must reach no log."""

    revision: int
    values: Mapping[str, Value]

    def __repr__(self) -> str:
        return f"Configuration(revision={self.revision}, names={self.names})"

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self.values))


@dataclass(frozen=True, slots=True)
class ConfigRevision:
    """The record of a revision in the ledger: the `names` that exist, and the `changed` ones, never a value.

    `changed` are the names that were set, changed or removed since the revision before.
    """

    cluster: str
    revision: int
    names: tuple[str, ...]
    changed: tuple[str, ...]
    by: str
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ConfigNames:
    """The names that a service declares in lifecycle.toml."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def check_name(name: str) -> str:
    """Return the name if a configuration may have it; raises InvalidName."""
    if not _NAME.fullmatch(name):
        raise InvalidName("environment variable name", name[:200], NAME_FORM)
    if is_reserved(name):
        allowed = f"another name: HOST, PORT and {RESERVED_PREFIX}* are set by Lifecycle, and PATH by run.environment"
        raise InvalidName("name for a configuration", name, allowed)
    return name


def is_reserved(name: str) -> bool:
    """Return whether no configuration may have this name."""
    return name in RESERVED_NAMES or name.startswith(RESERVED_PREFIX)


def parse_secret(text: str) -> SecretRef:
    """Return the reference of `NAME`, `NAME:key`, `ARN` or `ARN:key`; raises InvalidName."""
    if text.startswith("arn:"):
        parts = text.split(":")
        secret, key = ":".join(parts[:_ARN_PARTS]), ":".join(parts[_ARN_PARTS:])
    else:
        secret, _, key = text.partition(":")
    return _checked_secret(SecretRef(secret, key))


def _checked_secret(reference: SecretRef) -> SecretRef:
    form = _SECRET_ARN if reference.secret.startswith("arn:") else _SECRET_NAME
    if not form.fullmatch(reference.secret) or not reference.key.isprintable() or len(reference.key) > 200:
        raise InvalidName("secret", str(reference)[:300], SECRETS)
    return reference


def check_value(name: str, value: Value) -> None:
    """Check a value that a configuration is to hold; raises InvalidValue, whose text has the name only."""
    if isinstance(value, SecretRef):
        _checked_secret(value)
    elif "\0" in value or not _encodes(value):
        raise InvalidValue(
            "value of an environment variable", f"the value of {name}", "text in UTF-8 without the character NUL"
        )


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def document_of(values: Mapping[str, Value]) -> str:
    """Return the JSON document of these values; raises InvalidName, and InvalidValue for too many bytes."""
    for name, value in values.items():
        check_value(check_name(name), value)
    plain = {name: _plain(values[name]) for name in sorted(values)}
    text = json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
    # Parameter Store refuses a value with two opening braces: they would name another parameter.
    text = text.replace("{{", "{\\u007b")
    if (size := size_of(text)) > ADVANCED_BYTES:
        allowed = (
            f"at most {ADVANCED_BYTES} bytes (Parameter Store's advanced tier). Put long values into Secrets "
            "Manager, and name them with --secret"
        )
        raise InvalidValue("configuration that can be stored", f"{size} bytes", allowed)
    return text


def size_of(document: str) -> int:
    """Return the bytes of a document, which is what Parameter Store limits."""
    return len(document.encode())


def _plain(value: Value) -> Any:
    if isinstance(value, str):
        return value
    return {"secret": value.secret, **({"key": value.key} if value.key else {})}


def parse_document(text: str, revision: int) -> Configuration:
    """Return the configuration of a stored document; raises StoreRefused, whose text has no value."""
    try:
        return Configuration(revision, values_of(text))
    except (InvalidValue, ValueError) as error:
        # `from None`: the error of a JSON parser holds the whole document.
        raise StoreRefused(
            f"revision {revision} of the configuration cannot be read: {error}. "
            "Write it again as a whole: `lifecycle config import SERVICE FILE --replace`"
        ) from None


def values_of(text: str) -> dict[str, Value]:
    """Return the values of a JSON object; raises InvalidValue, whose text has no value."""
    try:
        plain = parse_json(text, members=_members)
    except InvalidJson as error:
        raise InvalidValue("document", error.why, "a JSON object of names") from None
    if not isinstance(plain, dict):
        raise InvalidValue("document", f"JSON of the type {type(plain).__name__}", "a JSON object of names")
    found = {check_name(name): _value(name, value) for name, value in plain.items()}
    for name, value in found.items():
        check_value(name, value)
    return found


def _members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = min(name for name in names if names.count(name) > 1)
        raise InvalidValue("document", f"the name {twice[:128]} twice", "each name once")
    return found


def _value(name: str, plain: Any) -> Value:
    if isinstance(plain, str):
        return plain
    members = plain if isinstance(plain, dict) else {}
    if (
        "secret" in members
        and set(members) <= {"secret", "key"}
        and all(isinstance(v, str) for v in members.values())
    ):
        return SecretRef(members["secret"], members.get("key", ""))
    allowed = 'a text in quotes, or {"secret": "NAME-OR-ARN", "key": "KEY"}'
    raise InvalidValue("value of an environment variable", f"the value of {name} ({type(plain).__name__})", allowed)


def difference(old: Mapping[str, Value], new: Mapping[str, Value]) -> tuple[str, ...]:
    """Return the names that were set, changed or removed from one document to another."""
    return tuple(sorted(name for name in {*old, *new} if old.get(name) != new.get(name)))


def changed_between(revisions: Sequence[ConfigRevision], old: int, new: int) -> tuple[str, ...]:
    """Return the names that may differ between two revisions, in either order, as far as the records say.

    A name that was changed and set back counts as changed. Revision 0 has no names. `unrecorded` returns the
    revisions between the two whose record is missing.
    """
    low, high = sorted((old, new))
    recorded = {each.revision: each for each in revisions}
    ends = {name for end in (low, high) if end in recorded for name in recorded[end].names}
    if low == 0 and high in recorded:
        return tuple(sorted(ends))
    changed = {name for each in revisions if low < each.revision <= high for name in each.changed}
    both_known = high in recorded and (low in recorded or low == 0)
    return tuple(sorted(changed & ends if both_known else changed))


def unrecorded(revisions: Sequence[ConfigRevision], old: int, new: int) -> tuple[int, ...]:
    """Return the revisions whose record `changed_between` needs and does not find, at most the newest hundred."""
    low, high = sorted((old, new))
    known = {each.revision for each in revisions}
    needed = range(max(low, high - 100) + 1, high + 1) if low else range(high, high + 1)
    return tuple(each for each in needed if each and each not in known)


def missing(required: Collection[str], names: Collection[str]) -> tuple[str, ...]:
    """Return the required names that a configuration lacks."""
    return tuple(sorted(set(required) - set(names)))
