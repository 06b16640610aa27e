"""An error names what is missing, whose it is, and what there is instead."""

import pytest

from lifecycle.domain.errors import Unknown


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (Unknown("cluster"), "cluster not found"),
        (Unknown("release", "1.0.0", of="hello"), "release '1.0.0' of hello not found"),
        (Unknown("cluster", "helo", known=["hello", "web"]), "cluster 'helo' not found; known: hello, web"),
        (Unknown("cluster", "helo", known=[]), "cluster 'helo' not found; known: none"),
        (
            Unknown("freeze", "See it.", "See `lifecycle status`."),
            "freeze 'See it.' not found. See `lifecycle status`.",
        ),
    ],
)
def test_unknown_name_comes_with_the_known_ones(error: Unknown, message: str) -> None:
    assert str(error) == message
