"""The prose checker: each rule finds its fault, and leaves a good sentence alone."""

import subprocess
from pathlib import Path

import pytest

from tests.prose.__main__ import RULES, files, main
from tests.prose.checks import Finding, check, load
from tests.prose.passages import passages

LONG = " ".join(["word"] * 36)


def found(text: str, name: str = "page.md") -> list[Finding]:
    return list(check(name, passages(Path(name), text), load(RULES)))


def rules(text: str, name: str = "page.md") -> list[str]:
    return [each.rule for each in found(text, name)]


def function(docstring: str, signature: str = "def hosts():") -> str:
    return f'"""Hosts."""\n\n{signature}\n    """{docstring}"""\n'


@pytest.mark.parametrize("first", ["What", "Who", "Whether", "That", "Where", "When", "How", "Why", "Which"])
def test_docstring_that_begins_with_a_question_word_is_found(first: str) -> None:
    assert rules(f'"""{first} hosts do."""\n', "a.py") == ["first-word"]


def test_function_docstring_without_a_verb_is_found() -> None:
    assert rules(function("Every host of a cluster."), "a.py") == ["first-word"]
    assert rules(function("Return the hosts of a cluster."), "a.py") == []


@pytest.mark.parametrize("signature", ["class Hosts:", "@property\ndef hosts(self):", "def test_hosts():"])
def test_value_docstring_may_be_a_noun_phrase(signature: str) -> None:
    assert rules(function("Every host of a cluster.", signature), "a.py") == []


def test_long_sentence_is_found_at_its_line() -> None:
    (only,) = found(f"# Title\n\nA short one.\nA {LONG}.\n")
    assert (only.line, only.rule) == (4, "long-sentence")
    assert only.found.startswith("37 words: A word word")


@pytest.mark.parametrize(("words", "expected"), [(30, []), (31, ["long-sentence"])])
def test_sentence_of_code_and_docs_may_have_30_words(words: int, expected: list[str]) -> None:
    sentence = " ".join(["Word", *["word"] * (words - 1)]) + "."
    assert rules(sentence) == expected
    assert rules(f'"""Words. {sentence}"""\n', "a.py") == expected
    assert rules(f"# {sentence}\n", "a.py") == expected


def test_several_sentences_items_and_cells_are_counted_apart() -> None:
    half = " ".join(["word"] * 20)
    for text in (
        f"W{half}. W{half}.",
        f"- {half}\n- {half}",
        f"| {half} | {half} |",
        f"## {half}\n{half}",
        f"{half}\n\n{half}",
    ):
        assert rules(text) == []


def test_table_made_with_spaces_is_no_sentence() -> None:
    rows = "\n".join(f"module_{number}.py    reads the records of one kind of host" for number in range(9))
    assert rules(f'"""Modules.\n\n{rows}\n"""\n', "a.py") == []


def test_code_counts_as_one_word() -> None:
    assert rules(f"Run `{LONG}` now.") == []
    assert rules(f"Run this:\n\n```\n{LONG}\n```\n") == []


def test_second_semicolon_of_a_sentence_is_found() -> None:
    assert rules("One; two; three.") == ["semicolons"]
    assert rules("One; two. Three; four.") == []
    assert rules("Write `a; b; c` there.") == []


