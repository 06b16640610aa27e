"""Names of people that AWS has proven, and the names that prove nobody.

Read by the frame of every function that people call (entrypoints/handler.py), and by the rule that an approval comes
from another person (domain/rollout/gates.py).
"""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from lifecycle.domain.errors import Refused

# A button of the console: CloudWatch does not say who pressed it. The name behind it is what somebody typed.
CONSOLE = "console"
# What acts by itself is recorded under these names, so no person may have one of them.
PROGRAMS = ("schedule", "supervision", "auto-scaling", "step-functions", "sns")
DELIVERY = "delivery"
# A run that a person started, or one of before pushes were recorded: nobody knows who wants its deployment.
DELIVERY_WITHOUT_PUSH = f"{DELIVERY}:no-push"
_OWN_NAMES = frozenset((*PROGRAMS, CONSOLE, "lifecycle", DELIVERY, "unknown"))
# The names that SDKs, tools and services give to a session whose caller chose none. Each session has another name, or
# all have the same one. botocore makes botocore-session-<time>, for example.
_GENERATED = re.compile(
    r"""botocore-session-.* | aws-?cli.* | aws-?sdk-.* | aws-go-sdk-.* | aws-dotnet-.* | aws-sam-.* | aws-cdk-.*
      | terraform-.* | github-?actions.* | awscodebuild-.* | default[-_]?session.*
      | (assume[-_]?role[-_]?)?session[-_0-9]*
      | web-?identity-.* | profile-session-.* | aws-?assume-?role.* | assume(d)?-?(role-)?(provider|from).*
      | aws-?vault.* | te?mp[-_0-9]* | m?i-[0-9a-f]{8,17}""",
    re.IGNORECASE | re.VERBOSE,
)
# No name that a person chose has a random id, or a time of 2017 to 2033 in seconds since 1970, or in parts of them.
_RANDOM = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-|[0-9a-f]{32,}", re.IGNORECASE)
_TIME = re.compile(r"(?<![0-9])1[5-9][0-9]{8}([0-9]{3}){0,3}(?![0-9])")
_ARN = re.compile(r"arn:[a-z-]+:(?:sts|iam)::([0-9]{12}):(assumed-role|user|federated-user|root)(?:/(.+))?")
_WHAT = "the command"


def is_generated(name: str) -> bool:
    """Return whether a program chose a session's name, so that it says nothing about a person."""
    return bool(_GENERATED.fullmatch(name) or _RANDOM.search(name) or _TIME.search(name))


def is_proven(name: str) -> bool:
    """Return whether a name in a record is one that AWS has proven, or of a part of Lifecycle."""
    unproven = (CONSOLE, DELIVERY_WITHOUT_PUSH)
    return name not in unproven and not name.startswith(f"{CONSOLE}:") and not is_generated(name)


def in_console(name: str) -> str:
    """Return the name under which the console records a person who merely says their name."""
    return f"{CONSOLE}:{name}" if name and name != CONSOLE else CONSOLE


def same_person(one: str, other: str) -> bool:
    """Return whether two proven names may be one person's: users whose names differ in case only are one user."""
    return one.strip().casefold() == other.strip().casefold()


def pusher_name(said: str) -> str:
    """Return the name in what an event says of a pusher: of an ARN the user's or the session's; empty for unknown.

    CodeCommit's ARN is proven by AWS. A forge's name is one of the forge.
    """
    name = said.rpartition("/")[2].strip()
    return "" if name == "unknown" else name


def person(arn: str, account: str, allowed: Sequence[str]) -> str:
    """Return the person's name in an ARN that GetCallerIdentity returned; raises Refused.

    It is the user's name, or the session's name of an assumed role, which the role's trust policy binds to a user.
    `allowed` are patterns of the part behind the account, such as `assumed-role/lifecycle-operator/*`.
    """
    found = _ARN.fullmatch(arn)
    kind, name = (found[2], (found[3] or "").rpartition("/")[2]) if found else ("", "")
    principal = arn.partition(f":{account}:")[2] if found and found[1] == account else ""
    if not any(fnmatchcase(principal, each) for each in allowed):
        expected = f"expected {' or '.join(allowed)} of account {account}, found {arn}"
        raise Refused(_WHAT, [f"{expected}; assume the operator's role, or add yours to `callers` in cdk.json"])
    if kind == "root" or not name:
        raise Refused(_WHAT, [f"{arn} is no person; assume the operator's role as yourself"])
    if is_generated(name):
        how = "set role_session_name in the profile (or AWS_ROLE_SESSION_NAME) to your user's name"
        raise Refused(_WHAT, [f"the session name {name} was chosen by a program, and names nobody; {how}"])
    if name.casefold() in _OWN_NAMES:
        raise Refused(_WHAT, [f"{name} is a name that Lifecycle records for itself; use a session name of your own"])
    return name
