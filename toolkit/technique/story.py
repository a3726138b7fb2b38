"""What a demonstration or a scenario tells, as it happens and as data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Story:
    """Records what a demonstration tells. A listener for people overrides the methods and calls these.

    Attributes:
        events: everything told, ready for JSON.
        data: what a program wants to find without reading the events, by name.
    """

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self.data: dict[str, Any] = {}

    def section(self, title: str) -> None:
        """A new part begins."""
        self.events.append({"section": title})

    def step(self, what: str, gas: int | None = None) -> None:
        """Something was done; ``gas`` is what L1's receipts say it cost, None where L1 was not used."""
        self.events.append({"step": what, "gas": gas})

    def table(self, title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Numbers side by side."""
        self.events.append({"table": title, "rows": [dict(zip(header, row, strict=True)) for row in rows]})

    def checked(self, fact: str) -> None:
        """A fact that was checked and is right."""
        self.events.append({"checked": fact})
