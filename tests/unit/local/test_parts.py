"""Parts of the environment."""

from apps.local.processes import Part


def test_part_that_was_never_started_is_not_alive() -> None:
    assert not Part("dispatcher", -1, 0.0, ()).alive
