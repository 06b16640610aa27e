"""pyinfra's own `@local` connector for several hosts: `@here/NAME`. `@local` itself allows only one host.

pyinfra finds it by an entry point (tools.py). It runs commands as `@local` does, so a host costs no SSH.
"""

from collections.abc import Iterator

from pyinfra.connectors.local import LocalConnector


class HereConnector(LocalConnector):  # type: ignore[misc]
    """`@local`, once for each host."""

    @staticmethod
    def make_names_data(name: str) -> Iterator[tuple[str, dict[str, str], list[str]]]:
        yield f"@here/{name}", {}, []
