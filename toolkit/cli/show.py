"""What commands print: results on stdout, progress on stderr, nothing twice."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console

if TYPE_CHECKING:
    from toolkit.gas.report import Report
    from toolkit.gas.sheet import Sheet

_SLOW_SECONDS = 2.0
_PIPE_WIDTH = 120
out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def steps() -> Iterator[Callable[[str], None]]:
    """A function that says what is going on now: with a spinner in a terminal, else a line on stderr if it is slow."""
    if err.is_interactive and err.file.isatty():
        # A spinner and what is printed above it must share a console, or they overwrite each other.
        from getpass import getpass

        from toolkit.devnet.keys import asking

        def ask(prompt: str) -> str:
            status.stop()
            try:
                return getpass(prompt)
            finally:
                status.start()

        with (out if out.file.isatty() else err).status("") as status, asking(ask):
            yield lambda what: status.update(f"{what} ...")
        return
    slow: threading.Timer | None = None

    def step(what: str) -> None:
        nonlocal slow
        if slow:
            slow.cancel()
        slow = threading.Timer(_SLOW_SECONDS, lambda: err.print(f"{what} ...", markup=False))
        slow.daemon = True
        slow.start()

    try:
        yield step
    finally:
        if slow:
            slow.cancel()


def line(text: str) -> None:
    """Print a line of progress, above the spinner of `steps` where there is one."""
    spins = err.is_interactive and err.file.isatty()
    (out if spins and out.file.isatty() else err).print(text, markup=False)


def table(title: str, rows: Iterable[Sequence[str]], *, numbers: bool = False) -> None:
    """Print aligned columns under a title.

    Lines are never cut, so that what they show can be copied. With ``numbers`` the first row is a header, and all
    columns but the first are aligned right.
    """
    lines = [list(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if title:
        out.print(title, style="bold", markup=False)
    for number, line in enumerate(lines):
        cells = [
            cell.rjust(width) if numbers and column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        out.print(f"  {'  '.join(cells).rstrip()}", style="dim" if numbers and number == 0 else None, markup=False)


def sheets(found: Sequence[Sheet]) -> None:
    """Print sheets, with the kind of every figure and all sources; they fit the terminal's width."""
    from toolkit.gas.render import to_terminal

    styles = {"title": "bold", "header": "dim", "row": None, "note": "dim"}
    for line in to_terminal(found, out.width if out.is_terminal else _PIPE_WIDTH):
        out.print(line.text, style=styles[line.style], markup=False)


def report(found: Report) -> None:
    """Print a gas report's tables."""
    for each in found.tables():
        out.print()
        table(each.title, each.rows, numbers=True)


def as_json(value: Any) -> None:
    """Print ``value`` as JSON on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
    sys.stdout.flush()  # who reads a pipe may wait for it while we go on
