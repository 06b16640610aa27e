"""The commits between two versions, from the histories that their manifests carry."""

import pytest

from lifecycle.domain.service.commits import MOST_COMMITS, Commit, History, changes_between, note_of, taken_back
from lifecycle.domain.service.compare_link import compare_link

OLD, NEW = "a" * 40, "b" * 40
_CONSOLE = "https://eu-west-1.console.aws.amazon.com/codesuite/codecommit/repositories"
CODECOMMIT = f"{_CONSOLE}/shop/compare/{OLD}/.../{NEW}?region=eu-west-1"


def line(*names: str) -> tuple[Commit, ...]:
    """Return commits, the newest first, each the parent of the one before it."""
    return tuple(
        Commit(name, f"Do {name}", "Ada", parents=names[number : number + 1]) for number, name in enumerate(names, 1)
    )


def history(*names: str, total: int | None = None) -> History:
    return History(line(*names), len(names) if total is None else total)


def hashes(commits: tuple[Commit, ...]) -> list[str]:
    return [each.hash for each in commits]


def test_commits_since_an_ancestor_are_listed_and_counted() -> None:
    found = changes_between("1.4.1", history("b", "a"), history("d", "c", "b", "a"))
    assert (hashes(found.commits), found.count, found.sentence) == (["d", "c"], 2, "2 commits since 1.4.1")
    assert changes_between("1.4.1", history("a"), history("b", "a")).sentence == "1 commit since 1.4.1"


def test_same_commit_brings_none() -> None:
    assert changes_between("1.4.1", history("b", "a"), history("b", "a")).sentence == "0 commits since 1.4.1"


def test_ancestor_takes_back_commits_and_rewrites_no_branch() -> None:
    older = changes_between("1.4.1", history("c", "b", "a"), history("a"))
    assert (hashes(older.commits), older.gone, older.sentence) == (
        ["c", "b"],
        (),
        "goes backwards: takes back 2 commits of 1.4.1",
    )
    names = [f"n{number}" for number in range(MOST_COMMITS + 1)]
    known = History(line(*names)[:-1], 250)
    older = changes_between("1.4.1", known, History(line(*names[3:])[:MOST_COMMITS], 247))
    assert (older.count, older.sentence) == (3, "goes backwards: takes back 3 commits of 1.4.1")
    for before in (history("x", total=30), history("x", "w"), History(line("x", "w")[:1], 1)):
        older = changes_between("1.4.1", known, before)
        assert older.sentence.startswith("commits since 1.4.1: not known, it is older than the commits")


def test_rollback_to_a_newer_version_brings_its_commits() -> None:
    found = taken_back("1.4.1", history("b", "a"), history("a"))
    assert (hashes(found.commits), found.sentence) == (["b"], "1 commit since 1.4.1")


def test_merge_brings_the_commits_of_its_branch_and_not_those_before_it() -> None:
    base = Commit("base", "Base", "Ada")
    left, right = (Commit(name, name, "Ada", parents=("base",)) for name in ("left", "right"))
    merge = Commit("merge", "Merge", "Ada", parents=("left", "right"))
    old = History((left, base), 2)
    found = changes_between("1.0.0", old, History((merge, right, left, base), 4))
    assert (hashes(found.commits), found.count) == (["merge", "right"], 2)


def test_forced_push_says_which_commits_are_gone() -> None:
    found = changes_between("1.4.1", history("x", "b", "a"), history("c", "b", "a"))
    assert (hashes(found.commits), hashes(found.gone)) == (["c"], ["x"])
    assert "1 of 1.4.1 are gone, its branch was rewritten" in found.sentence


def test_history_without_a_common_commit_is_no_number() -> None:
    names = [f"n{number}" for number in range(MOST_COMMITS)]
    found = changes_between("1.4.1", history("x", total=130), history(*names, total=140))
    assert "no commit in common" in found.sentence
    assert found.count is None


