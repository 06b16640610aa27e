"""Every planted fault can still be planted: what it replaces stands in its file exactly once."""

from pathlib import Path

from tests.simulation.planted import CATALOGUE

ROOT = Path(__file__).resolve().parents[2]
ROOTS = (ROOT, ROOT / "layers" / "core" / "python")


def _file(module: str) -> Path:
    name = module if module.endswith(".json") else f"{module.replace('.', '/')}.py"
    return next(root / name for root in ROOTS if (root / name).exists())


def test_the_text_of_every_planted_fault_is_there_once() -> None:
    broken = [
        f"{fault.name}: {edit.old!r} is {found} times in {edit.module}"
        for fault in CATALOGUE.values()
        for edit in fault.edits
        if (found := _file(edit.module).read_text().count(edit.old)) != 1
    ]
    assert not broken, "adapt these planted faults in tests/simulation/plants:\n" + "\n".join(broken)
