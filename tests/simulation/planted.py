"""The catalogue of planted faults (mutants): small changes of the product's code that the tests must catch.

A fault that nothing catches is a gap in the tests. Each text must be in its module exactly once, so that the
catalogue stays current. Checked by test_planted.py; a single one by `python -m tests.simulation.planting
NAME`.
"""

import os
from dataclasses import dataclass
from pathlib import Path

SIMULATION = "the simulation"


@dataclass(frozen=True, slots=True)
class Edit:
    """An edit: in `module`, the text `old` becomes `new`."""

    module: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Planted:
    """One planted fault, which breaks `invariants`.

    `caught_by` is the simulation, or the pytest address of a companion test. Where two layers of the product
    guard the same invariant, the fault removes both: `beside` are the other edits.
    """

    name: str
    invariants: tuple[int, ...]
    module: str
    old: str
    new: str
    caught_by: str = SIMULATION
    beside: tuple[Edit, ...] = ()

    @property
    def edits(self) -> tuple[Edit, ...]:
        return (Edit(self.module, self.old, self.new), *self.beside)

    def planted_in(self, module: str, path: str) -> str:
        """Return the module's source with the fault.

        Raise LookupError when a text is not there exactly once.
        """
        source = Path(path).read_text()
        for edit in self.edits:
            if edit.module == module:
                source = _replaced(source, edit, self.name)
        return source


def planted_text(module: str, text: str) -> str:
    """Return the text of a file that is no module, with the fault of the environment variable PLANTED."""
    fault = CATALOGUE.get(os.environ.get("PLANTED", ""))
    for edit in fault.edits if fault else ():
        if edit.module == module:
            text = _replaced(text, edit, fault.name if fault else "")
    return text


def _replaced(text: str, edit: Edit, name: str) -> str:
    if (found := text.count(edit.old)) != 1:
        raise LookupError(f"{name}: expected once in {edit.module}, found {found} times: {edit.old!r}")
    return text.replace(edit.old, edit.new)


def _catalogue() -> dict[str, Planted]:
    from tests.simulation.plants import (  # noqa: PLC0415 (they need Planted)
        agent,
        application,
        beds,
        checkpoints,
        configurations,
        domain,
        ended_hosts,
        epochs,
        hand_made,
        lost,
        pushes,
        releases,
        schedules,
        shared,
        signatures,
        supervision,
        throttling,
        trust,
        workers,
    )

    modules = (
        domain,
        ended_hosts,
        application,
        beds,
        checkpoints,
        configurations,
        lost,
        agent,
        hand_made,
        epochs,
        pushes,
        releases,
        schedules,
        shared,
        signatures,
        supervision,
        throttling,
        trust,
        workers,
    )
    every = (fault for module in modules for fault in module.FAULTS)
    return {fault.name: fault for fault in every}


CATALOGUE = _catalogue()