def test_more_commits_than_a_manifest_carries_are_counted() -> None:
    names = [f"n{number}" for number in range(MOST_COMMITS)]
    found = changes_between("1.4.1", history("old", total=7), history(*names, total=507))
    assert (found.count, len(found.commits), found.sentence) == (500, MOST_COMMITS, "500 commits since 1.4.1")


def test_shallow_clone_knows_a_lower_bound() -> None:
    found = changes_between("1.4.1", history("old", total=0), history("new", total=0))
    assert found.sentence == "at least 1 commits since 1.4.1"
    inside = changes_between("1.4.1", history("b", total=0), history("c", "b", total=0))
    assert inside.sentence == "1 commit since 1.4.1"


def test_merge_whose_other_side_is_not_known_is_a_lower_bound() -> None:
    merge = Commit("merge", "Merge", "Ada", parents=("old", "unknown"))
    found = changes_between("1.4.1", history("old", total=0), History((merge,), 0))
    assert (found.count, hashes(found.gone)) == (None, [])


@pytest.mark.parametrize(("old", "new"), [(None, history("a")), (history("a"), None), (None, None)])
def test_manifest_of_an_older_build_has_no_commits(old: History | None, new: History | None) -> None:
    found = changes_between("1.4.1", old, new)
    assert found.sentence == "commits since 1.4.1: not known, a manifest carries no commits"


def test_rollback_says_which_commits_it_takes_back() -> None:
    found = taken_back("1.4.2", history("b", "a"), history("d", "c", "b", "a"))
    assert (hashes(found.commits), found.sentence) == (["d", "c"], "goes backwards: takes back 2 commits of 1.4.2")


def test_record_of_a_deployment_keeps_a_sentence_and_a_few_subjects() -> None:
    names = [f"n{number}" for number in range(9)]
    note = note_of(changes_between("1.4.1", history("a"), history(*names, "a")), "https://example.test")
    assert (note.sentence, len(note.subjects), note.link) == ("9 commits since 1.4.1", 5, "https://example.test")


@pytest.mark.parametrize(
    ("repository", "link"),
    [
        ("https://github.com/o/r.git", f"https://github.com/o/r/compare/{OLD}...{NEW}"),
        ("https://user:secret@github.com/o/r", f"https://github.com/o/r/compare/{OLD}...{NEW}"),
        ("git@github.com:o/r.git", f"https://github.com/o/r/compare/{OLD}...{NEW}"),
        ("ssh://git@github.example.com:22/o/r.git", f"https://github.example.com/o/r/compare/{OLD}...{NEW}"),
        ("https://gitlab.com/a/b/c.git", f"https://gitlab.com/a/b/c/-/compare/{OLD}...{NEW}"),
        ("git@bitbucket.org:o/r.git", f"https://bitbucket.org/o/r/branches/compare/{NEW}%0D{OLD}"),
        (
            "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop",
            CODECOMMIT,
        ),
        (
            "codecommit::eu-west-1://shop",
            CODECOMMIT,
        ),
        ("file:///var/git/hello.git", ""),
        ("/var/git/hello.git", ""),
        ("https://example.test/o/r.git", ""),
        ('https://github.com/o/r"><script>', ""),
        ("https://github.com/o/r" + "x" * 400, ""),
        ("javascript://github.com/o/r", ""),
    ],
)
def test_known_sites_have_a_page_that_compares(repository: str, link: str) -> None:
    assert compare_link(repository, OLD, NEW) == link


def test_same_or_malformed_commits_have_no_page() -> None:
    assert compare_link("https://github.com/o/r", OLD, OLD) == ""
    assert compare_link("https://github.com/o/r", "main", NEW) == ""


@pytest.mark.parametrize(("total", "known"), [(12, False), (13, True)])
def test_older_version_that_should_be_among_the_commits_is_of_another_history(total: int, *, known: bool) -> None:
    found = changes_between("1.0.0", history("x", total=10), history("d", "c", total=total))
    assert ("no commit in common" in found.sentence) is not known
