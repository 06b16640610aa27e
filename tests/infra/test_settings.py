"""The settings of cdk.json that are about who may call, and what a build may pull."""

from dataclasses import asdict
from typing import Any

import pytest
import yaml
from aws_cdk import App

from infra.cdk_json import IMAGE, ClusterSettings
from infra.constructs.build_project import buildspec
from infra.settings import BuildImage, Settings


def settings(**context: Any) -> Settings:
    return Settings.of(App(context=context, analytics_reporting=False))


def test_repositories_are_a_list_or_its_json() -> None:
    assert settings(codecommit_repositories=["shop"]).codecommit_repositories == ("shop",)
    assert settings(codecommit_repositories='["shop", "a.b-c_D"]').codecommit_repositories == ("shop", "a.b-c_D")
    assert settings().codecommit_repositories == ()


@pytest.mark.parametrize(
    "name", ["", "*", "shop*", "shop/x", "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/s", "a" * 49]
)
def test_a_repository_that_could_be_a_pattern_or_is_too_long_for_a_role_is_refused(name: str) -> None:
    with pytest.raises(SystemExit, match="codecommit_repositories"):
        settings(codecommit_repositories=[name])


def test_the_concurrency_of_webhooks_is_a_number_and_0_reserves_none() -> None:
    assert settings().webhook_concurrency == 10
    assert settings(webhook_concurrency="0").webhook_concurrency == 0
    for wrong in (-1, "many", 1.5, True):
        with pytest.raises(SystemExit, match="webhook_concurrency: expected a number from 0 to 9999"):
            settings(webhook_concurrency=wrong)


CLUSTER = {"service": "hello", "environment": "production", "vpc_id": "vpc-1", "subnet_ids": ["subnet-a", "subnet-b"]}


def test_cluster_chooses_its_image_packages_and_script() -> None:
    plain = ClusterSettings.read(CLUSTER)
    assert (plain.packages, plain.install_script, plain.volume_gb) == ((), "true", 30)
    own = {**CLUSTER, "image": "ami-0123456789abcdef0", "packages": ["python3.13"], "install": "infra/buildspec.yml"}
    made = ClusterSettings.read(own)
    assert (made.image, made.packages) == ("ami-0123456789abcdef0", ("python3.13",))
    assert made.install_script.startswith("# The commands")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *(("image", each) for each in ("", "al2023", "ami-xyz", "{{resolve:ssm:/a}}", 5)),
        *(("packages", each) for each in ("python3.13", ["a b"], ["$(reboot)"], ["-y"], [""], [None], 5)),
        *(("install", each) for each in ("no/such/file", 5)),
        *(("volume_gb", each) for each in (7, 16_385, "30", True, 8.5)),
        *(("root_device", each) for each in ("sda", "/dev/../x", 5)),
        *(("service", each) for each in ("Hello_World", "", "a" * 25, 5)),
        *(("environment", each) for each in ("prod", None, ["production"])),
        *(("vpc_id", each) for each in ("", "subnet-1", 5)),
        *(("subnet_ids", each) for each in ("subnet-1", [], ["subnet-1"], ["vpc-1", "vpc-2"], None)),
        *(("host_subnet_ids", each) for each in ("subnet-1", [5], None)),
        *(("hosts", each) for each in (0, -3, True, "2", 2.5, 2_001)),
        *(("instance_type", each) for each in ("small", "", 5, "t4g.small", "m7gd.large", "a1.large", "im4gn.large")),
        *(("drain_seconds", each) for each in (90_000, -1, "60")),
        *((port, each) for port in ("service_port", "listener_port") for each in (0, 99_999, "80")),
        *(("allowed_cidr", each) for each in ("0.0.0.0", "10.0.0.0/33", "::/0", "10.0.0.0 /8", 5)),
        *(("is_alive_path", each) for each in ("is_alive", "/a b", "")),
        *((key, "yes") for key in ("http", "internal", "detailed_monitoring", "metrics_always")),
        *(("certificate_arn", each) for each in ("my-certificate", 5)),
        *(("most_error_percent", each) for each in (-1, 101, float("nan"), "2")),
    ],
)
def test_value_that_aws_or_a_shell_would_not_take_is_refused(key: str, value: Any) -> None:
    with pytest.raises(SystemExit, match=f"cdk.json: clusters: {key}: expected"):
        ClusterSettings.read({**CLUSTER, key: value})


@pytest.mark.parametrize("kind", ["t4g.small", "m7g.large"])
def test_graviton_has_an_image_of_its_own_and_graphics_have_not(kind: str) -> None:
    arm = IMAGE.replace("x86_64", "arm64")
    assert ClusterSettings.read({**CLUSTER, "instance_type": kind, "image": arm}).image == arm
    own = {**CLUSTER, "image": "ami-0123456789abcdef0"}
    assert ClusterSettings.read({**own, "instance_type": kind}).instance_type == kind
    for other in ("g4dn.xlarge", "g6.xlarge", "m7i-flex.large", "u-6tb1.112xlarge", "x2iedn.large"):
        assert ClusterSettings.read({**CLUSTER, "instance_type": other}).instance_type == other


@pytest.mark.parametrize("clusters", [5, {}, "{", [5], [{}], [{**CLUSTER, "host": 4}], [CLUSTER, CLUSTER]])
def test_clusters_of_the_wrong_form_are_one_sentence(clusters: Any) -> None:
    with pytest.raises(SystemExit, match=r"cdk\.json: clusters: "):
        settings(clusters=clusters)


def test_every_setting_of_a_cluster_has_its_default_taken() -> None:
    plain = asdict(ClusterSettings.read(CLUSTER))
    assert asdict(ClusterSettings.read(plain)) == plain


def test_build_chooses_its_image_and_runtimes() -> None:
    assert "      python: 3.13\n" in buildspec(settings().build)
    chosen = settings(build={"runtimes": {"python": "3.12", "nodejs": "22"}, "compute": "BUILD_GENERAL1_LARGE"}).build
    assert yaml.safe_load(buildspec(chosen))["phases"]["install"]["runtime-versions"] == {
        "python": 3.12,
        "nodejs": 22,
    }
    own = settings(build='{"image": "public.ecr.aws/docker/library/python:3.13"}').build
    assert "install" not in yaml.safe_load(buildspec(own))["phases"]


@pytest.mark.parametrize(
    "found",
    [
        *({"image": each} for each in ("", "a b", 5)),
        *(
            {"runtimes": each}
            for each in ({}, {"nodejs": "22"}, {"python": "3\n"}, {"python": "3.13", "a: b": "1"}, 5)
        ),
        *({"compute": each} for each in ("", "small", 5)),
        *({"tools": "x"}, ["image"], 5),
    ],
)
def test_build_that_codebuild_would_not_take_is_refused(found: Any) -> None:
    with pytest.raises(SystemExit, match=r"cdk\.json: build: "):
        BuildImage.read(found)
