"""An account in memory for tools/aws_smoke: what it made, and faults at any call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tools.aws_smoke.cloud import Answer, Ending, Part, Verdict


@dataclass
class MemoryCloud:
    """Two hosts. `fails` has an error for the call of a number; `half` parts exist although making them failed."""

    fails: dict[int, BaseException] = field(default_factory=dict)
    refuses: tuple[str, ...] = ()
    parts: set[Part] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    after: Callable[[], None] = lambda: None
    halts: bool = True
    releases: list[bool] = field(default_factory=list)

    def blockers(self) -> Sequence[str]:
        return self.refuses

    def make(self, part: Part) -> None:
        self.parts.add(part)  # a deployment that fails leaves something
        self._call(f"make {part}")

    def push(self, *, broken: bool) -> str:
        self._call("push")
        self.releases.append(broken)
        return f"1.0.{len(self.releases) - 1}"

    def roll_out(self, release: str) -> Ending:
        self._call(f"roll out {release}")
        broken = self.releases[int(release.rpartition(".")[2])]
        return Ending("HALTED") if broken and self.halts else Ending("DONE", (release, release))

    def roll_back(self) -> Ending:
        self._call("roll back")
        return Ending("DONE", ("1.0.0", "1.0.0"))

    def answer(self, question: str) -> Answer:
        self._call(f"answer {question}")
        return Answer(question, Verdict.AS_DESIGNED, "as designed")

    def remove(self, part: Part) -> None:
        self._call(f"remove {part}")
        self.parts.discard(part)

    def left(self) -> Sequence[str]:
        self._call("left")
        return sorted(self.parts)

    def _call(self, what: str) -> None:
        self.calls.append(what)
        self.after()
        if error := self.fails.pop(len(self.calls), None):
            raise error
