"""The build's request, read from its environment."""

from datetime import UTC, datetime

import pytest

from apps.build.errors import BuildFailed
from apps.build.request import Request, from_environment

ENVIRON = {
    "LIFECYCLE_REPOSITORY": "https://github.com/example/hello.git",
    "LIFECYCLE_COMMIT": "ab12cd3" + "0" * 33,
    "LIFECYCLE_BRANCH": "main",
    "LIFECYCLE_BUILT_AT": "2026-11-23T01:46:30Z",
    "CODEBUILD_BUILD_ID": "lifecycle-build:1",
}


def test_the_request_is_read_from_the_environment() -> None:
    assert from_environment(ENVIRON) == Request(
        repository="https://github.com/example/hello.git",
        commit="ab12cd3" + "0" * 33,
        branch="main",
        built_at=datetime(2026, 11, 23, 1, 46, 30, tzinfo=UTC),
        builder="lifecycle-build:1",
    )


def test_a_time_of_another_zone_is_converted_to_utc() -> None:
    request = from_environment({**ENVIRON, "LIFECYCLE_BUILT_AT": "2026-11-23T03:46:30+02:00"})
    assert request == from_environment(ENVIRON)
    assert request.built_at.tzinfo is UTC


def test_a_password_in_the_repositorys_url_is_removed() -> None:
    request = from_environment({**ENVIRON, "LIFECYCLE_REPOSITORY": "https://me:secret@github.com/example/hello.git"})
    assert request.repository == "https://github.com/example/hello.git"


@pytest.mark.parametrize("name", list(ENVIRON))
def test_a_missing_variable_is_named(name: str) -> None:
    with pytest.raises(BuildFailed, match=f"expected the environment variable {name}, found none"):
        from_environment({**ENVIRON, name: " "})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LIFECYCLE_COMMIT", "main"),
        ("LIFECYCLE_COMMIT", "AB12CD3" + "0" * 33),
        ("LIFECYCLE_COMMIT", "ab12cd3"),
        ("LIFECYCLE_BUILT_AT", "yesterday"),
        ("LIFECYCLE_BUILT_AT", "0001-01-01T00:00:00+14:00"),
        ("LIFECYCLE_BUILT_AT", "1970-01-01T00:00:00Z"),
    ],
)
def test_an_invalid_variable_is_named_with_its_value(name: str, value: str) -> None:
    with pytest.raises(BuildFailed, match=rf"{name}: expected .*, found '{value[:9]}"):
        from_environment({**ENVIRON, name: value})
