"""The catalogue in the ledger: the repository that owns a service, its snapshots and its releases."""

from collections.abc import Mapping
from typing import Any

from lifecycle.gateways.aws.errors import code_of, pauses, translated
from lifecycle.gateways.aws.table import Table, item, record, service_key


@translated
class DynamoCatalogue:
    """Every item is written once. One transaction binds a release to its snapshot."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def claim_service(self, service: str, repository: str) -> str:
        wanted = item(service_key(service), "OWNER", {"repository": repository})
        if self._table.put(wanted, "attribute_not_exists(pk)"):
            return repository
        found = self._table.get(service_key(service), "OWNER")
        return record(dict[str, str], found)["repository"] if found else repository

    def record_snapshot(self, service: str, snapshot: str, facts: Mapping[str, str]) -> Mapping[str, str]:
        pk, sk, body = service_key(service), f"SNAPSHOT#{snapshot}", {"snapshot": snapshot, "facts": dict(facts)}
        if self._table.put(item(pk, sk, body), "attribute_not_exists(pk)"):
            return facts
        found = self._table.get(pk, sk)
        stored: Mapping[str, str] = record(dict[str, Any], found)["facts"] if found else facts
        return stored

    def snapshots(self, service: str) -> Mapping[str, Mapping[str, str]]:
        bodies = self._table.records(dict[str, Any], service_key(service), "SNAPSHOT#")
        return {body["snapshot"]: body["facts"] for body in bodies}

    def releases(self, service: str) -> Mapping[str, str]:
        bodies = self._table.records(dict[str, str], service_key(service), "RELEASE#")
        return {body["release"]: body["snapshot"] for body in bodies}

    def claim_release(self, service: str, snapshot: str, release: str) -> str | None:
        body, pk = {"release": release, "snapshot": snapshot}, service_key(service)
        dynamodb = self._table.dynamodb
        new = {"TableName": self._table.name, "ConditionExpression": "attribute_not_exists(pk)"}
        keys = (f"PROMOTION#{snapshot}", f"RELEASE#{release}")
        puts = [{"Put": {**new, "Item": item(pk, sk, body)}} for sk in keys]
        tries = pauses(self._table.sleep)
        next(tries)
        while True:
            try:
                # botocore adds a token, so that its repeat of a lost call is no second transaction.
                dynamodb.transact_write_items(TransactItems=puts)
            except Exception as error:
                if code_of(error) != "TransactionCanceledException":
                    raise
                # The items say why. If neither exists, nothing was claimed: another transaction was under way, or
                # DynamoDB was throttled.
                bound, taken = self._table.get_all([(pk, sk) for sk in keys])
                if bound or taken:
                    return record(dict[str, str], bound)["release"] if bound else None
                if next(tries, "over") == "over":
                    raise
            else:
                return release
