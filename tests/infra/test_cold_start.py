"""Cold starts, over the layers as Lambda gets them: what a handler imports, how long a push waits, what layers weigh.

Times are compared with one another, or with a bound of many times what was measured (docs/cold-start.md).
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from layers.build import LAMBDA_PYTHON, compiled, core, files, lambda_python
from tests.infra.conftest import Template
from tools.cold_start.fresh import Cold, Layers, handlers
from tools.cold_start.phases import phases

# GitHub waits ten seconds, and a sandbox and the network take their part.
PUSH_SECONDS = 3
# Of a first answer beside a function that imports all of Lifecycle, and makes every client.
LARGEST_SHARE = 0.6
LARGEST_LAYERS = 8_000_000
# The most today is 429, of `converge`.
MOST_MODULES = 445
# What clients bring, and what few calls need.
LATER = {"boto3", "cronsim", "dateutil", "ecdsa", "s3transfer", "urllib3"}
# Clients take up to 30 MB, and the runtime and the call's own records the rest.
SPARE_MB = 160


@pytest.fixture(scope="session")
def layers(tmp_path_factory: pytest.TempPathFactory) -> Layers:
    return Layers.unpacked(tmp_path_factory.mktemp("opt"))


def test_no_handler_imports_what_a_first_call_may_not_need(layers: Layers, control_plane: Template) -> None:
    known, found = handlers(), phases(control_plane["Resources"])
    assert known.keys() == found.keys()
    with ThreadPoolExecutor(2) as pool:
        started = pool.map(lambda handler: layers.cold(handler, (), times=1), known.values())
        cold = dict(zip(known, started, strict=True))
    early = {name: LATER & set(each.packages) for name, each in cold.items()}
    assert {name: packages for name, packages in early.items() if packages} == {}
    assert {name: each.modules for name, each in cold.items() if each.modules > MOST_MODULES} == {}
    full = {name: each.megabytes for name, each in cold.items() if each.megabytes + SPARE_MB > found[name].megabytes}
    assert full == {}


def test_a_push_is_answered_in_time_by_a_cold_function(layers: Layers, control_plane: Template) -> None:
    handler, phase = handlers()["receive_push"], phases(control_plane["Resources"])["receive_push"]
    assert {"dynamodb", "secretsmanager", "stepfunctions"} <= set(phase.clients)
    # In turns, so that other work on this machine adds to both.
    pairs = [(layers.cold(handler, phase.clients, times=1), layers.eager(handler, times=1)) for _ in range(5)]
    cold, eager = (min(each.seconds for each in found) for found in zip(*pairs, strict=True))
    assert pairs[0][0].seconds_at(phase.megabytes) < PUSH_SECONDS
    assert cold < LARGEST_SHARE * eager


def test_less_memory_takes_more_seconds() -> None:
    cold = Cold(imports=0.3, first_use=0.2, modules=1, packages=(), megabytes=60.0)
    assert cold.seconds_at(256) == pytest.approx(0.5 * 1769 / 256)
    assert cold.seconds_at(1769) == cold.seconds_at(3008) == pytest.approx(0.5)


def test_a_role_says_which_clients_a_function_may_make() -> None:
    def function(role: str) -> dict[str, Any]:
        name = {"FunctionName": "lifecycle-receive-push", "MemorySize": 1024}
        return {"Type": "AWS::Lambda::Function", "Properties": {**name, "Role": {"Fn::GetAtt": [role, "Arn"]}}}

    statements = [
        {"Action": "logs:PutLogEvents"},
        {"Action": ["states:StartExecution", "elasticloadbalancing:DescribeTargetHealth", "logs:GetLogEvents"]},
    ]
    role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyDocument": {"Statement": statements}}]}}
    (found,) = phases({"Function": function("Role"), "Role": role}).values()
    assert (found.name, found.megabytes) == ("receive_push", 1024)
    assert found.clients == ("elbv2", "logs", "stepfunctions")


def test_the_layers_are_small_and_have_no_module_to_compile(layers: Layers) -> None:
    (folder,) = layers.path
    found = dict(files(folder))
    assert {"lifecycle/names.pyc", "botocore/session.pyc", "pydantic/main.pyc"} <= found.keys()
    assert [name for name in found if name.endswith(".py")] == []


@pytest.mark.skipif(not lambda_python(), reason=f"the layers for Lambda are compiled by python{LAMBDA_PYTHON}")
def test_both_layers_have_at_most_eight_megabytes() -> None:
    from layers.build import build  # noqa: PLC0415

    assert build("lambda").stat().st_size + core().stat().st_size < LARGEST_LAYERS


def test_without_lambdas_python_the_layer_has_its_sources(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    members = {"python/a.py": tmp_path / "a.py", "python/b.json": tmp_path / "b.json"}
    assert compiled(members, tmp_path / "compiled", "") == members
    assert f"this machine has no python{LAMBDA_PYTHON}" in capsys.readouterr().err
