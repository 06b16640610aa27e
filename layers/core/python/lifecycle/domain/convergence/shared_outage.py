"""Shared outages: convergence repairs no host for a fault that all of them share.

Used by decide.py. Which hosts those are is decided in domain/rollout/shared_fault.py.
"""

from collections.abc import Collection
from datetime import datetime

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.listing import listed
from lifecycle.domain.time_format import moment


def outage_words(cluster: Cluster, hosts: Collection[str], size: int, since: datetime) -> str:
    """Describe a shared outage, and ask what operators should ask themselves."""
    subject = "all hosts" if len(hosts) == size else listed(sorted(hosts))
    verb = "is" if len(hosts) == 1 < size else "are"
    found = f"{subject} of {cluster} {verb} unhealthy since {moment(since)} UTC: a shared dependency?"
    return f"{found} The services run unchanged, so nothing is repaired until they recover"
