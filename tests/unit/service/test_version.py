"""Versions: parsing, order, and the next release."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.domain.errors import InvalidName, Refused
from lifecycle.domain.service.version import (
    ReleaseVersion,
    SnapshotVersion,
    artifact_prefix,
    next_release,
    parse_version,
    release_number,
)

NUMBERS = st.integers(min_value=0, max_value=10**6)
RELEASES = st.builds(ReleaseVersion, NUMBERS, NUMBERS, NUMBERS)


@given(RELEASES)
def test_release_version_is_read_as_written(version: ReleaseVersion) -> None:
    assert parse_version(str(version)) == version


@given(
    RELEASES,
    st.text("0123456789", min_size=14, max_size=14),
    st.text("0123456789abcdef", min_size=7, max_size=7),
)
def test_snapshot_version_is_read_as_written(base: ReleaseVersion, built: str, commit: str) -> None:
    version = SnapshotVersion(base, built, commit)
    assert parse_version(str(version)) == version


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "1.2",
        "1.2.3.4",
        "01.2.3",
        "1.2.x",
        "../1.2.3",
        "1.2.3\n",
        "1.2.3-x",
        "\u0661.2.3",
        "1\u0661.2.3",
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        parse_version(text)


@given(RELEASES, st.lists(RELEASES))
def test_next_release_is_new_and_newest(declared: ReleaseVersion, released: list[ReleaseVersion]) -> None:
    chosen = next_release(declared, released)
    assert all(chosen > old for old in released)
    assert chosen >= declared or chosen.patch > 0


def test_numbers_are_compared_as_numbers() -> None:
    assert ReleaseVersion.parse("1.10.0") > ReleaseVersion.parse("1.9.9")
    assert str(next_release(ReleaseVersion(1, 9, 0), [ReleaseVersion(1, 10, 0)])) == "1.10.1"


def test_version_gives_its_folder() -> None:
    assert artifact_prefix("hello", "1.2.3") == "release/hello/1.2.3"
    assert artifact_prefix("hello", "1.2.3-20261123120000-abcdef0").startswith("snapshot/hello/")


V = ReleaseVersion.parse


@pytest.mark.parametrize(
    ("declared", "released", "wanted", "version", "note", "jump"),
    [
        ("1.5.0", [], None, "1.5.0", "", ""),
        ("1.5.0", ["1.4.2"], None, "1.5.0", "", ""),
        ("1.4.0", ["1.4.0"], None, "1.4.1", "declared 1.4.0, but 1.4.0 is released: this becomes 1.4.1", ""),
        (
            *("1.5.0", ["1.4.2", "11.4.2"], None, "11.4.3"),
            "declared 1.5.0, but 11.4.2 is released: this becomes 11.4.3",
            "declared 1.5.0, but 11.4.2 is released: this becomes 11.4.3",
        ),
        ("2.0.0", ["1.9.9"], None, "2.0.0", "", "the newest release is 1.9.9, and this becomes 2.0.0"),
        ("1.4.0", ["1.4.8", "2.0.0"], "1.4.9", "1.4.9", "declared 1.4.0, but 1.4.9 is wanted", ""),
        ("1.4.9", ["1.4.8", "2.0.0"], "1.4.9", "1.4.9", "", ""),
    ],
)
def test_a_promotion_says_when_it_does_not_take_the_declared_version(
    declared: str, released: list[str], wanted: str | None, version: str, note: str, jump: str
) -> None:
    found = release_number(V(declared), [V(each) for each in released], V(wanted) if wanted else None)
    assert (str(found.version), found.note, found.jump) == (version, note, jump)


@pytest.mark.parametrize(
    ("declared", "released", "withdrawn", "version", "note"),
    [
        ("1.5.0", ["1.4.0"], ["11.4.2"], "1.5.0", ""),
        (
            "1.4.0",
            ["1.4.0"],
            ["1.4.1", "1.4.2"],
            "1.4.3",
            "declared 1.4.0, but 1.4.0 is released: this becomes 1.4.3",
        ),
        ("1.5.0", ["1.4.0"], ["1.5.0"], "1.5.1", "declared 1.5.0, but that was withdrawn: this becomes 1.5.1"),
        ("1.5.0", [], ["1.5.0", "2.0.0"], "1.5.1", "declared 1.5.0, but that was withdrawn: this becomes 1.5.1"),
        ("1.5.0", [], ["999999999.999999999.999999999"], "1.5.0", ""),
    ],
)
def test_withdrawn_number_stays_taken_and_binds_no_later_release(
    declared: str, released: list[str], withdrawn: list[str], version: str, note: str
) -> None:
    found = release_number(V(declared), [V(each) for each in released], None, {V(each) for each in withdrawn})
    assert (str(found.version), found.note, found.jump) == (version, note, "")


@pytest.mark.parametrize(
    "chosen", ["100000000.0.0", "0.100000000.0", "1.0.100000000", "999999999.999999999.999999999"]
)
def test_number_after_which_few_would_be_left_is_not_chosen(chosen: str) -> None:
    with pytest.raises(Refused, match="expected numbers of at most 99999999"):
        release_number(V("1.0.0"), [], V(chosen))
    with pytest.raises(Refused, match="expected numbers of at most 99999999"):
        release_number(V(chosen), [V("0.0.1")])


def test_next_patch_of_a_high_number_goes_on() -> None:
    assert str(release_number(V("1.0.0"), [V("1.0.99999999")]).version) == "1.0.100000000"
    assert str(release_number(V("1.0.0"), [V("1.0.100000000")]).version) == "1.0.100000001"


def test_after_the_last_number_of_all_the_refusal_says_what_to_do() -> None:
    with pytest.raises(Refused, match="no number is left after it: choose a number of a later line, or withdraw"):
        release_number(V("1.0.0"), [V("999999999.999999999.999999999")])
    assert str(release_number(V("1.0.0"), [V("999999999.999999999.999999999")], V("1.0.0")).version) == "1.0.0"
