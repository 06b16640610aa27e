"""Read the names and values that somebody gives to `lifecycle config`: arguments, standard input, and files.

Used by commands/config.py. No message repeats a value, nor a text that might be one.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from getpass import getpass
from pathlib import Path

from apps.cli.errors import Ambiguous
from lifecycle.domain.errors import InvalidName, InvalidValue
from lifecycle.domain.service.configuration import NAME_FORM, Value, check_name, is_reserved, parse_secret, values_of

MAXIMUM_BYTES = 64 * 1024

_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(?P<name>[^\s=]+)\s*=[ \t]*")
_QUOTED = re.compile(r"'(?P<plain>[^']*)'|\"(?P<escaped>(?:[^\"\\]|\\.)*)\"", re.DOTALL)
_REST = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def assigned(arguments: Sequence[str], secret: str) -> dict[str, Value]:
    """Return the values of `NAME=VALUE` and of `NAME`, whose value is `secret` or comes from standard input."""
    pairs = [(_name(number, each), each.partition("=")) for number, each in enumerate(arguments, 1)]
    names = [name for name, _ in pairs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Ambiguous(f"{', '.join(twice)}: given more than once")
    if secret:
        if len(pairs) != 1 or pairs[0][1][1]:
            raise Ambiguous("--secret needs exactly one NAME, without a value")
        return {names[0]: parse_secret(secret)}
    asked = [name for name, (_, mark, _) in pairs if not mark]
    if len(asked) > 1 and not _terminal():
        raise Ambiguous(f"standard input has one value, but these names have none: {', '.join(asked)}")
    return {name: value if mark else _read(name) for name, (_, mark, value) in pairs}


def _name(number: int, argument: str) -> str:
    name = argument.partition("=")[0]
    try:
        return check_name(name)
    except InvalidName:
        if is_reserved(name):
            raise
        # `from None`: the text may be a value that somebody gave without its name.
        raise InvalidName("NAME or NAME=VALUE", f"argument {number}", f"as NAME {NAME_FORM}") from None


def _terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()


def _read(name: str) -> str:
    """Return a value from standard input; on a terminal it is asked for, and not echoed.

    An empty one is refused: a command before the pipe that fails gives nothing, too.
    """
    try:
        found = getpass(f"{name}: ") if _terminal() else _limited(_standard_input())
    except EOFError:
        found = ""
    if not (value := found.removesuffix("\n").removesuffix("\r")):
        raise Ambiguous(f"standard input has no value for {name}; an empty value is set with {name}=")
    return value


def _standard_input() -> str:
    try:
        return sys.stdin.read(MAXIMUM_BYTES + 1)
    except UnicodeDecodeError:  # `from None`: the error has the bytes
        raise InvalidValue("input", "bytes", "text in UTF-8") from None


def from_file(path: str) -> dict[str, Value]:
    """Return the values of a file in JSON or in the form of `.env`; `-` is standard input."""
    try:
        if path == "-":
            text = _standard_input().removeprefix("\ufeff")
        else:
            with Path(path).open("rb") as stream:
                text = stream.read(MAXIMUM_BYTES + 1).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidValue("file of values", path, "text in UTF-8") from None
    except OSError as error:
        raise InvalidValue("file of values", path, f"a file that can be read ({error.strerror})") from error
    text = _limited(text).replace("\r\n", "\n")
    found = values_of(text) if text.lstrip().startswith("{") else dict[str, Value](_assignments(text))
    if not found:
        raise InvalidValue("file of values", path, "at least one NAME=VALUE, or a JSON object of names")
    return found


def _limited(text: str) -> str:
    if len(text) > MAXIMUM_BYTES:
        raise InvalidValue("input", f"more than {MAXIMUM_BYTES} characters", f"at most {MAXIMUM_BYTES}")
    return text


def _assignments(text: str) -> Iterator[tuple[str, str]]:
    """Yield the lines `NAME=VALUE` of a `.env` file; a quoted value may have several lines."""
    at, names = 0, set[str]()
    while at < len(text):
        end = text.find("\n", at) % (len(text) + 1)
        if not (line := text[at:end].strip()) or line.startswith("#"):
            at = end + 1
            continue
        number = text.count("\n", 0, at) + 1
        match = _ASSIGNMENT.match(text, at, end)
        if match is None:
            raise _wrong(number, "expected NAME=VALUE")
        name = _checked(match["name"], number)
        if name in names:
            raise _wrong(number, f"{name} occurs twice")
        names.add(name)
        value, at = _value(text, match.end(), end, number)
        yield name, value


def _checked(name: str, number: int) -> str:
    try:
        return check_name(name)
    except InvalidName:
        if is_reserved(name):
            raise _wrong(number, f"{name} is set by Lifecycle; leave it out") from None
        raise _wrong(number, f"expected a name before the first equals sign: {NAME_FORM}") from None


def _value(text: str, at: int, end: int, number: int) -> tuple[str, int]:
    """Return the value that begins at a place, and the place after its line."""
    if text[at : at + 1] not in ("'", '"'):
        if text.startswith("=#", at - 1):  # for some programs a comment, for others the value
            raise _wrong(number, "a value that begins with # needs quotation marks")
        return re.split(r"\s#", f" {text[at:end]}", maxsplit=1)[0].strip(), end + 1
    match = _QUOTED.match(text, at)
    rest = _REST.match(text, match.end()) if match else None
    if match is None or rest is None:
        raise _wrong(number, "expected the end of the line after a closing quotation mark")
    if match["plain"] is not None:
        return match["plain"], rest.end()
    value = re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), match["escaped"], flags=re.DOTALL)
    return value, rest.end()


def _wrong(number: int, what: str) -> InvalidValue:
    return InvalidValue("file of values", f"line {number}", what)
