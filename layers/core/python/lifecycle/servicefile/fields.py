"""The types of values in a lifecycle.toml. A field's description says which values are allowed.

Used by model. For an invalid value, problems puts the description into the message after "expected".
"""

import re
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

from lifecycle.domain.errors import InvalidName, InvalidValue
from lifecycle.domain.fleet.cluster import service_name
from lifecycle.domain.rollout.freezes import Window
from lifecycle.domain.service import cron
from lifecycle.domain.service.configuration import is_reserved
from lifecycle.domain.service.host_count import HostCount, parse_host_count
from lifecycle.domain.service.manifest import MAIN_PROCESS
from lifecycle.domain.service.needs import COMMAND_NAME, MOST_NEEDS
from lifecycle.domain.service.version import ReleaseVersion

COMMAND_NAME_TEXT = "the name of a command, such as python3.13: at most 64 letters, digits and ._+-"
COMMAND = "a shell command: text of 1 to 4000 characters"
URL_PATH = 'a path of printable characters, without spaces, that begins with a slash, such as "/is_alive"'
ARTIFACT = 'a folder inside the repository, such as "dist" ("." is all of it)'
APART = "folders that are not inside of each other, and each once: a cache has all that is in its folders"
BUILT_FOLDER = 'a folder inside the repository that the build makes, such as "node_modules"'
KEY_FILE = 'a file inside the repository, such as "package-lock.json"'
PATHS = 'a list of folders or files that the service also depends on, such as ["../shared"], at most 50 of them'
PATH = 'a folder or file, relative to the folder of lifecycle.toml, such as "../shared"'
VERSION = 'two or three numbers in quotes, such as "1.4" or "1.4.0"'
NAME = "at most 24 lower-case letters, digits and single hyphens, beginning with a letter"
VARIABLES = 'a table of texts, such as { GREETING = "Hello" }, at most 100 of them'
VARIABLE = "text of at most 4000 characters"
VARIABLE_NAME = "a variable's name: letters, digits and underscores, not beginning with a digit"
SET_BY_THE_HOST = "another name: HOST, PORT and everything that begins with LIFECYCLE_ is set by Lifecycle"
CONFIG_NAMES = 'a list of at most 100 names of variables, such as ["DATABASE_URL"]'
IN_A_CONFIGURATION = f"{SET_BY_THE_HOST}, and PATH belongs into run.environment"
MAXIMUM_PROCESSES = 8
PROCESSES = f"at most {MAXIMUM_PROCESSES} tables such as [processes.worker]"
SCHEDULES = f"at most {MAXIMUM_PROCESSES} tables such as [schedules.report]"
PROCESS_NAME = (
    "a name of at most 24 lower-case letters, digits and single hyphens, beginning with a letter; run and web are "
    "reserved for the process of [run]"
)
MAXIMUM_HOSTS = 100_000
HOSTS = f'a number of hosts from 0 to {MAXIMUM_HOSTS}, or a percentage of them in quotes, such as "25%"'
SOME_HOSTS = f'a number of hosts from 1 to {MAXIMUM_HOSTS}, or a percentage of them in quotes, such as "25%"'
FROZEN = (
    'a list of windows, such as ["Fri 16:00 - Mon 08:00 Europe/Berlin", "2026-12-20 - 2027-01-04 UTC"], '
    "at most 20 of them"
)
FROZEN_WINDOW = (
    'a window, weekly such as "Fri 16:00 - Mon 08:00 Europe/Berlin" '
    'or of whole days such as "2026-12-20 - 2027-01-04 UTC"'
)

