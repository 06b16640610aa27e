"""The report of a run: the score, what killed the mutants, and each survivor with its reason."""

import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tools.mutants.scoring import Judged
from tools.mutants.sources import Mutant

_AROUND = 60


def read_reasons(path: Path) -> dict[str, str]:
    """Return the reason why each accepted survivor is no gap of the tests, by its mutant's name."""
    found = tomllib.loads(path.read_text()) if path.exists() else {}
    return {each["id"]: each["reason"] for each in found.get("survivor", ())}


class Report:
    """The results of one sample in one tree."""

    def __init__(
        self,
        sample: Sequence[Mutant],
        results: Mapping[str, Judged],
        tree: str,
        reasons: Mapping[str, str],
        *,
        keep_killed: bool,
    ) -> None:
        found = {each.id: results[each.id] for each in sample if each.id in results}
        self._judged = {i: r for i, r in found.items() if r.tree == tree or (keep_killed and r.is_killed)}
        self._older = sum(each.tree != tree for each in self._judged.values())
        self._sample = sample
        self._reasons = reasons
        self.killed = sum(each.is_killed for each in self._judged.values())
        self.survivors = [each for each in sample if each.id in self._judged and not self._judged[each.id].is_killed]

    @property
    def score(self) -> float:
        """The percentage of the judged mutants that were killed."""
        return 100.0 * self.killed / len(self._judged) if self._judged else 0.0

    def reaches(self, goal: float) -> bool:
        """Return True when all were judged, enough were killed, and each survivor has a reason."""
        explained = all(each.id in self._reasons for each in self.survivors)
        return len(self._judged) == len(self._sample) and self.score >= goal and explained

    def text(self, root: Path) -> str:
        """Return the survivors with their diffs, then the score."""
        lines = []
        for each in sorted(self.survivors, key=lambda mutant: (mutant.module.name, mutant.mutation.line)):
            place = f"{each.module.path.relative_to(root)}:{each.mutation.line}"
            reason = self._reasons.get(each.id, "no reason given")
            before, after = _difference(each.mutation.before, each.mutation.after)
            lines += [f"survived: {place} {each.mutation.function} [{each.mutation.operator}] {each.id}"]
            lines += [f"  - {before}", f"  + {after}", f"  {reason}"]
        judges = Counter(each.judge for each in self._judged.values() if each.is_killed)
        shown = ", ".join(f"{number} by {name}" for name, number in judges.most_common())
        lines += [f"{len(self._judged)} of {len(self._sample)} mutants judged, {self.killed} killed ({shown})"]
        if self._older:
            lines += [f"{self._older} of them were killed before the code or the tests changed"]
        unexplained = sum(each.id not in self._reasons for each in self.survivors)
        lines += [f"mutation score: {self.score:.1f} %; survivors without a reason: {unexplained}"]
        return "\n".join(lines)


def _difference(before: str, after: str) -> tuple[str, str]:
    """Return both texts without most of what they have in common."""
    start = 0
    while start < min(len(before), len(after)) and before[start] == after[start]:
        start += 1
    end = 0
    while end < min(len(before), len(after)) - start and before[-1 - end] == after[-1 - end]:
        end += 1
    first = max(0, start - _AROUND)
    return tuple(  # type: ignore[return-value]
        ("…" if first else "")
        + text[first : len(text) - max(0, end - _AROUND)].replace("\n", " ")
        + ("…" if end > _AROUND else "")
        for text in (before, after)
    )
