"""The least patch of Python that an agent should run on. __main__.py warns at its start of an older one."""

# The first patches of each minor version in which no archive, cookie or header takes quadratic time (CVE-2024-6232,
# CVE-2024-7592, both of September 2024). Later minor versions have always had the fixes.
_LEAST_PATCH = {11: 10, 12: 6}


def outdated(version: tuple[int, int, int]) -> str:
    """Return what to do about a Python that lacks security fixes; empty for any other one."""
    major, minor, patch = version
    least = _LEAST_PATCH.get(minor, 0)
    if patch >= least:
        return ""
    return (
        f"Python {major}.{minor}.{patch} lacks security fixes: expected {major}.{minor}.{least} or later; "
        "update Python on this host, then restart the agent"
    )