@pytest.mark.parametrize(
    ("bad", "good"),
    [
        ("The host fell ill.", "The host became unhealthy."),
        (
            "Operators are told of it.",
            "Operators are notified. The agent is told to stop. They cannot be told apart.",
        ),
        ("The reason is kept in the trail.", "The last 100 versions are kept."),
        ("The agent is silent.", "The command succeeds silently."),
        ("An overtaken deployment changes nothing.", "A fenced deployment changes nothing."),
        ("It is asked\nanew.", "It is requested\nagain."),
        ("Until the next look.", "Programs look at the ledger, and a page may look like one."),
        ("A look that failed.", "A look-behind of a regular expression."),
        ("Both hosts go home.", "Their home is a folder. The home directory stays."),
        ("There is no way back.", "A request on its way back fails."),
        ("How it stands now.", "CDK stands for Cloud Development Kit."),
        ("Its shares are given.", "Each group answers its share of the requests, and shares the port."),
        ("The course of one deployment.", "Of course, in the course of a day."),
        ("Whoever asked.", "The operator who asked."),
        ("A notice is sent.", "An operator notices it."),
        ("One lease a cluster.", "One of a cluster's hosts; the function that a button calls a day later."),
        ("It runs once a phase.", "Once a phase has ended, the agent polls once a minute."),
        ("At 20 requests a\nsecond.", "It answers 20 requests per second."),
    ],
)
def test_gone_word_is_found_and_ordinary_english_is_not(bad: str, good: str) -> None:
    assert rules(bad) == ["word"]
    assert rules(good) == []
    assert rules(f'raise ValueError("""in short: {bad}""")\n', "a.py") == ["word"]
    assert rules(f'raise ValueError("""in short: {good}""")\n', "a.py") == []


@pytest.mark.parametrize(
    "word",
    ["snapshot", "release", "self-test", "is_alive", "test bed", "control", "dispatcher", "converge", "drain",
     "lease", "epoch", "turn", "ledger", "trail"],
)  # fmt: skip
def test_product_word_is_left_alone(word: str) -> None:
    name = word.replace(" ", "_").replace("-", "_")
    assert rules(f"The {word} of each host.") == []
    assert rules(f"{name} = None\n\ndef test_{name}():\n    pass\n", f"{name}.py") == []


def test_gone_word_is_found_where_people_read_it() -> None:
    text = '# it is asked anew\nwarn(f"{host} is asked anew", "anew")\n\ndef test_it_is_asked_anew():\n    pass\n'
    assert sorted((each.line, each.rule) for each in found(text, "a.py")) == [
        (1, "word"),
        (2, "word"),
        (4, "word"),
    ]


def test_message_is_found_at_its_own_line() -> None:
    (only,) = found('warn(\n    "the decision "\n    "is asked anew"\n)\n', "a.py")
    assert (only.line, only.found) == (3, "anew")


def test_directive_is_no_comment() -> None:
    assert rules("import os  # noqa: F401  # it is asked anew\nimport io  # type: ignore[anew]\n", "a.py") == ["word"]


def test_hash_in_a_string_begins_no_comment() -> None:
    assert rules("key = 'TURNS#anew'\ntext = '''\n# anew\n'''\n", "a.py") == []


def test_identifier_and_module_name_are_found() -> None:
    assert rules("def cluster_sight(heirs):\n    told = 1\n", "a.py") == ["word"] * 3
    assert rules("", "apps/agent/shelf.py") == ["module-name"]
    assert rules("", "apps/agent/release_store.py") == []


def test_code_spans_and_targets_of_links_are_no_prose() -> None:
    assert rules("See `heir` in [the record](heir.md#anew).") == []


def test_help_of_the_makefile_is_read() -> None:
    assert rules("run: ## start it anew\n\t@echo anew\n", "Makefile") == ["word"]


def test_quoted_source_text_is_exempt() -> None:
    assert rules('old = "who was overtaken"\n', "tests/simulation/plants/beds.py") == []


def test_command_prints_findings_and_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    page = tmp_path / "docs" / "page.md"
    page.parent.mkdir()
    page.write_text("# Page\n\n- It is asked anew. <!-- prose: allow -->\n- It is asked anew.\n")
    assert main([], tmp_path) == 1
    assert capsys.readouterr().out == "docs/page.md:4: word: found “anew”; say again instead\n"
    page.write_text("# Page\n")
    assert main([], tmp_path) == 0


def test_checker_passes_its_own_rules(capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(RULES.parent)
    assert files([folder])
    assert main([folder]) == 0, capsys.readouterr().out
