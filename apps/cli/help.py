"""Help that fits 80 columns: plain lists, in which no name of an option is cut.

Used by main.py and by the groups of commands.
"""

from typing import Any

from typer.core import TyperGroup


class CommandGroup(TyperGroup):
    """A group that lists its commands with their whole first sentence."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        every = {name: self.get_command(ctx, name) for name in self.list_commands(ctx)}
        with formatter.section("Commands"):
            formatter.write_dl([(name, first_sentence(each.help or "")) for name, each in every.items() if each])


def first_sentence(text: str) -> str:
    """Return the first paragraph of a docstring up to its first full stop."""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    sentence, stop, _ = paragraph.partition(". ")
    return f"{sentence}." if stop else paragraph
