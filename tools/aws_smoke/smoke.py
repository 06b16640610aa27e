"""The run: its steps in order, and the clean-up, which happens however the run ends."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from lifecycle.domain.errors import LifecycleError
from tools.aws_smoke.cloud import Answer, Cloud, Ending, Part, SmokeFailed, Verdict
from tools.aws_smoke.journal import Journal
from tools.aws_smoke.questions import QUESTIONS
from tools.aws_smoke.spending import Budget

Say = Callable[[str], None]
T = TypeVar("T")


@dataclass
class Report:
    """The result of a run: what was done, the answers, why it ended early, and what is left."""

    done: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)
    failure: str = ""
    kept_failing: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        return not (self.failure or self.kept_failing or self.left)


@dataclass
class Smoke:
    """One run against a cloud."""

    cloud: Cloud
    journal: Journal
    budget: Budget
    say: Say
    report: Report = field(default_factory=Report)

    def run(self) -> Report:
        """Do every step, and then remove everything, after Ctrl-C and after a failure too."""
        if found := self.cloud.blockers():
            self.report.failure = "not begun: " + "; ".join(found)
            return self.report
        try:
            self._steps()
        except KeyboardInterrupt:
            self.report.failure = "interrupted"
        except LifecycleError as error:
            self.report.failure = str(error)
        except Exception as error:  # noqa: BLE001 (whatever failed, what was made must be removed)
            self.report.failure = f"unexpected {type(error).__name__}: {error}"
        if self.report.failure:
            self.say(f"failed: {self.report.failure}; everything is removed now")
        return self.clean_up()

    def clean_up(self) -> Report:
        """Remove every part, the last one first. A part that fails stops no other."""
        for part in reversed(Part):
            self.say(f"remove: {part}")
            try:
                self.cloud.remove(part)
            except Exception as error:  # noqa: BLE001 (the other parts cost money too)
                self.report.kept_failing.append(f"{part}: {error}")
            else:
                self.journal.removed(part)
        self.report.left = _left(self.cloud)
        if not (self.report.left or self.report.kept_failing):
            self.journal.close()
        return self.report

    def _steps(self) -> None:
        for part in Part:
            self._begin(f"make: {part}")
            self.journal.begin(part)  # before it is made: a crash in between must not hide it
            self.cloud.make(part)
            self._done(f"make: {part}")
        good = self._step("push a good version", lambda: self.cloud.push(broken=False))
        self._expect("roll it out", "DONE", (good,), lambda: self.cloud.roll_out(good))
        bad = self._step("push a version that fails its self-test", lambda: self.cloud.push(broken=True))
        self._expect("roll it out, until it halts", "HALTED", (), lambda: self.cloud.roll_out(bad))
        self._expect("roll back", "DONE", (good,), self.cloud.roll_back)
        for each in QUESTIONS:
            self.report.answers.append(self._step(f"ask: {each}", lambda each=each: self._answer(each)))  # type: ignore[misc]

    def _answer(self, question: str) -> Answer:
        """Measure one question; one that cannot be measured stops no other."""
        try:
            return self.cloud.answer(question)
        except Exception as error:  # noqa: BLE001 (a question that fails is an answer, too)
            return Answer(question, Verdict.NOT_MEASURED, f"{type(error).__name__}: {error}")

    def _expect(self, step: str, state: str, installed: Sequence[str], act: Callable[[], Ending]) -> None:
        """Do a step, and raise SmokeFailed unless it ends in this state, with these versions on the hosts."""
        ending = self._step(step, act)
        if ending.state != state:
            raise SmokeFailed(f"{step}: expected {state}, found {ending.state}")
        if installed and set(ending.installed) != set(installed):
            raise SmokeFailed(f"{step}: expected {installed[0]} on every host, found {', '.join(ending.installed)}")

    def _step(self, step: str, act: Callable[[], T]) -> T:
        self._begin(step)
        found = act()
        self._done(step)
        return found

    def _begin(self, step: str) -> None:
        self.budget.check(step)
        self.say(step)

    def _done(self, step: str) -> None:
        self.journal.did(step)
        self.report.done.append(step)


def _left(cloud: Cloud) -> list[str]:
    """Return what is left; a list that cannot be read proves nothing, so it counts as something left."""
    try:
        return list(cloud.left())
    except Exception as error:  # noqa: BLE001 (see above)
        return [f"unknown, because the account could not be searched: {error}"]


def lines(report: Report) -> Iterator[str]:
    """Yield the report as text."""
    yield f"{len(report.done)} steps done" + (f"; then: {report.failure}" if report.failure else "")
    for each in report.answers:
        yield f"{each.verdict:<12}  {each.question}: {each.found}"
    for problem in report.kept_failing:
        yield f"not removed   {problem}"
    for name in report.left:
        yield f"left          {name}"
    if report.left or report.kept_failing:
        yield "run it again with --clean-up-only until nothing is left; it costs money until then"
    elif not report.failure.startswith("not begun"):
        yield "nothing is left: no stack, no repository, no bucket, no table, no key in use, no log group"
