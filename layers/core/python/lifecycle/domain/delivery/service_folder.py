"""The folder of a service in its repository: a relative path with forward slashes.

Used by the build, which finds the folders, and by the events that name one.
"""

import re
from pathlib import PurePosixPath

from lifecycle.domain.errors import InvalidValue

MAXIMUM_CHARACTERS = 200
_EXPECTED = (
    f"a folder inside the repository, such as services/api, of at most {MAXIMUM_CHARACTERS} characters in UTF-8"
)
# A name that is not UTF-8 has surrogates here, and no event or record could carry it.
_UNSAFE = re.compile(r"[\x00-\x1f\\\ud800-\udfff]")


def service_folder(text: str) -> str:
    """Return the folder as it was given; raises InvalidValue for one that is absolute or points outside."""
    path = PurePosixPath(text)
    unsafe = path.is_absolute() or {"..", ".git"} & set(path.parts) or _UNSAFE.search(text)
    if unsafe or text != str(path) or text == "." or len(text) > MAXIMUM_CHARACTERS:
        raise InvalidValue("folder of a service", text, _EXPECTED)
    return text
