"""Checks that follow every unit test of a rollout."""

import re
from collections.abc import Iterator

import pytest

from tests.support.rollout import Machine

_HOST = re.compile(r"|host-\d+")
_WHO = re.compile(r"alarm \S+|\S+")


@pytest.fixture(autouse=True)
def _trail_names_hosts_and_authors(request: pytest.FixtureRequest) -> Iterator[None]:
    """Check that each entry of the audit log has a name where a host or an author belongs, not a sentence."""
    found = request.getfixturevalue("machine") if "machine" in request.fixturenames else None
    yield
    if isinstance(found, Machine):
        entries = found.memory.audit_log.entries
        assert [each for each in entries if not (_HOST.fullmatch(each.host) and _WHO.fullmatch(each.who))] == []
