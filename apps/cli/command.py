"""What all commands share: the options for target, identity, JSON and errors, and the edge where errors end.

A command is a function `(page, here, ...) -> exit code`; `connected` makes a Typer command of it, `connectable`
of one that may do without a target, `offline` of one that has none. Tests put their own way to connect into the
context's `obj`.
"""

import inspect
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import typer

from apps.cli.output.printer import Page

COMMON = "Options of every command"

Profile = Annotated[
    str,
    typer.Option(
        "--profile",
        envvar="LIFECYCLE_PROFILE",
        help="Talk to AWS with this profile, not to the laptop's environment.",
        rich_help_panel=COMMON,
    ),
]
As = Annotated[
    str,
    typer.Option(
        "--as", envvar="LIFECYCLE_AS", help="Who you are in the trail, on a laptop.", rich_help_panel=COMMON
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print facts as JSON.", rich_help_panel=COMMON)]
Debug = Annotated[
    bool, typer.Option("--debug", help="Show the traceback of an error.", rich_help_panel=COMMON)
]

ServiceName = Annotated[str, typer.Argument(metavar="SERVICE", help="The service's name, such as hello.")]
MaybeService = Annotated[str, typer.Argument(metavar="SERVICE", help="Only this service.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Watch = Annotated[bool, typer.Option("--watch/--no-watch", help="Show it live until it ends or halts.")]


@dataclass(frozen=True, slots=True)
class Options:
    """What a caller said about the target and about who asks."""

    profile: str = ""
    by: str = ""


# How a Connection is made; apps.cli.connect.connect, unless a test brings its own.
Connect: TypeAlias = Callable[[Options], Any]
Body: TypeAlias = Callable[..., int]


def connected(*examples: str) -> Callable[[Body], Callable[..., None]]:
    """A command that talks to a target: `run(page, connection, ...)`."""

    def decorate(run: Body) -> Callable[..., None]:
        def body(page: Page, opened: Callable[[], Any], **given: Any) -> int:
            return run(page, opened(), **given)

        return _with_target(body, run, examples)

    return decorate


def connectable(*examples: str) -> Callable[[Body], Callable[..., None]]:
    """A command that may talk to a target: `run(page, open, ...)`, where `open()` connects."""
    return lambda run: _with_target(run, run, examples)


def _with_target(body: Body, run: Body, examples: Sequence[str]) -> Callable[..., None]:
    def wrapper(ctx: typer.Context, **given: Any) -> None:
        options = Options(given.pop("profile"), given.pop("as_"))
        page, debug = Page(as_json=given.pop("json")), given.pop("debug")

        def opened() -> Any:
            here = _connect(ctx)(options)
            page.open(here.target)
            return here

        with edge(debug=debug):
            _leave(body(page, opened, **given))

    return _typed(wrapper, run, 2, {"profile": (Profile, ""), "as_": (As, "")}, examples)


def offline(*examples: str) -> Callable[[Body], Callable[..., None]]:
    """A command that needs no target: `run(page, ...)`."""

    def decorate(run: Body) -> Callable[..., None]:
        def wrapper(ctx: typer.Context, **given: Any) -> None:
            del ctx
            page, debug = Page(as_json=given.pop("json")), given.pop("debug")
            with edge(debug=debug):
                _leave(run(page, **given))

        return _typed(wrapper, run, 1, {}, examples)

    return decorate


def _connect(ctx: typer.Context) -> Connect:
    if ctx.obj is not None:
        found: Connect = ctx.obj
        return found
    from apps.cli.connection import connect  # noqa: PLC0415 (boto3 is not needed for --help)

    return connect


def _leave(code: int) -> None:
    if code:
        raise typer.Exit(code)


def _typed(
    wrapper: Callable[..., None],
    run: Body,
    skip: int,
    more: dict[str, tuple[Any, Any]],
    examples: Sequence[str],
) -> Callable[..., None]:
    """Give the wrapper the parameters that Typer is to read: the command's own, then those of all commands."""
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
    shown = "\n".join(f"  lifecycle {example}" for example in examples)
    # After \b the help keeps its lines.
    wrapper.__doc__ = f"{inspect.getdoc(run)}\n\n\b\nExamples:\n{shown}" if examples else run.__doc__
    return wrapper


@contextmanager
def edge(*, debug: bool = False) -> Iterator[None]:
    """Where errors end: one message on standard error, exit code 1, and no traceback unless asked for."""
    try:
        yield
    except (typer.Exit, typer.Abort):
        raise
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise typer.Exit(130) from None
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 (the outermost edge: a person gets a message, whatever it was)
        from apps.cli.output.failures import explain  # noqa: PLC0415

        if debug:
            traceback.print_exception(error)
        print(f"error: {explain(error)}", file=sys.stderr)
        raise typer.Exit(1) from None
