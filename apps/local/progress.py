"""Progress on a terminal: steps with their times. Without a terminal, lines instead of a spinner."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeAlias

from rich.console import Console

Say: TypeAlias = Callable[[str], None]


class Progress:
    """Prints one line for each step when it is done; `quiet` prints nothing."""

    def __init__(self, console: Console | None = None, *, quiet: bool = False) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True, quiet=quiet)
        self.times: dict[str, float] = {}

    def say(self, text: str) -> None:
        self._console.print(text, markup=False)

    def heading(self, text: str) -> None:
        self._console.print(f"\n[bold]{text}[/bold]")

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Time a step; print a failure as failed, and raise it again."""
        began = time.monotonic()
        spinner = self._console.status(f"{text} ...") if self._console.is_terminal else nullcontext()
        try:
            with spinner:
                yield
        except BaseException:
            self._console.print(f"  [red]failed[/red]  {text}  [dim]{time.monotonic() - began:.1f} s[/dim]")
            raise
        self.times[text] = round(time.monotonic() - began, 2)
        self._console.print(f"  [green]ok[/green]  {text}  [dim]{self.times[text]:.1f} s[/dim]")
