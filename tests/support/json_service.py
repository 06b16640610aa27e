"""An AWS service in memory behind a real client of botocore: its validation, its retries and its parser stay."""

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ClientError

from lifecycle.gateways.aws.client import client_config
from tests.support.aws_limits import strict

Operation = Callable[[dict[str, Any]], Mapping[str, Any]]


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Any:
        yield self.read()


def json_client(service: str, operations: Mapping[str, Operation]) -> Any:
    """Return the client of a service with a JSON protocol, whose `operations` answer or raise ClientError."""
    client: Any = boto3.client(
        service,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=client_config(),
    )

    client._endpoint.http_session = _Session(operations)
    return strict(client)


class _Session:
    """An HTTP session that calls the operations."""

    def __init__(self, operations: Mapping[str, Operation]) -> None:
        self._operations = operations

    def send(self, request: AWSPreparedRequest) -> Any:
        target = request.headers["X-Amz-Target"]
        name = (target.decode() if isinstance(target, bytes) else str(target)).rpartition(".")[2]
        try:
            return response(request, 200, json.dumps(self._operations[name](json.loads(request.body)), default=str))
        except ClientError as error:
            found = error.response["Error"]
            return response(request, 400, json.dumps({"__type": found["Code"], "message": found.get("Message", "")}))

    def close(self) -> None:
        """Do nothing: there is no connection."""


def response(request: AWSPreparedRequest, status: int, body: str, kind: str = "application/x-amz-json-1.1") -> Any:
    """Return an HTTP response as botocore reads it."""
    raw: Any = _Raw(body.encode())
    return AWSResponse(request.url, status, {"content-type": kind}, raw)
