"""The names under which a target is quarantined."""

from lifecycle.domain.service.target import Target


def test_target_without_a_configuration_is_quarantined_by_its_version_alone() -> None:
    assert Target("1.0.0", "d").quarantine_names == ("1.0.0",)
    assert Target("1.0.0", "d", 3).quarantine_names == ("1.0.0", "config-3")
    assert Target("1.0.0", "d").quarantined_in({"config-0": "of nobody"}) == ""
