"""Checks: what the prose rules find in a passage.

Called by __main__.py with the passages of one file; the words come from substitutions.toml.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.prose.passages import PROSE, Kind, Passage, masked, sentences

GOAL = 25  # words in a sentence
WORDS = 30  # a longer sentence is a finding
SEMICOLONS = 1

_QUESTION = re.compile(r"(?:What|Who|Whose|Whom|Whoever|Whether|That|Where|When|How|Why|Which)\b")
_NO_VERB = re.compile(  # beside what ruff's D401 finds; the last two are plurals and owners
    r"(?:All|Any|Around|As|At|Before|Both|By|Each|Every|Everything|Exactly|For|Found|From|In|Its|Meanwhile|Mostly|No|Nobody|"
    r"None|Nothing|Of|Once|One|Only|Several|Since|So|Somebody|Something|Those|Until|Whatever|While|Within|Without)\b"
    r"|[A-Z][a-z]*[b-rt-z]s\b|\w+'s\b"
)
_EVERYWHERE = [each for each in Kind if each is not Kind.IDENTIFIER]
_WORD = re.compile(r"\S*\w\S*")


@dataclass(frozen=True, slots=True)
class Finding:
    """A breach of a rule: what was found, and what to say instead."""

    line: int
    rule: str
    found: str
    say: str


@dataclass(frozen=True, slots=True)
class Substitution:
    """A gone word or phrase. `scopes` are the kinds of passage that it is gone from."""

    find: str
    say: str
    why: str
    scopes: frozenset[Kind]


@dataclass(frozen=True, slots=True)
class Rules:
    """The content of substitutions.toml, compiled."""

    words: dict[Kind, re.Pattern[str]]
    substitutions: tuple[Substitution, ...]
    modules: dict[str, str]
    exempt: dict[str, frozenset[Kind]]  # by the beginning of a path


def load(path: Path) -> Rules:
    """Read the rules; raise ValueError for an entry that cannot be used."""
    content = tomllib.loads(path.read_text())
    entries = tuple(
        Substitution(
            each["find"], each["say"], each.get("why", ""), frozenset(map(Kind, each.get("scopes", _EVERYWHERE)))
        )
        for each in content["substitution"]
    )
    words = {}
    for kind in Kind:
        parts = [f"(?P<r{n}>{_spaced(each.find)})" for n, each in enumerate(entries) if kind in each.scopes]
        words[kind] = re.compile(rf"\b(?:{'|'.join(parts)})\b")
    exempt = {start: frozenset(map(Kind, kinds)) for start, kinds in content.get("exempt", {}).items()}
    return Rules(words, entries, content["modules"], exempt)


def _spaced(find: str) -> str:
    """Let a space match a line's end too; behind a look-behind's space stands one character only."""
    return re.sub(r"(\(\?<!.*?\))| ", lambda found: found[1].replace(" ", r"\s") if found[1] else r"\s+", find)


def check(path: str, found: Iterable[Passage], rules: Rules) -> Iterator[Finding]:
    """Return the findings in one file, whose `path` is relative to the repository."""
    name = path.rsplit("/", 1)[-1]
    if name.endswith(".py") and (say := rules.modules.get(name.removesuffix(".py"))) is not None:
        yield Finding(1, "module-name", name, say)
    exempt = {kind for start, kinds in rules.exempt.items() if path.startswith(start) for kind in kinds}
    for passage in found:
        if passage.kind in exempt:
            continue
        yield from _words(passage, rules)
        if passage.kind is Kind.DOCSTRING:
            yield from _first_word(passage)
        if passage.kind in PROSE:
            yield from _sentences(passage)


def _words(passage: Passage, rules: Rules) -> Iterator[Finding]:
    text = passage.text if passage.kind in {Kind.MESSAGE, Kind.SAMPLE} else masked(passage.text)
    for found in rules.words[passage.kind].finditer(text.lower()):
        entry = rules.substitutions[int(str(found.lastgroup)[1:])]
        say = f"{entry.say} ({entry.why})" if entry.why else entry.say
        original = text[found.start() : found.end()]
        yield Finding(passage.line_of(found.start(), original), "word", " ".join(original.split()), say)


def _first_word(passage: Passage) -> Iterator[Finding]:
    first = passage.text.split(maxsplit=1)[0] if passage.text.strip() else ""
    if _QUESTION.match(first):
        yield Finding(passage.line, "first-word", first, "a noun phrase, or a verb for a function")
    elif passage.owner == "function" and _NO_VERB.match(first):
        yield Finding(passage.line, "first-word", first, "an imperative verb, such as Return")


def _sentences(passage: Passage) -> Iterator[Finding]:
    for offset, sentence in sentences(passage):
        line = passage.line_of(offset, sentence)
        words = _WORD.findall(sentence)
        begin = " ".join(passage.text[offset : offset + len(sentence)].split()[:6])
        if len(words) > WORDS:
            found = f"{len(words)} words: {begin} ..."
            yield Finding(line, "long-sentence", found, f"it in sentences of {GOAL} words")
        if sentence.count(";") > SEMICOLONS:
            found = f"{sentence.count(';')} in: {begin} ..."
            yield Finding(line, "semicolons", found, "it in several sentences")
