"""What commands print: results on stdout, progress on stderr, nothing twice."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console

_SLOW_SECONDS = 2.0

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


@contextmanager
def progress(what: str) -> Iterator[None]:
    """Say on stderr what is going on: a spinner in a terminal, else one line once it takes longer than two seconds."""
    if err.is_terminal:
        with err.status(f"{what} ..."):
            yield
        return
    slow = threading.Timer(_SLOW_SECONDS, lambda: err.print(f"{what} ...", markup=False))
    slow.daemon = True
    slow.start()
    try:
        yield
    finally:
        slow.cancel()


def rows(title: str, cells: Iterable[Sequence[str]]) -> None:
    """Print aligned columns under a title; lines are never cut, so that what they show can be copied."""
    lines = [list(row) for row in cells]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    out.print(f"\n{title}", style="bold")
    for line in lines:
        text = "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        out.print(f"  {text.rstrip()}", markup=False)


def as_json(value: Any) -> None:
    """Print ``value`` as JSON on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
