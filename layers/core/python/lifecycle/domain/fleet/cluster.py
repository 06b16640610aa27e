"""Clusters: the hosts of one service in one environment, and their allowed names."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from lifecycle.domain.errors import InvalidName

ENVIRONMENTS = ("staging", "production")

_SERVICE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 24


def service_name(text: str) -> str:
    """Check a service's name; raises InvalidName."""
    if not _is_service(text):
        raise InvalidName("service", text, f"at most {_LONGEST} lower-case letters, digits and single hyphens")
    return text


def _is_service(text: str) -> bool:
    return len(text) <= _LONGEST and _SERVICE.fullmatch(text) is not None


def nearest_service(text: str) -> str:
    """Return the name that a service could have and that is nearest to a text, such as `shop-web` to `Shop_Web`."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    name = "-".join(words) or "unnamed"
    return (name if name[0].isalpha() else f"x{name}")[:_LONGEST].rstrip("-")


def is_cluster(environment: str, service: str) -> bool:
    """Return whether a cluster can have these names."""
    return environment in ENVIRONMENTS and _is_service(service)


@dataclass(frozen=True, slots=True, order=True)
class Cluster:
    """The hosts of one service in one environment, written `production/hello`."""

    environment: str
    service: str

    def __post_init__(self) -> None:
        if self.environment not in ENVIRONMENTS:
            raise InvalidName("environment", self.environment, ", ".join(ENVIRONMENTS))
        service_name(self.service)

    @classmethod
    def parse(cls, text: str) -> "Cluster":
        environment, _, service = text.partition("/")
        return cls(environment, service)

    def __str__(self) -> str:
        return f"{self.environment}/{self.service}"


def clusters_of_scope(scope: str, clusters: Sequence[Cluster]) -> Sequence[Cluster]:
    """Return the clusters whose audit logs have what was done or refused about a scope, which may be any text.

    They are those of the services that it names, else those of its environments. A scope of none of them is of
    each: it may be wrong, or of an environment that has no cluster yet.
    """
    parts = scope.split("/")
    of_service = [each for each in clusters if each.service in parts]
    exactly = [each for each in of_service if each.environment in parts]
    return exactly or of_service or [each for each in clusters if each.environment in parts] or clusters


@lru_cache(maxsize=1024)
def cluster_named(environment: str, service: str) -> Cluster:
    """Return a cluster by its names, the same object each time; raises InvalidName."""
    return Cluster(environment, service)
