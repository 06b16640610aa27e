"""The structure that the README promises: one folder per phase, dependencies one way, fakes for every gateway."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = ROOT / "layers" / "core" / "python" / "lifecycle"
HANDLERS = {path.parent.name: path for path in sorted((ROOT / "functions").glob("*/*/handler.py"))}
PHASES = sorted(HANDLERS)
OURS = ("functions", "layers/core", "infra", "apps", "tools", "tests")


def sources() -> list[Path]:
    return [path for folder in OURS for path in sorted((ROOT / folder).rglob("*.py"))]


def test_dependencies_point_one_way() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize("phase", PHASES)
def test_a_handler_parses_calls_and_dumps_in_thirty_lines(phase: str) -> None:
    text = HANDLERS[phase].read_text()
    handler = next(
        node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef) and node.name == "handle"
    )
    assert handler.end_lineno is not None
    assert handler.end_lineno - handler.lineno < 30


def test_there_is_a_function_for_each_phase() -> None:
    assert PHASES == [
        "act", "analyse", "approve", "await_alive", "await_human", "bind_hosts", "cancel_run", "check_build",
        "cluster_deleted", "converge", "decide", "diagnose", "drain", "end_bake", "finish", "forget_cluster",
        "freeze", "gc", "host_terminated", "host_terminating", "install", "next_step", "notify", "plan", "promote",
        "quarantine", "receive_push", "record_config",
        "record_snapshot", "register", "release_command", "remove_host", "remove_service", "repair", "report_status",
        "request", "roll_back", "self_test", "set_policy", "show_clusters", "show_deployment", "show_dora",
        "show_history", "show_pipeline", "show_questions", "show_test_bed", "start_build", "start_services",
        "transfer_service", "watch", "withdraw_release",
    ]  # fmt: skip


def test_every_aws_gateway_has_a_fake() -> None:
    without = {"__init__", "client", "errors", "table", "stream"}
    aws = {path.stem for path in (CORE / "gateways" / "aws").glob("*.py")} - without
    fakes = {path.stem for path in (ROOT / "tests" / "fakes").glob("*.py")}
    assert aws <= fakes


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_has_a_docstring_and_at_most_400_lines(path: Path) -> None:
    text = path.read_text()
    assert "tests" in path.parts or not text.strip() or ast.get_docstring(ast.parse(text)), (
        "a module docstring is missing"
    )
    assert len(text.splitlines()) <= 400, "split this module: it has more than one idea"


# What one process of Lifecycle writes for another on the same machine, and what the emulator or Envoy answers.
READ_THEIR_OWN_JSON = {
    "layers/core/python/lifecycle/domain/foreign_json.py",  # the door itself
    "apps/build/cache.py",
    "apps/local/own_files.py",
    "apps/local/aws/fork_server.py",
    "apps/local/aws/assets.py",
    "apps/local/aws/policies.py",  # the emulator's own Python has no Lifecycle
    "apps/local/aws/embedded.py",
    "apps/local/aws/assembly.py",
    "apps/local/codebuild/builds.py",
    "apps/local/codebuild/secondary_sources.py",
    "apps/local/dispatcher/envoy.py",
    "apps/local/dispatcher/saved_state.py",
}


def test_foreign_json_is_parsed_at_one_door() -> None:
    """json.loads raises RecursionError for a few kilobytes of brackets, and three other errors (foreign_json.py)."""
    found = set()
    for folder in ("functions", "layers/core", "apps"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute))
            if any(ast.unparse(each) in ("json.loads", "json.load") for each in calls):
                found.add(str(path.relative_to(ROOT)))
    assert found == READ_THEIR_OWN_JSON
