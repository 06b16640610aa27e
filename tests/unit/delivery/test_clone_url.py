"""A repository has one address here, that of its pushes; each other form of it would be another repository."""

from pathlib import Path

import pytest

from apps.local.git import repositories
from lifecycle.domain.delivery.clone_url import clone_url, codecommit_name
from lifecycle.domain.errors import InvalidValue
from lifecycle.entrypoints.delivery_events import StartBuild, TransferService
from tests.unit.cli.conftest import Desk

CODECOMMIT = "https://git-codecommit.eu-central-1.amazonaws.com/v1/repos"
FORMS = [
    *("https://github.com/acme/shop.git", "https://git.example.test:8443/a/b/My_Shop.x.git", "https://x/shop.git"),
    *(
        f"{CODECOMMIT}/My.Shop",
        "/home/ada/.lifecycle/shop.git",
        "/srv/übung/shop.git",
        "file:///home/my%20work/shop.git",
    ),
]
OTHERS = [
    *("https://github.com/acme/shop", "https://github.com/acme/shop/", "https://github.com/acme/shop.git/"),
    *("https://GitHub.com/acme/shop.git", "HTTPS://github.com/acme/shop.git", "https://github.com./acme/shop.git"),
    *(
        "https://github.com:443/acme/shop.git",
        "https://github.com//acme/shop.git",
        "https://github.com/a/../b/shop.git",
    ),
    *(
        "https://github.com/acme/sho%70.git",
        "https://github.com/acme/shop.git?x",
        "https://github.com/acme/shop.git#x",
    ),
    *("https://ada@github.com/acme/shop.git", "https://github.com/acme/.git", "http://github.com/acme/shop.git"),
    *("git@github.com:acme/shop.git", "ssh://git@github.com/acme/shop.git", "shop", "", "/", "./shop"),
    *(f"{CODECOMMIT}/shop/", f"{CODECOMMIT}/shop.git", f"{CODECOMMIT}/a/shop.git"),
    f"{CODECOMMIT}/shop".replace("codecommit", "codecommit-fips"),
    *("/srv/shop.git/", "/srv//shop.git", "/srv/../shop.git", "/srv/my work/shop.git", "/srv/\ud800"),
    *("file:///srv/shop.git", "file:///srv/my%20work/../shop.git", "file:///srv/my work/shop.git"),
    *("file://host/srv/my%20work", "https://x/" + "a" * 2000 + ".git"),
]


@pytest.mark.parametrize("url", FORMS)
def test_form_that_pushes_have_is_an_address(url: str) -> None:
    assert clone_url(url) == url


@pytest.mark.parametrize("url", OTHERS)
def test_any_other_form_is_refused_with_that_of_pushes(url: str) -> None:
    with pytest.raises(InvalidValue, match=r"allowed: the clone URL as its pushes name it: https://<host>/"):
        clone_url(url)


@pytest.mark.parametrize("name", ["shop", "my work", "übung", "my übung"])
def test_address_that_a_laptop_gives_a_repository_is_one(name: str) -> None:
    assert clone_url(repositories.clone_url(Path(f"/home/ada/{name}/shop.git")))


def test_codecommit_has_one_name_for_a_repository() -> None:
    assert [codecommit_name(f"{CODECOMMIT}/{name}") for name in ("shop", "shop.git", "shop/")] == ["shop", "", ""]


@pytest.mark.parametrize("url", OTHERS)
def test_no_event_names_another_form(url: str) -> None:
    with pytest.raises(ValueError, match="to"):
        TransferService(service="shop", to=url, by="ada", why="moved")
    with pytest.raises(ValueError, match="repository"):
        StartBuild(
            repository=url, name="x", commit="a" * 40, branch="main", execution="x", started="2026-11-23T12:00:00Z"
        )


@pytest.mark.parametrize(
    "command",
    ["build --head https://github.com/acme/shop", "service transfer hello --to https://github.com/a/b --why x"],
)
def test_commands_refuse_another_form_before_they_do_anything(command: str) -> None:
    desk = Desk()
    done = desk.type(command)
    assert (done.exit_code, "as its pushes name it" in done.stderr) == (1, True)
    assert (desk.functions.calls, desk.executions.deliveries) == ([], {})
