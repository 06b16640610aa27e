"""Files that `lifecycle config import` reads."""

from pathlib import Path

import pytest

from apps.cli.config_input import MAXIMUM_BYTES, from_file
from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.service.configuration import SecretRef

PLANTED = "planted-77aa"


def read(tmp_path: Path, text: str | bytes) -> object:
    file = tmp_path / ".env"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return from_file(str(file))


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=1", "1"),
        ("export A=1", "1"),
        ("  A = spaces inside  ", "spaces inside"),
        ("A=", ""),
        ("A=a=b==", "a=b=="),
        ("A=x # comment", "x"),
        ("A=x#y", "x#y"),
        ("A= # comment", ""),
        ("A='#1 password'", "#1 password"),
        ("A='single # $X \\n'", "single # $X \\n"),
        ('A="double \\"x\\" \\n\\\\ # $X"', 'double "x" \n\\ # $X'),
        ('A="two\nlines"', "two\nlines"),
        ("A='two\nlines' # why", "two\nlines"),
        ("A='it'", "it"),
        ("A=ü€", "ü€"),
        ("A=${OTHER}", "${OTHER}"),
    ],
)
def test_line_of_an_env_file(tmp_path: Path, line: str, value: str) -> None:
    assert read(tmp_path, f"\ufeff\n# first\n{line}\n\nB=2") == {"A": value, "B": "2"}
    assert read(tmp_path, f"{line}\r\nB=2\r\n") == {"A": value, "B": "2"}


def test_json_may_name_secrets(tmp_path: Path) -> None:
    text = '\n {"A": "1", "B": {"secret": "db", "key": "url"}}'
    assert read(tmp_path, text) == {"A": "1", "B": SecretRef("db", "url")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"A=1\n{PLANTED}\n", "line 2"),
        (f"A=1\n\n{PLANTED} x=1\n", "line 3"),
        (f"A-B={PLANTED}", "line 1"),
        (f"A='{PLANTED}\nB=1\n", "line 1"),
        (f"A='x' {PLANTED}\n", "line 1"),
        (f"B=1\nA=#{PLANTED}\n", "line 2.*begins with # needs quotation marks"),
        (f"A={PLANTED}\nA=2\n", "line 2.*A occurs twice"),
        (f"A={PLANTED}\nPORT=80\n", "line 2.*PORT is set by Lifecycle; leave it out"),
        (f'{{"A": {PLANTED}}}', r"no JSON \(line 1, column 7\)"),
        (f'{{"A-B": "{PLANTED}"}}', "'A-B' is not an environment variable name"),
        ("# nothing\n", "at least one NAME=VALUE"),
        ("{}", "at least one NAME=VALUE"),
        ("", "at least one NAME=VALUE"),
        (b"A=\xff", "text in UTF-8"),
        ("A=" + "x" * MAXIMUM_BYTES, "at most 65536"),
    ],
)
def test_wrong_file_is_refused_by_its_line_without_a_value(tmp_path: Path, text: str | bytes, said: str) -> None:
    with pytest.raises(InvalidValue, match=said) as refused:
        read(tmp_path, text)
    assert PLANTED not in str(refused.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="No such file"):
        from_file(str(tmp_path / "none"))
    with pytest.raises(InvalidValue, match="Is a directory"):
        from_file(str(tmp_path))
