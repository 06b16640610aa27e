"""Each process and each AWS session of the laptop, the command line and the build ignores a person's settings.

`lifecycle.ambient` makes their variables. A call that inherits the person's shell by default is found here.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("apps", "layers/core/python", "tools/demo")
DOOR = "layers/core/python/lifecycle/ambient.py"
STARTS = {"subprocess.Popen", "subprocess.run", "subprocess.call", "subprocess.check_call", "subprocess.check_output"}
INHERITING = {"os.system", "os.popen", "os.execv", "os.execvp", "os.execl", "os.execlp", "os.spawnv", "os.spawnl"}
SESSIONS = {"boto3.Session", "boto3.client", "boto3.resource", "botocore.session.get_session"}
# Calls that hand on what their own caller made by the door.
PASSING_ON = {
    "apps/local/codebuild/cancellation.py": "each caller gives `env`, which shell.py and sources.py make",
    "apps/local/aws/lambda_workers.py": "runs in the emulator, whose variables start_emulator makes",
}
# Sessions whose AWS the settings of their surroundings do choose.
FOREIGN_SESSIONS = {
    "apps/agent/aws.py": "a host's role",
    "apps/build/main.py": "a build's role",
    "apps/cli/connection.py": "the profile that a person names with --profile",
    "layers/core/python/lifecycle/entrypoints/bootstrap.py": "a function's role",
    "layers/core/python/lifecycle/gateways/aws/client.py": "laptop_session itself",
}


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield file, name and call of every call by a dotted name."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name = path.relative_to(ROOT).as_posix()
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                    yield name, ast.unparse(node.func), node


def test_no_process_inherits_the_persons_variables_by_default() -> None:
    found = {
        f"{file}:{call.lineno}: {name}"
        for file, name, call in calls()
        if name in INHERITING
        or (name in STARTS and "env" not in {each.arg for each in call.keywords} and file not in PASSING_ON)
    }
    assert not found, f"give `env` from lifecycle.ambient: {sorted(found)}"


def test_variables_of_a_process_are_copied_by_the_door_alone() -> None:
    """`{**os.environ}`, `dict(os.environ)` and `os.environ.copy()` hand on a proxy, a profile and a Python path."""
    found = set()
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            name, tree = path.relative_to(ROOT).as_posix(), ast.parse(path.read_text(encoding="utf-8"))
            copied = [
                *(value for node in ast.walk(tree) if isinstance(node, ast.Dict) for value in _unpacked(node)),
                *(each for node in ast.walk(tree) if isinstance(node, ast.Call) for each in _copied(node)),
            ]
            found |= {f"{name}:{each.lineno}" for each in copied if ast.unparse(each) == "os.environ"}
    assert {each for each in found if not each.startswith(DOOR)} == set()


def _unpacked(node: ast.Dict) -> Iterator[ast.expr]:
    yield from (value for key, value in zip(node.keys, node.values, strict=True) if key is None)


def _copied(node: ast.Call) -> Iterator[ast.expr]:
    if isinstance(node.func, ast.Name) and node.func.id == "dict":
        yield from node.args
    if isinstance(node.func, ast.Attribute) and node.func.attr in ("copy", "items"):
        yield node.func.value


def test_every_session_for_the_laptop_is_closed_to_the_persons_aws() -> None:
    found = {f"{file}: {name}" for file, name, _ in calls() if name in SESSIONS and file not in FOREIGN_SESSIONS}
    assert not found, f"use laptop_session of lifecycle.gateways.aws.client: {sorted(found)}"
    assert all((ROOT / each).exists() for each in (*PASSING_ON, *FOREIGN_SESSIONS))
