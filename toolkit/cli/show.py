"""What commands print: results on stdout, progress on stderr, nothing twice."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
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


def as_json(value: Any) -> None:
    """Print ``value`` as JSON on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, default=str) + "\n")
