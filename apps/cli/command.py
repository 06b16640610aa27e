"""The parts that all commands share: options for target, identity, JSON and errors, and the error boundary.

A command is a function `(printer, connection, ...) -> exit code`. `connected` makes a Typer command of it,
`optionally_connected` of one that may run without a target, `offline` of one that has none. Tests put their own
function that connects into the context's `obj`.
"""

import inspect
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import typer

from apps.cli.output.printer import Printer

COMMON = "Options of every command"

Profile = Annotated[
    str,
    typer.Option(
        "--profile",
        envvar="LIFECYCLE_PROFILE",
        help="Use AWS with this profile instead of the environment on this machine.",
        rich_help_panel=COMMON,
    ),
]
As = Annotated[
    str,
    typer.Option(
        "--as",
        envvar="LIFECYCLE_AS",
        help="Your name in the audit log; on AWS it is the profile's identity.",
        rich_help_panel=COMMON,
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.", rich_help_panel=COMMON)]
Debug = Annotated[bool, typer.Option("--debug", help="Print the traceback of an error.", rich_help_panel=COMMON)]

ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help="The name of the service, such as hello.")]
MaybeService = Annotated[str, typer.Argument(metavar="SERVICE", help="Only this service.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]
Redraw = Annotated[bool, typer.Option("--watch", "-w", help="Show it again every two seconds until Ctrl-C.")]
Watch = Annotated[bool, typer.Option("--watch/--no-watch", help="Follow it live until it ends or halts.")]


@dataclass(frozen=True, slots=True)
class Options:
    """The target and the identity that a caller chose."""

    profile: str = ""
    by: str = ""


# Returns a Connection: apps.cli.connection.connect, unless a test passes its own.
Connect: TypeAlias = Callable[[Options], Any]
CommandBody: TypeAlias = Callable[..., int]


@dataclass(frozen=True, slots=True)
class Connector:
    """Connects to the target that the caller chose, and prints it; `options` says which one that is."""

    options: Options
    printer: Printer
    context: typer.Context

    def __call__(self) -> Any:
        connection = _connector(self.context)(self.options)
        self.printer.show_target(connection.target)
        return connection


def connected(*examples: str) -> Callable[[CommandBody], Callable[..., None]]:
    """Make a command of `run(printer, connection, ...)`, which needs a target."""

    def decorate(run: CommandBody) -> Callable[..., None]:
        def body(printer: Printer, connect: Callable[[], Any], **arguments: Any) -> int:
            return run(printer, connect(), **arguments)

        return _with_target(body, run, examples)

    return decorate


def optionally_connected(*examples: str) -> Callable[[CommandBody], Callable[..., None]]:
    """Make a command of `run(printer, connect, ...)`, which calls `connect()` only when it needs a target."""
    return lambda run: _with_target(run, run, examples)


def _with_target(body: CommandBody, run: CommandBody, examples: Sequence[str]) -> Callable[..., None]:
    def wrapper(ctx: typer.Context, **arguments: Any) -> None:
        options = Options(arguments.pop("profile"), arguments.pop("as_"))
        printer, debug = Printer(as_json=arguments.pop("json")), arguments.pop("debug")

        connect = Connector(options, printer, ctx)
        with error_boundary(debug=debug):
            _exit(body(printer, connect, **arguments))

    return _with_signature(wrapper, run, 2, {"profile": (Profile, ""), "as_": (As, "")}, examples)


def offline(*examples: str) -> Callable[[CommandBody], Callable[..., None]]:
    """Make a command of `run(printer, ...)`, which needs no target."""

    def decorate(run: CommandBody) -> Callable[..., None]:
        def wrapper(ctx: typer.Context, **arguments: Any) -> None:
            del ctx
            printer, debug = Printer(as_json=arguments.pop("json")), arguments.pop("debug")
            with error_boundary(debug=debug):
                _exit(run(printer, **arguments))

        return _with_signature(wrapper, run, 1, {}, examples)

    return decorate


def _connector(ctx: typer.Context) -> Connect:
    if ctx.obj is not None:
        found: Connect = ctx.obj
        return found
    from apps.cli.connection import connect  # noqa: PLC0415 (boto3 is not needed for --help)

    return connect


def _exit(code: int) -> None:
    if code:
        raise typer.Exit(code)


def _with_signature(
    wrapper: Callable[..., None],
    run: CommandBody,
    skip: int,
    more: dict[str, tuple[Any, Any]],
    examples: Sequence[str],
) -> Callable[..., None]:
    """Give the wrapper the parameters that Typer reads: those of `run` after the first `skip`, then the shared."""
    kind = inspect.Parameter
    own = list(inspect.signature(run, eval_str=True).parameters.values())[skip:]
    shared = {**more, "json": (AsJson, False), "debug": (Debug, False)}
    parameters = [
        kind("ctx", kind.KEYWORD_ONLY, annotation=typer.Context),
        *(each.replace(kind=kind.KEYWORD_ONLY) for each in own),
        *(kind(n, kind.KEYWORD_ONLY, annotation=a, default=d) for n, (a, d) in shared.items()),
    ]
    typed: Any = wrapper
    typed.__signature__ = inspect.Signature(parameters)
    typed.__annotations__ = {each.name: each.annotation for each in parameters}
    typed.__name__ = run.__name__
    lines = "\n".join(_wrapped(f"lifecycle {example}") for example in examples)
    # After \b the help keeps its lines.
    wrapper.__doc__ = f"{inspect.getdoc(run)}\n\n\b\nExamples:\n{lines}" if examples else run.__doc__
    return wrapper


_EXAMPLE_WIDTH = 76  # of 80 columns, with the help's indent
_WORD = re.compile(r"(?:'[^']*'|[^\s'])+")


def _wrapped(example: str) -> str:
    """Return an example on lines that a shell reads as one; a quoted text stays whole."""
    lines = ["  "]
    for word in _WORD.findall(example):
        if len(lines[-1]) + 1 + len(word) > _EXAMPLE_WIDTH:
            lines[-1] += " \\"
            lines.append("     ")
        lines[-1] += word if lines[-1] == "  " else f" {word}"
    return "\n".join(lines)


@contextmanager
def error_boundary(*, debug: bool = False) -> Iterator[None]:
    """Print an error as one message on standard error and exit with 1; with `debug` its traceback too."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise typer.Exit(130) from None
    except Exception as error:  # noqa: BLE001 (the outermost boundary: every error becomes a message)
        from apps.cli.output.failures import explain  # noqa: PLC0415
        from apps.cli.output.text import clean  # noqa: PLC0415

        if debug:
            print(clean("".join(traceback.format_exception(error))), file=sys.stderr, end="")
        print(f"error: {clean(explain(error))}", file=sys.stderr)
        raise typer.Exit(1) from None
