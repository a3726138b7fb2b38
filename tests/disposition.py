"""How a child takes a signal does not depend on how the tests were started (under nohup, say, or beside others)."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def disposition(how: signal.Handlers, *numbers: signal.Signals) -> Iterator[None]:
    """What is started in here takes these signals as ``how`` says, SIG_DFL or SIG_IGN, which exec passes on."""
    before = [(number, signal.signal(number, how)) for number in numbers]
    try:
        yield
    finally:
        for number, handler in before:
            signal.signal(number, handler)
