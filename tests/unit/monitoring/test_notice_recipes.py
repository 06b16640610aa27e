"""The recipes of docs/notifications.md: the webhook against a local server, and the templates against the schemas."""

import importlib.util
import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from cfnlint.api import lint_file
from cfnlint.config import ManualArgs

RECIPES = Path(__file__).parents[3] / "examples" / "notices"
MESSAGE = {"Subject": "production/hello 1.0.1 halted", "Message": "host-2 failed <@everyone> & more\n\nid: 7"}


class Chat(ThreadingHTTPServer):
    """A chat's webhook: it keeps what it gets, and answers `status`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.received: list[dict[str, Any]] = []
        self.status = 200


class _Answer(BaseHTTPRequestHandler):
    server: Chat

    def do_POST(self) -> None:
        assert self.headers["Content-Type"] == "application/json"
        self.server.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the name of the base class)
        """Print nothing."""


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Chat]:
    server = Chat()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("WEBHOOK_URL", f"http://127.0.0.1:{server.server_address[1]}/hook")
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def posted(*messages: dict[str, str]) -> int:
    """Call the function as SNS does."""
    spec = importlib.util.spec_from_file_location("notices_handler", RECIPES / "handler.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: int = module.handle({"Records": [{"Sns": each} for each in messages]}, None)
    return found


def test_message_is_posted_to_slack_without_mentions_or_links(chat: Chat) -> None:
    assert posted(MESSAGE, MESSAGE) == 2
    text = "*production/hello 1.0.1 halted*\nhost-2 failed &lt;@everyone&gt; &amp; more\n\nid: 7"
    assert chat.received == [{"text": text}] * 2


def test_message_is_posted_to_teams_as_a_card(chat: Chat, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT", "teams")
    assert posted(MESSAGE) == 1
    [attachment] = chat.received[0]["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert [each["text"] for each in attachment["content"]["body"]] == [MESSAGE["Subject"], MESSAGE["Message"]]


@pytest.mark.parametrize("status", [400, 429, 500])
def test_refused_message_fails_so_that_it_is_tried_again(chat: Chat, status: int) -> None:
    chat.status = status
    with pytest.raises(HTTPError, match=str(status)):
        posted(MESSAGE)


@pytest.mark.parametrize("name", ["webhook.yaml", "amazon-q.yaml"])
def test_template_fits_the_schemas_of_cloudformation(name: str) -> None:
    found = lint_file(RECIPES / name, config=ManualArgs(regions=["eu-west-1"], ignore_checks=["W3002"]))
    assert [f"{each.rule.id} {each.message}" for each in found] == []


def test_template_of_amazon_q_makes_messages_of_its_schema() -> None:
    text = (RECIPES / "amazon-q.yaml").read_text()
    template = re.search(r"InputTemplate: >-\n((?: {14}.*\n)+)", text)
    assert template
    # EventBridge puts the JSON of a value in place of its name.
    filled = template[1].replace("<summary>", json.dumps('a "title"')).replace("<text>", json.dumps("two\nlines"))
    content = {"textType": "client-markdown", "title": 'a "title"', "description": "two\nlines"}
    assert json.loads(filled) == {"version": "1.0", "source": "custom", "content": content}
