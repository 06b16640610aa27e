"""The context of an invocation."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Invocation:
    """The context that Lambda gives to a function."""

    function_name: str
    aws_request_id: str = "request"

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:eu-central-1:123456789012:function:{self.function_name}"