_VERSION = re.compile(r"(0|[1-9][0-9]{0,8})(\.(0|[1-9][0-9]{0,8})){1,2}")
_PART = re.compile(r"(?=.{1,24}$)[a-z][a-z0-9]*(-[a-z0-9]+)*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


class Table(BaseModel):
    """A table of the file. It refuses unknown keys, so that a misspelt key is reported."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def expected(what: str, **context: Any) -> PydanticCustomError:
    """Return a validation error with its own text; `found` and `at` override the field's value and place.

    `more` has further errors, each with these three.
    """
    return PydanticCustomError("expected", "expected", {"expected": what, **context})


def seconds(low: float, high: float, default: float) -> Any:
    """Return the field of a time in seconds, with a default; fractions are allowed."""
    text = f"a number of seconds from {low:g} to {high:g}"
    return Field(float(default), strict=True, ge=low, le=high, allow_inf_nan=False, description=text)


def whole_number(low: int, high: int, default: int, unit: str = "") -> Any:
    """Return the field of a whole number, with a default."""
    text = f"a whole number{unit and ' of ' + unit} from {low} to {high}"
    return Field(default, strict=True, ge=low, le=high, description=text)


def commands() -> Any:
    """Return the field of commands that run one after another; none by default."""
    text = 'a list of at most 50 shell commands, such as ["make", "make check"]'
    return Field((), max_length=50, description=text, json_schema_extra={"each": COMMAND})


def needs() -> Any:
    """Return the field of the commands that a host must have; none by default."""
    text = f'a list of at most {MOST_NEEDS} names of commands, such as ["python3.13"]'
    return Field((), max_length=MOST_NEEDS, description=text, json_schema_extra={"each": COMMAND_NAME_TEXT})


def other_paths() -> Any:
    """Return the field of other paths that a version answers like the declared one; none by default."""
    text = 'a list of at most 5 paths, such as ["/health"]'
    return Field((), max_length=5, description=text, json_schema_extra={"each": URL_PATH})


def built_folders() -> Any:
    """Return the field of the folders that later builds take over; none by default."""
    text = 'a list of at most 10 folders that the build makes, such as ["node_modules"]'
    return Field((), max_length=10, description=text, json_schema_extra={"each": BUILT_FOLDER})


def key_files() -> Any:
    """Return the field of the files that decide what the cached folders have; none by default."""
    text = 'a list of at most 10 files, such as ["package-lock.json"]'
    return Field((), max_length=10, description=text, json_schema_extra={"each": KEY_FILE})


def variables() -> Any:
    """Return the field of environment variables; none by default."""
    return Field(default_factory=dict, max_length=100, description=VARIABLES, json_schema_extra={"each": VARIABLE})


def config_names() -> Any:
    """Return the field of names that a configuration has; none by default."""
    return Field((), max_length=100, description=CONFIG_NAMES, json_schema_extra={"each": VARIABLE_NAME})


def checked(passes: Callable[[str], object], what: str) -> AfterValidator:
    """Return the validator of a text that passes a test; `what` is expected of any other."""

    def check(text: str) -> str:
        if not passes(text):
            raise expected(what)
        return text

    return AfterValidator(check)


def _folder(text: str) -> str:
    path = PurePosixPath(text)
    unsafe = path.is_absolute() or {"..", ".git"} & set(path.parts) or re.search(r"[\0\n\\]", text)
    if not text or unsafe or len(text) > 200:
        raise expected(ARTIFACT)
    return str(path)


def _are_apart(folders: tuple[str, ...]) -> tuple[str, ...]:
    for number, each in enumerate(folders):
        for other in folders[:number]:
            inner, outer = sorted((PurePosixPath(each), PurePosixPath(other)), key=lambda path: -len(path.parts))
            if inner.is_relative_to(outer):
                raise expected(APART, found=f'"{inner}" in "{outer}"' if inner != outer else f'"{each}" twice')
    return folders


def _path(text: str) -> str:
    path = PurePosixPath(text)
    if not text.strip() or path.is_absolute() or re.search(r"[\x00-\x1f\\]", text) or len(text) > 200:
        raise expected(PATH)
    return str(path)


def _version(text: str) -> str:
    if not _VERSION.fullmatch(text):
        raise expected(VERSION)
    return str(ReleaseVersion.parse(text if text.count(".") == 2 else f"{text}.0"))


def _name(text: str) -> str:
    try:
        return service_name(text)
    except InvalidName as error:
        raise expected(NAME) from error


def _fits(text: str) -> bool:
    return "\0" not in text and len(text) <= 4000


def _is_free(name: str) -> bool:
    return name not in {"HOST", "PORT"} and not name.startswith("LIFECYCLE_")


def _hosts(value: Any) -> HostCount:
    """Return the amount that the policy stores; the field's description completes an error's message."""
    try:
        amount = parse_host_count(value)
    except InvalidValue as error:
        raise ValueError(HOSTS) from error
    if isinstance(amount, int) and amount > MAXIMUM_HOSTS:
        raise ValueError(HOSTS)
    return amount


def _cron(text: str) -> str:
    try:
        return cron.check(text)
    except InvalidValue as error:
        raise expected(cron.EXPECTED) from error


def _window(text: str) -> str:
    try:
        Window.parse(text)
    except InvalidValue as error:
        raise expected(FROZEN_WINDOW) from error
    return text


Name = Annotated[str, AfterValidator(_name)]
Version = Annotated[str, AfterValidator(_version)]
Command = Annotated[str, checked(lambda text: text.strip() and _fits(text), COMMAND)]
UrlPath = Annotated[str, checked(re.compile(r"/[!-\"$-~]{0,199}").fullmatch, URL_PATH)]
Folder = Annotated[str, AfterValidator(_folder)]
BuiltFolder = Annotated[str, AfterValidator(_folder), checked(lambda text: text != ".", BUILT_FOLDER)]
BuiltFolders = Annotated[tuple[BuiltFolder, ...], AfterValidator(_are_apart)]
Path = Annotated[str, AfterValidator(_path)]
Variable = Annotated[str, checked(_fits, VARIABLE)]
# Any, because pydantic would convert 1.0 and True to an integer before the validator runs.
Hosts = Annotated[Any, BeforeValidator(_hosts)]
FrozenWindow = Annotated[str, AfterValidator(_window)]
ConfigName = Annotated[
    str,
    checked(_VARIABLE.fullmatch, VARIABLE_NAME),
    checked(lambda name: not is_reserved(name), IN_A_CONFIGURATION),
]
CommandName = Annotated[str, checked(COMMAND_NAME.fullmatch, COMMAND_NAME_TEXT)]
Cron = Annotated[str, AfterValidator(_cron)]
ProcessName = Annotated[
    str, checked(lambda name: _PART.fullmatch(name) and name not in {MAIN_PROCESS, "web"}, PROCESS_NAME)
]
VariableName = Annotated[str, checked(_VARIABLE.fullmatch, VARIABLE_NAME), checked(_is_free, SET_BY_THE_HOST)]
