"""The catalogue of planted faults: small mutations of the product's code, each of which something must catch.

A mutation that nothing catches is a hole in the tests. Each text must be in its module exactly once, so that the
catalogue cannot rot. Proved by test_planted.py; one by one with `python -m tests.simulation.planting NAME`.
"""

from dataclasses import dataclass
from pathlib import Path

SIMULATION = "the simulation"


@dataclass(frozen=True, slots=True)
class Planted:
    """One mutation: in `module`, `old` becomes `new`, which breaks `invariants`; `caught_by` is the simulation,
    or the pytest address of its companion test.
    """

    name: str
    invariants: tuple[int, ...]
    module: str
    old: str
    new: str
    caught_by: str = SIMULATION

    def planted_in(self, path: str) -> str:
        """The module's source with the fault in it; raises when its text is not there once."""
        source = Path(path).read_text()
        if source.count(self.old) != 1:
            raise LookupError(
                f"{self.name}: expected once in {self.module}, found {source.count(self.old)} times: {self.old!r}"
            )
        return source.replace(self.old, self.new)


def _catalogue() -> dict[str, Planted]:
    from tests.simulation.plants import agent, application, domain  # noqa: PLC0415 (they need Planted)

    return {fault.name: fault for fault in (*domain.FAULTS, *application.FAULTS, *agent.FAULTS)}


CATALOGUE = _catalogue()
