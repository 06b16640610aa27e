"""Configurations in memory: values, their revisions, and the secrets that they name."""

import json
from collections.abc import Mapping, Sequence

from lifecycle.domain.errors import InvalidJson, StoreRefused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.foreign_json import parse_json
from lifecycle.domain.service.configuration import (
    ConfigRevision,
    Configuration,
    SecretRef,
    Value,
    check_value,
    document_of,
    parse_document,
)


class MemoryConfigStore:
    """Documents by cluster, the first of them revision 1; and secrets by name."""

    def __init__(self) -> None:
        self.documents: dict[Cluster, list[str]] = {}
        self.secrets: dict[str, str] = {}

    def read(self, cluster: Cluster, revision: int | None = None) -> Configuration:
        documents = self.documents.get(cluster, [])
        number = len(documents) if revision is None else revision
        if number == 0:
            return Configuration(0, {})
        if not 0 < number <= len(documents):
            raise Unknown("configuration revision", str(revision), of=str(cluster))
        return parse_document(documents[number - 1], number)

    def write(self, cluster: Cluster, values: Mapping[str, Value], expected: int) -> int:
        del expected
        documents = self.documents.setdefault(cluster, [])
        documents.append(document_of(values))
        return len(documents)

    def resolved(self, configuration: Configuration) -> dict[str, str]:
        found = {name: self._text(name, value) for name, value in sorted(configuration.values.items())}
        for name, text in found.items():
            check_value(name, text)
        return found

    def _text(self, name: str, value: Value) -> str:
        if isinstance(value, str):
            return value
        if value.secret not in self.secrets:
            raise Unknown("secret", value.secret, f"The configuration's {name} names it.")
        return self._member(value) if value.key else self.secrets[value.secret]

    def _member(self, reference: SecretRef) -> str:
        try:
            members = parse_json(self.secrets[reference.secret])
        except InvalidJson:
            members = None
        found = members.get(reference.key) if isinstance(members, dict) else None
        if found is None or isinstance(found, dict | list):
            raise StoreRefused(f"secret {reference.secret}: expected a member '{reference.key}' that is a text")
        return found if isinstance(found, str) else json.dumps(found)


class MemoryConfigRevisions:
    """The records of revisions; the newest revision is the store's."""

    def __init__(self, store: MemoryConfigStore) -> None:
        self._store = store
        self._recorded: dict[str, dict[int, ConfigRevision]] = {}

    def newest(self, cluster: Cluster) -> int:
        return len(self._store.documents.get(cluster, []))

    def recorded(self, cluster: Cluster) -> Sequence[ConfigRevision]:
        found = self._recorded.get(str(cluster), {})
        return [found[number] for number in sorted(found, reverse=True)][:100]

    def claim(self, revision: ConfigRevision) -> bool:
        found = self._recorded.setdefault(str(Cluster.parse(revision.cluster)), {})
        return found.setdefault(revision.revision, revision) == revision

    def record(self, revision: ConfigRevision) -> None:
        self._recorded.setdefault(str(Cluster.parse(revision.cluster)), {})[revision.revision] = revision
