"""The agent's clock reads the time in the answers to a real client of DynamoDB, refusals included."""

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from botocore.exceptions import ClientError

from apps.agent.ledger_clock import LedgerClock, utc_now


class Refusal(BaseHTTPRequestHandler):
    """An answer that refuses every call, with the header Date."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"__type": "any#ValidationException", "message": "refused"}'
        self.send_response(400)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Refusal)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("ahead", [-90, 0, 90])
def test_clock_is_corrected_by_the_answers_of_a_client(endpoint: str, ahead: int) -> None:
    clock = LedgerClock(lambda: utc_now() + timedelta(seconds=ahead))
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
    dynamodb = boto3.client("dynamodb", endpoint_url=endpoint, region_name="eu-west-1", **keys)
    clock.listen(dynamodb)
    with pytest.raises(ClientError):
        dynamodb.get_item(TableName="ledger", Key={"pk": {"S": "x"}})
    dynamodb.close()
    assert abs(clock.now() - utc_now()) < timedelta(seconds=2)
