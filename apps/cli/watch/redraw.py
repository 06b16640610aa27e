"""Show a view again and again in one place, for `status --watch` and `hosts --watch`.

A terminal gets each picture in one write over the last one, on its other screen, so nothing flickers or scrolls away;
the last picture stays when Ctrl-C ends it. Anything else gets a picture, or an object with --json, when it changed.
"""

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stdout

from apps.cli.output.failures import explain
from apps.cli.output.printer import Printer
from apps.cli.output.screen import unread
from apps.cli.output.text import clean, time_of_day
from apps.cli.ports import Connection
from lifecycle.gateways.aws.errors import failure

SECONDS = 2.0  # between two pictures: one reads every cluster
_BEGIN, _END = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"

Draw = Callable[[Printer], int]


def redraw(printer: Printer, connection: Connection, draw: Draw) -> int:
    """Draw until Ctrl-C, which ends it with 0, or until nobody reads the output.

    A failed read keeps the last picture. Raises what the first drawing raises.
    """
    picture, at = _picture(printer, draw), connection.context.clock.now()
    live = printer.terminal and not printer.as_json
    shown, problem = "", ""
    try:
        if live:
            _write(_BEGIN)
        while not unread():
            if live:
                _write(_frame(printer, picture, f"{time_of_day(at)} UTC{problem}; Ctrl-C ends"))
            elif picture != shown:
                _write(picture)
            shown = picture
            connection.context.clock.sleep(SECONDS)
            try:
                picture, at, problem = _picture(printer, draw), connection.context.clock.now(), ""
            except Exception as error:
                if failure(error) is None:
                    raise
                problem = f", not read since: {' '.join(explain(error).split())}"
    except KeyboardInterrupt:
        pass
    finally:
        if live:
            _write(_END)
    if live:
        _write(picture)
    return 0


def _picture(printer: Printer, draw: Draw) -> str:
    """Return what a view prints, with its colours on a terminal."""
    inner = Printer(as_json=printer.as_json, terminal=printer.terminal, compact=True)
    inner.target = printer.target
    with redirect_stdout(io.StringIO()) as text:
        draw(inner)
    return text.getvalue()


def _frame(printer: Printer, picture: str, status: str) -> str:
    """Return a picture as one text that is written over the last one, cut at the height of the terminal."""
    width, height = printer.console.size
    head = f"{printer.target}  {status}"[: max(width, 1)]
    lines = [clean(head), *picture.rstrip("\n").split("\n")]
    if len(lines) > height:
        left = len(lines) - height + 1
        lines = [*lines[: height - 1], f"… {left} more lines: a higher window, or name a service"[:width]]
    return _HOME + "\r\n".join(f"{line}{_CLEAR_LINE}" for line in lines) + _CLEAR_BELOW


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
