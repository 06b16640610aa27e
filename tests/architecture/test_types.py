"""mypy reads every module of CDK that our code imports, and no other (pyproject.toml)."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def followed() -> set[str]:
    """Return the services of aws_cdk whose types mypy reads."""
    overrides = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["overrides"]
    listed = next(each["module"] for each in overrides if each.get("follow_imports") == "normal")
    return {name.removeprefix("aws_cdk.*.") for name in listed if name.startswith("aws_cdk.*.")}


def imported() -> Iterator[str]:
    """Yield the services of aws_cdk that a module of ours imports."""
    for path in (*(ROOT / "infra").rglob("*.py"), *(ROOT / "tests").rglob("*.py")):
        text = path.read_text()
        if "aws_cdk" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom) and node.module == "aws_cdk":
                yield from (each.name for each in node.names if each.name.startswith("aws_"))
            elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("aws_cdk.aws_"):
                yield str(node.module).split(".")[1]
            elif isinstance(node, ast.Import):
                names = [each.name.split(".") for each in node.names]
                yield from (name[1] for name in names if name[0] == "aws_cdk" and len(name) > 1)


def test_mypy_reads_the_modules_of_cdk_that_infra_imports() -> None:
    assert followed() == set(imported()), "bring the list of aws_cdk modules in pyproject.toml up to date"
