"""Policy floors: an administrator's minimum for the policies of an environment or a cluster.

Read by `plan`, by every step of a rollout and by the approval (application/rollout/policy_floors.py). A service's
policy comes with its artifact, so a change of the repository changes it. A floor does not: the stricter of both
applies, setting by setting (docs/adr/0026).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from lifecycle.domain.errors import InvalidName, InvalidValue
from lifecycle.domain.fleet.cluster import ENVIRONMENTS, Cluster
from lifecycle.domain.rollout.freezes import Window
from lifecycle.domain.service.host_count import HostCount, fewer, parse_host_count
from lifecycle.domain.service.policy import ApprovalGate, Policy

_NEVER = datetime.fromtimestamp(0, UTC)
# The bounds of lifecycle.toml (servicefile/).
LONGEST_BAKE = 1_440
_MOST_HOSTS = 100_000
_MOST_WINDOWS = 20
_SCOPE = f"{', '.join(ENVIRONMENTS)}, or a cluster such as production/hello"


@dataclass(frozen=True, slots=True)
class PolicyFloor:
    """The minimum of the policies in `scope`: an environment, or environment/service.

    A default requires nothing. A setting has the meaning that it has in a policy. `by`, `why` and `at` say who wrote
    it last.
    """

    scope: str
    approval: ApprovalGate = ApprovalGate.NONE
    approval_by_another: bool = False
    max_unavailable: HostCount = "100%"
    bake_minutes: int = 0
    frozen: tuple[str, ...] = ()
    by: str = ""
    why: str = ""
    at: datetime = _NEVER

    @property
    def required(self) -> dict[str, Any]:
        """Return the settings that it requires, by the names of lifecycle.toml."""
        defaults = PolicyFloor(self.scope)
        return {each: value for each in SETTINGS if (value := getattr(self, each)) != getattr(defaults, each)}

    @property
    def in_words(self) -> str:
        return f"the floor of {self.scope}" if self.scope else "a floor that cannot be read"


_ABOUT = ("scope", "by", "why", "at")
SETTINGS = tuple(each.name for each in fields(PolicyFloor) if each.name not in _ABOUT)
# It stands for a floor that cannot be read where a rollback or a repair may begin all the same.
ONE_AT_A_TIME = PolicyFloor("", max_unavailable=1)


def check_floor_scope(text: str) -> str:
    """Check the scope of a floor as it was written; raises InvalidValue."""
    if text in ENVIRONMENTS:
        return text
    try:
        return str(Cluster.parse(text))
    except InvalidName as error:
        raise InvalidValue("scope of a policy floor", text, _SCOPE) from error


def scopes_of(cluster: Cluster) -> tuple[str, str]:
    """Return the scopes whose floors a cluster has: its environment's and its own."""
    return cluster.environment, str(cluster)


def check_floor(floor: PolicyFloor) -> PolicyFloor:
    """Check every value of a floor; raises InvalidValue."""
    _ = check_floor_scope(floor.scope)
    if floor.approval is ApprovalGate.AFTER_TEST_BED:
        raise InvalidValue("approval", floor.approval, ", ".join(GATES))
    count = parse_host_count(floor.max_unavailable)
    if isinstance(count, int) and not 1 <= count <= _MOST_HOSTS:
        allowed = f'a number from 1 to {_MOST_HOSTS}, or a percentage such as "25%"'
        raise InvalidValue("number of hosts", str(count), allowed)
    if not 0 <= floor.bake_minutes <= LONGEST_BAKE:
        raise InvalidValue("bake time", str(floor.bake_minutes), f"minutes from 0 to {LONGEST_BAKE}")
    if len(floor.frozen) > _MOST_WINDOWS:
        raise InvalidValue("list of windows", f"{len(floor.frozen)} windows", f"at most {_MOST_WINDOWS}")
    for window in floor.frozen:
        _ = Window.parse(window)
    return floor


def parsed(setting: str, texts: Sequence[str]) -> Any:
    """Return the value of a setting as people write it, several texts only for `frozen`; raises InvalidValue."""
    if setting not in SETTINGS:
        raise InvalidValue("setting of a policy floor", setting, ", ".join(SETTINGS))
    if setting == "frozen":
        return tuple(texts)
    if len(texts) != 1:
        raise InvalidValue(f"value of {setting}", ", ".join(texts), "one value")
    text = texts[0]
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
    if setting == "approval" and text in GATES:
        return ApprovalGate(text)
    if setting == "approval_by_another" and text in ("true", "false"):
        return text == "true"
    if setting == "bake_minutes" and number is not None:
        return number
    if setting == "max_unavailable":
        return parse_host_count(text if number is None else number)
    raise InvalidValue(f"value of {setting}", text, _ALLOWED[setting])


GATES = tuple(str(each) for each in ApprovalGate if each is not ApprovalGate.AFTER_TEST_BED)
_ALLOWED = {
    "approval": ", ".join(GATES),
    "approval_by_another": "true or false",
    "bake_minutes": f"minutes from 0 to {LONGEST_BAKE}",
}


def stricter(one: Policy, other: Policy) -> Policy:
    """Return `one` with the stricter of both in each setting of a floor; its other settings stay.

    For these settings the result is never laxer than either, does not depend on the order, and is the same again if
    it is applied twice.
    """
    return replace(
        one,
        approval=one.approval.joined(other.approval),
        approval_by_another=one.approval_by_another or other.approval_by_another,
        max_unavailable=fewer(one.max_unavailable, other.max_unavailable),
        bake_minutes=max(one.bake_minutes, other.bake_minutes),
        frozen=one.frozen if {*other.frozen} <= {*one.frozen} else tuple(sorted({*one.frozen, *other.frozen})),
    )


def under(policy: Policy, floors: Iterable[PolicyFloor]) -> Policy:
    """Return the policy that applies under these floors."""
    return reduce(stricter, (_as_policy(each, policy) for each in floors), policy)


def _as_policy(floor: PolicyFloor, policy: Policy) -> Policy:
    """Return a policy with the settings that the floor requires, and the others of `policy`."""
    return replace(policy, **floor.required)


def owner(setting: str, declared: Policy, floors: Sequence[PolicyFloor]) -> str:
    """Return whose floors made a setting stricter than declared, in words; empty where none did."""
    raising = [each for each in floors if getattr(under(declared, [each]), setting) != getattr(declared, setting)]
    applied = getattr(under(declared, floors), setting)
    alone = [each for each in raising if getattr(under(declared, [each]), setting) == applied]
    return " and ".join(each.in_words for each in (alone[:1] or raising))


def in_words(value: Any) -> str:
    """Return the value of a setting as people write it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ", ".join(value) if isinstance(value, tuple) else str(value)


def window_owners(declared: Policy, floors: Sequence[PolicyFloor]) -> Mapping[str, str]:
    """Return each freeze window that only a floor has, with that floor in words."""
    found = {window: each.in_words for each in reversed(floors) for window in each.frozen}
    return {window: whose for window, whose in found.items() if window not in declared.frozen}


@dataclass(frozen=True, slots=True)
class Floors:
    """The floors of a cluster as they were read; `unreadable` has a sentence about each that cannot be read."""

    known: tuple[PolicyFloor, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def in_force(self) -> tuple[PolicyFloor, ...]:
        """The floors to plan with. No deployment begins under an unreadable one, and a rollback goes host by host."""
        return (*self.known, *((ONE_AT_A_TIME,) if self.unreadable else ()))


NO_FLOORS = Floors()
