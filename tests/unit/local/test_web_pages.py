"""A port of the environment refuses what a web page can make a browser send to it."""

import pytest

from apps.local.aws.web_pages import refusal

FUNCTION = "abc.lambda-url.us-east-1.on.aws"


@pytest.mark.parametrize("host", ["127.0.0.1:4566", "localhost:4566", "127.0.0.1", "localhost"])
def test_local_name_is_accepted(host: str) -> None:
    assert refusal({"host": host}) is None


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example:4566", "127.0.0.1.evil.example:4566", "localhost.evil.example", "evil.localhost:4566", ""),
        *("0.0.0.0:4566", "[::1]:4566", "127.1:4566", "2130706433:4566", "127.0.0.1:4566,evil.example"),
        *("127.0.0.1:", "127.0.0.1:x", "127.0.0.1:4566@evil.example", f"{FUNCTION}:4566"),
    ],
)
def test_any_other_name_is_refused(host: str) -> None:
    assert "expected the Host to be 127.0.0.1 or localhost" in str(refusal({"host": host}))


def test_request_without_a_host_is_refused() -> None:
    assert "found none" in str(refusal({}))


def test_further_names_are_accepted_where_the_server_has_them() -> None:
    assert refusal({"host": f"{FUNCTION}:4566"}, (FUNCTION,)) is None


@pytest.mark.parametrize(
    "sent",
    [
        *({"origin": "http://evil.example"}, {"origin": "null"}, {"origin": "http://127.0.0.1:4566"}, {"origin": ""}),
        *({"sec-fetch-site": site} for site in ("cross-site", "same-site", "same-origin", "none")),
        *({"sec-fetch-mode": "no-cors"}, {"sec-fetch-dest": "image"}),
    ],
)
def test_request_of_a_browser_is_refused(sent: dict[str, str]) -> None:
    assert "is not for browsers" in str(refusal({"host": "127.0.0.1:4566", **sent}))
