"""The settings of cdk.json that are about who may call, and what a build may pull."""

from typing import Any

import pytest
from aws_cdk import App

from infra.settings import Settings


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
