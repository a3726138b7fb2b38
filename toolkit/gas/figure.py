"""A figure that says where it comes from: measured, derived or modelled."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from toolkit.errors import BadInput

Value = bool | int | float | Decimal | str | None
Kind = Literal["measured", "derived", "modelled"]

KINDS: tuple[Kind, ...] = ("measured", "derived", "modelled")
"""Measured: read off a run. Derived: follows from measured figures and the protocol's rules. Modelled: rests on
assumptions that no run here can show."""


@dataclass(frozen=True)
class Figure:
    """One figure and its origin.

    Attributes:
        value: the figure; None where there is none, and the source says why.
        kind: one of `KINDS`.
        source: in words, the command that measured it or the equation that gave it.

    Raises:
        BadInput: no such kind, or no source.
    """

    value: Value
    kind: Kind
    source: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise BadInput(f"a figure is {', '.join(KINDS)}, not {self.kind!r}")
        if not self.source:
            raise BadInput(f"the {self.kind} figure {self.value!r} has no source")

    def as_json(self) -> dict[str, Any]:
        """``value``, ``kind`` and ``source``; a decimal becomes text, so that no digit is lost."""
        value = str(self.value) if isinstance(self.value, Decimal) else self.value
        return {"value": value, "kind": self.kind, "source": self.source}


def measured(value: Value, source: str) -> Figure:
    """A figure that a run showed; ``source`` is its command."""
    return Figure(value, "measured", source)


def derived(value: Value, source: str) -> Figure:
    """A figure that follows from measured ones; ``source`` is the equation."""
    return Figure(value, "derived", source)


def modelled(value: Value, source: str) -> Figure:
    """A figure that rests on assumptions; ``source`` is the equation."""
    return Figure(value, "modelled", source)
