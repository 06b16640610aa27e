"""Text fields of events that become keys, names of executions, or arguments of a command.

Used by events.py. Each type refuses what its store or service would refuse later, after the first effect.
"""

from collections.abc import Callable
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, AwareDatetime, Field

from lifecycle.domain.delivery.clone_url import clone_url
from lifecycle.domain.delivery.service_folder import service_folder
from lifecycle.domain.errors import InvalidValue
from lifecycle.domain.fleet.host import host_name
from lifecycle.domain.record_time import parse_time, storable
from lifecycle.domain.service.configuration import check_name
from lifecycle.domain.service.version import parse_version

# The bytes of an address that is a key.
_LONGEST_NAME = 1_000


def _checked(check: Callable[[Any], object]) -> AfterValidator:
    def validate(value: Any) -> Any:
        try:
            check(value)
        except InvalidValue as error:
            raise ValueError(str(error)) from error
        return value

    return AfterValidator(validate)


def _key_sized(text: str) -> str:
    """Refuse a text whose bytes do not fit into a sort key, which has at most 1024 (gateways/aws/table.py)."""
    if (found := len(text.encode())) > _LONGEST_NAME:
        raise ValueError(f"must have at most {_LONGEST_NAME} bytes, found {found}")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text


# A person or a program, as the audit log shows it.
Requester: TypeAlias = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_not_blank)]
ConfigName: TypeAlias = Annotated[str, _checked(check_name)]
VersionName: TypeAlias = Annotated[str, _checked(parse_version)]
HostName: TypeAlias = Annotated[str, _checked(host_name)]
# Step Functions takes 80 characters, and the executions after the first one end in _2, _3 and so on.
ExecutionName: TypeAlias = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_.-]{1,75}(_[0-9]{1,4})?$")]
# As application/delivery/receive_push.py passes them on; git gets both as arguments.
Repository: TypeAlias = Annotated[str, _checked(clone_url), AfterValidator(_key_sized)]
Branch: TypeAlias = Annotated[str, Field(pattern=r"^[^-\s\x00-\x1f][^\s\x00-\x1f]{0,249}$")]
# Empty for a run of the whole repository.
ServiceFolder: TypeAlias = Annotated[str, _checked(lambda text: text and service_folder(text))]
# Empty for none.
Moment: TypeAlias = Annotated[str, Field(max_length=40), _checked(lambda text: text and parse_time(text))]
Time: TypeAlias = Annotated[AwareDatetime, _checked(storable)]
Commit: TypeAlias = Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
