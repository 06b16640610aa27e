"""The base of every event, commands and calls of the console: one that no record could hold is refused.

A caller chooses an event's texts, and most of them are recorded: in the audit log, in keys, in answers.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from lifecycle.domain.foreign_json import unrecordable


class Recordable(BaseModel):
    """An event whose texts and numbers can be stored, printed and sent."""

    @model_validator(mode="before")
    @classmethod
    def _is_recordable(cls, given: Any) -> Any:
        # Validators of a subclass run before this one: of an event of AWS, their result is checked.
        if problem := unrecordable(given):
            raise ValueError(problem)
        return given


class Command(Recordable):
    """A frozen event; an unknown field is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")
