"""Reading a lifecycle.toml, from a folder or from bytes, as a ServiceFile or as an error with all problems.

Called by apps/build in the clone, by `lifecycle validate`, and by apps/local.
"""

import re
import tomllib
from pathlib import Path

from pydantic import ValidationError

from lifecycle.servicefile.lines import locate
from lifecycle.servicefile.model import ServiceFile
from lifecycle.servicefile.problems import InvalidServiceFile, Problem, describe

FILE_NAME = "lifecycle.toml"
MAXIMUM_BYTES = 64 * 1024

# tomllib takes quadratic time for a key of many parts: half a minute for a key of 64 KiB.
_PART = r"""(?:[A-Za-z0-9_-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
_MANY_PARTS = re.compile(rf"(?<![A-Za-z0-9_\-\"']){_PART}(?:\.[ \t]*+{_PART}){{40}}")
_POSITION = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_HINTS = {
    "Invalid value": ' (write text in double quotes, as in name = "hello")',
    "Cannot overwrite a value": " (the key occurs twice)",
}


def read_service_file(path: Path) -> ServiceFile:
    """Read a lifecycle.toml, given as a file or as its folder; raise InvalidServiceFile."""
    file = path / FILE_NAME if path.is_dir() else path
    try:
        if not file.is_file():
            found = "something else" if file.exists() else "none"
            raise _invalid(f"expected a file {file}, found {found}; see docs/lifecycle-toml.md")
        with file.open("rb") as stream:
            data = stream.read(MAXIMUM_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _invalid(f"cannot be read: {error}") from error
    return parse_service_file(data, file.name)


def parse_service_file(data: bytes, file: str = FILE_NAME) -> ServiceFile:
    """Read the bytes of a lifecycle.toml, named `file` in the problems; raise InvalidServiceFile."""
    if len(data) > MAXIMUM_BYTES:
        raise _invalid(f"expected at most {MAXIMUM_BYTES} bytes, found more", file)
    text = _decode(data, file)
    try:
        document = _load(text, file)
        return ServiceFile.model_validate(document)
    except ValidationError as error:
        details = error.errors(include_url=False)
        raise InvalidServiceFile(describe(ServiceFile, details, locate(text), file)) from error
    except RecursionError as error:
        raise _invalid("expected tables and lists a few levels deep, found too many levels", file) from error


def _decode(data: bytes, file: str) -> str:
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = f"the byte 0x{data[error.start]:02x}"
        raise _invalid(f"expected text in UTF-8, found {found}", file, line) from error


def _load(text: str, file: str) -> dict[str, object]:
    if match := _MANY_PARTS.search(text):
        line = text.count("\n", 0, match.start()) + 1
        raise _invalid("expected keys of a few parts, found one of more than 40", file, line)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message, line, column = str(error), len(text.splitlines()) or 1, ""
        if match := _POSITION.search(message):
            message = message[: match.start()]
            line, column = int(match[1] or line), f", column {match[2]}" if match[2] else ", at the end"
        hint = _HINTS.get(message, "")
        raise _invalid(f"expected TOML; {message[:1].lower()}{message[1:]}{column}{hint}", file, line) from error
    except ValueError as error:  # a number with more digits than Python converts
        raise _invalid("expected numbers of a few digits, found one of thousands", file) from error


def _invalid(message: str, file: str = FILE_NAME, line: int | None = None) -> InvalidServiceFile:
    return InvalidServiceFile([Problem(line, "", message, file)])
