"""Services without HTTP: what they declare, what is refused, and what their manifest says."""

import json

import pytest

from lifecycle.domain.service.manifest import Check, Run
from lifecycle.gateways.serialization import Source, from_json, to_json, to_plain
from lifecycle.servicefile.model import ManifestParts
from lifecycle.servicefile.problems import InvalidServiceFile
from lifecycle.servicefile.reading import parse_service_file

HEAD = 'name = "worker"\nversion = "0.1"\n'
WORKER = f'{HEAD}[run]\ncommand = "exec ./work"\nhttp = false\n'
TEST = '[checks]\nself_test = { command = "./check.sh", timeout_seconds = 5 }\n'
PLACE = Source("manifest.json", "build again")


def parts(text: str) -> ManifestParts:
    return parse_service_file(text.encode()).to_manifest_parts()


def refusal(text: str) -> str:
    with pytest.raises(InvalidServiceFile) as refused:
        parse_service_file(text.encode())
    return str(refused.value)


def test_worker_has_no_port_and_no_path_and_its_self_test_is_a_command() -> None:
    found = parts(WORKER + TEST)
    assert (found.run.http, found.run.port) == (False, 0)
    assert found.is_alive.paths == ()
    assert found.self_test == Check(command="./check.sh", timeout_seconds=5.0)
    assert found.metrics_path is None


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ("run", "port = 8080"),
        ("run", "start_seconds = 3"),
        ("checks", 'is_alive = "/is_alive"'),
        ("checks", "is_alive = { timeout_seconds = 3 }"),
        ("checks", 'metrics = "/metrics"'),
        *(
            (f"environments.{name}", key)
            for name in ("staging", "production")
            for key in ("bake_minutes = 10", 'on_fail = "halt"', 'after_bake = "ask"', "drain_seconds = 5")
        ),
    ],
)
def test_key_that_needs_http_is_refused_by_its_name(place: str, key: str) -> None:
    text = WORKER + TEST
    table = f"[{place}]\n"
    text = text.replace(table, f"{table}{key}\n") if table in text else f"{text}{table}{key}\n"
    assert f"{place}.{key.partition(' ')[0]}: expected no such key with run.http = false" in refusal(text)
    with_http = text.replace("http = false", "http = true").replace("self_test", "# self_test")
    assert parse_service_file(with_http.encode()).run.http


def test_every_problem_is_reported_at_once() -> None:
    said = refusal(f'{WORKER}port = 80\n[checks]\nis_alive = "/x"\n[environments.staging]\ndrain_seconds = 5\n')
    assert [line.split(": ")[1] for line in said.splitlines()] == [
        *("run.port", "checks.self_test", "checks.is_alive", "environments.staging.drain_seconds")
    ]


def test_metrics_of_the_service_are_refused() -> None:
    said = refusal(f'{WORKER}{TEST}[[metrics]]\nname = "queue"\nbetter = "lower"\n')
    assert "metrics: expected no such key with run.http = false: metrics are read from a path" in said


@pytest.mark.parametrize(
    ("checks", "found"),
    [
        ("", "found nothing"),
        ("[checks]\n", "found nothing"),
        ('[checks]\nself_test = "/self_test"\n', 'found "/self_test"'),
        ("[checks]\nself_test = { timeout_seconds = 3 }\n", "found nothing"),
    ],
)
def test_worker_without_a_self_test_command_is_refused(checks: str, found: str) -> None:
    said = refusal(WORKER + checks)
    assert 'checks.self_test: expected a command, such as { command = "./check.sh" }' in said
    assert found in said


@pytest.mark.parametrize("value", ['"false"', "0", "[]"])
def test_http_is_true_or_false(value: str) -> None:
    assert "run.http: expected true or false" in refusal(WORKER.replace("false", value) + TEST)


@pytest.mark.parametrize("protocol", ["grpc", "http2", "HTTP2", "tcp"])
def test_other_protocols_are_refused_and_the_message_says_what_works(protocol: str) -> None:
    said = refusal(f'{HEAD}[run]\ncommand = "exec ./serve"\nprotocol = "{protocol}"\n')
    assert 'lifecycle.toml:5: run.protocol: expected "http", which is HTTP/1.1' in said
    assert f'found "{protocol}"' in said
    assert "http = false" in said


def test_protocol_may_be_named_and_is_in_no_manifest() -> None:
    found = parts(f'{HEAD}[run]\ncommand = "exec ./serve"\nprotocol = "http"\n')
    assert found.run == Run("exec ./serve", 8080)


def test_manifest_of_a_service_with_http_is_written_as_before() -> None:
    assert "http" not in to_plain(Run("exec ./serve", 8080))
    assert from_json(Run, json.dumps({"command": "exec ./serve", "port": 8080}), PLACE).http


def test_manifest_of_a_worker_says_so() -> None:
    run = parts(WORKER + TEST).run
    assert from_json(Run, to_json(run), PLACE) == run
