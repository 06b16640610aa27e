"""The service's purpose: a greeting in one of the languages of greetings.json."""

import json
from pathlib import Path

MAXIMUM_NAME_LENGTH = 80

GREETINGS = Path(__file__).with_name("greetings.json")


class BadRequest(ValueError):
    """An invalid request, which the client can correct."""


class Greeter:
    """Greetings in the languages of a file; `word` is the English greeting."""

    def __init__(self, word="Hello", file=GREETINGS):
        self.word = word
        self.forms = json.loads(file.read_text(encoding="utf-8"))

    def greet(self, name="world", language="en"):
        if language not in self.forms:
            raise BadRequest(f"language: expected one of {', '.join(sorted(self.forms))}, found {language[:20]!r}")
        if not name.strip() or len(name) > MAXIMUM_NAME_LENGTH:
            raise BadRequest(f"name: expected 1 to {MAXIMUM_NAME_LENGTH} characters, found {len(name)}")
        return self.forms[language].format(word=self.word, name=name.strip())
