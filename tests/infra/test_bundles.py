"""The published bundles: small enough for Lambda, complete, and the same bytes each time."""

import json
import re
import subprocess
import zipfile
from pathlib import Path
from typing import Any

from tests.infra.reading import only

LAMBDA_LIMIT = 250 * 1024**2


def members(archive: Path) -> dict[str, int]:
    with zipfile.ZipFile(archive) as opened:
        return {each.filename: each.file_size for each in opened.infolist()}


def asset(assembly: Path, key: str) -> Path:
    """Return the file that was published under an S3 key."""
    (found,) = assembly.glob(f"asset.{key.rsplit('/', 1)[-1].removesuffix('.zip')}*")
    return found


def test_both_layers_fit_into_lambda(assembly: Path, control_plane: dict[str, Any]) -> None:
    from layers.build import build  # noqa: PLC0415

    found = members(build("lambda"))
    core = sum(path.stat().st_size for path in Path("layers/core").rglob("*.py"))
    assert sum(found.values()) + core < LAMBDA_LIMIT / 8
    assert "python/pydantic_core/_pydantic_core.cpython-313-x86_64-linux-gnu.so" in found
    assert any(name.startswith("python/botocore/data/dynamodb/") for name in found)
    assert not any(name.startswith("python/botocore/data/sagemaker/") for name in found)


def test_the_layer_has_the_model_of_every_service_that_a_phase_calls() -> None:
    from layers.build import build  # noqa: PLC0415

    bootstrap = Path("layers/core/python/lifecycle/entrypoints/bootstrap.py").read_text()
    called = set(re.findall(r'(?:_lazy|client)\("(\w+)"\)', bootstrap))
    assert {"dynamodb", "sns", "events", "secretsmanager"} <= called
    found = members(build("lambda"))
    modelled = {
        name.split("/")[3] for name in found if name.startswith("python/botocore/data/") and name.count("/") > 3
    }
    assert called <= modelled


def test_a_build_that_is_up_to_date_is_left_alone() -> None:
    from layers.build import build  # noqa: PLC0415

    first = build("lambda")
    before = first.stat().st_mtime_ns
    assert build("lambda").stat().st_mtime_ns == before


def test_the_builds_tools_hold_apps_build_and_all_it_imports(assembly: Path, control_plane: dict[str, Any]) -> None:
    (source,) = only(control_plane, "CodeBuild::Project")["SecondarySources"]
    found = members(asset(assembly, source["Location"]["Fn::Join"][1][-1]))
    for name in ("apps/build/__main__.py", "lifecycle/domain/service/manifest.py", "cattrs/__init__.py"):
        assert name in found
    assert not any(name.startswith(("apps/local", "apps/cli", "apps/agent")) for name in found)


def test_the_agents_bundle_is_pure_python(assembly: Path) -> None:
    from infra.bundles import agent  # noqa: PLC0415

    found = members(agent())
    assert "apps/agent/__main__.py" in found
    assert "boto3/__init__.py" in found
    assert not any(name.endswith((".so", ".pyc")) or name.startswith("pydantic") for name in found)


def test_the_install_script_is_valid_bash(asg: dict[str, Any]) -> None:
    booted = only(asg, "EC2::LaunchTemplate")["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    script = "".join(p if isinstance(p, str) else "x" for p in booted["Fn::Join"][1])
    done = subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "$$" not in script


def test_cdk_has_no_warnings(assembly: Path) -> None:
    report = assembly / "validation-report.json"
    found = json.loads(report.read_text()) if report.exists() else {"pluginReports": []}
    violations = [v for plugin in found["pluginReports"] for v in plugin.get("violations", [])]
    assert [(v.get("ruleName"), v.get("description")) for v in violations] == []
