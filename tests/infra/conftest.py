"""The templates with one EC2 cluster, synthesised once; a finding of cdk-nag that is not accepted is an error."""

import json
from pathlib import Path
from typing import Any, TypeAlias

import pytest

Template: TypeAlias = dict[str, Any]
CLUSTER = {
    "service": "hello",
    "environment": "production",
    "vpc_id": "vpc-0123456789abcdef0",
    "subnet_ids": ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    "hosts": 4,
}
REPOSITORIES = ["shop", "site"]
WORKERS = {**CLUSTER, "service": "work", "http": False, "hosts": 3}


@pytest.fixture(scope="session")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly as AWS would get it; a finding of cdk-nag that is not accepted raises."""
    from aws_cdk import Validations  # noqa: PLC0415
    from cdk_nag import AwsSolutionsChecks  # noqa: PLC0415

    from infra.app import build_app  # noqa: PLC0415  (CDK takes seconds to import; only these tests pay)

    folder = tmp_path_factory.mktemp("assembly")
    app = build_app(
        str(folder), {"platform": "lambda", "clusters": [CLUSTER, WORKERS], "codecommit_repositories": REPOSITORIES}
    )
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    return folder


@pytest.fixture(scope="session")
def emulated_assembly(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The assembly as the embedded environment gets it."""
    from infra.app import build_app  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("emulated")
    build_app(str(folder), {"platform": "host"}).synth()
    return folder


@pytest.fixture(scope="session")
def emulated(emulated_assembly: Path) -> Template:
    return _read(emulated_assembly, "lifecycle")


@pytest.fixture(scope="session")
def emulated_cluster(emulated_assembly: Path) -> Template:
    return _read(emulated_assembly, "lifecycle-cluster")


@pytest.fixture(scope="session")
def control_plane(assembly: Path) -> Template:
    return _read(assembly, "lifecycle")


@pytest.fixture(scope="session")
def byo(assembly: Path) -> Template:
    return _read(assembly, "lifecycle-cluster")


@pytest.fixture(scope="session")
def asg(assembly: Path) -> Template:
    return _read(assembly, "lifecycle-production-hello")


@pytest.fixture(scope="session")
def byo_workers(assembly: Path) -> Template:
    return _read(assembly, "lifecycle-worker-cluster")


@pytest.fixture(scope="session")
def asg_workers(assembly: Path) -> Template:
    return _read(assembly, "lifecycle-production-work")


def _read(folder: Path, stack: str) -> Template:
    found: Template = json.loads((folder / f"{stack}.template.json").read_text())
    return found
