"""`make run` installs run.txt alone, and `make test` adds dev.txt. The lists agree, and what runs needs no more."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / "requirements"
# What the set-up and `make run` import, `make bench` included. pyinfra runs its own files, elsewhere.
RUNNING = ("apps", "functions", "infra", "layers/core/python", "layers/build.py", "tools/demo", "tools/bench")
OURS = {"apps", "infra", "layers", "lifecycle", "tools"}
_PIN = re.compile(r"^([a-z0-9-]+)==(\S+)((?: \\\n    --hash=\S+)+)$", re.MULTILINE)
_NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9-]*)", re.MULTILINE)


def pins(name: str) -> dict[str, tuple[str, str]]:
    """Return the version and the hashes of each package in a compiled list."""
    return {found[1]: (found[2], found[3]) for found in _PIN.finditer((REQUIREMENTS / name).read_text())}


def named(name: str) -> set[str]:
    """Return the packages that a list asks for."""
    return {each.lower() for each in _NAME.findall((REQUIREMENTS / name).read_text())}


def imports(path: Path) -> Iterator[str]:
    """Yield the packages that a module imports, in functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name.partition(".")[0] for each in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).partition(".")[0]


def modules(*names: str) -> list[Path]:
    paths = [ROOT / name for name in names]
    found = [each for path in paths for each in ([path] if path.is_file() else sorted(path.rglob("*.py")))]
    return [each for each in found if not each.name.startswith("pyinfra_")]


def test_run_is_a_part_of_dev_with_the_same_versions_and_hashes() -> None:
    run, dev = pins("run.txt"), pins("dev.txt")
    assert run
    assert run == {name: dev.get(name) for name in run}
    assert len(dev) > len(run)


@pytest.mark.parametrize("name", ["run.txt", "dev.txt", "emulator.txt"])
def test_lists_have_nothing_but_packages_with_hashes(name: str) -> None:
    lines = [
        line for line in (REQUIREMENTS / name).read_text().splitlines() if not line.startswith(("#", "    --hash"))
    ]
    assert [line.removesuffix(" \\") for line in lines] == [f"{each}=={pin}" for each, (pin, _) in pins(name).items()]


def test_pyproject_names_the_packages_of_the_lists() -> None:
    project: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    build = {"editables", *project["build-system"]["requires"]}
    assert {*project["project"]["dependencies"], *groups["run"], *build} == named("run.in") - {"botocore"}
    assert {each.lower() for each in groups["test"]} == named("dev.in")


def test_what_runs_imports_nothing_that_only_tests_install() -> None:
    distributions = packages_distributions()
    run = set(pins("run.txt"))
    missing = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in modules(*RUNNING)
        for name in imports(path)
        if name not in sys.stdlib_module_names | OURS
        and not run & {each.lower().replace("_", "-") for each in distributions.get(name, [])}
    }
    assert not missing, "add these to requirements/run.in, or do not import them"


def test_installer_needs_nothing_but_the_standard_library() -> None:
    needed = {
        name for path in modules("tools/install.py", "tools/__init__.py", "layers/build.py") for name in imports(path)
    }
    assert needed <= sys.stdlib_module_names
