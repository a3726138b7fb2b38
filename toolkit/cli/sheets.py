"""Figures in tables of the terminal: measured ones plain, derived ones with "=", modelled ones with "~"."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.gas.sheet import CellValue

_MARKS = {"measured": "", "derived": "=", "modelled": "~"}


def cell(value: CellValue) -> str:
    """A label as it is; a figure with the mark of its kind."""
    if isinstance(value, str):
        return value
    return "-" if value.value is None else f"{_MARKS[value.kind]}{number(value.value)}"


def number(value: object) -> str:
    """A number for people: whole ones with all digits, others with four significant ones."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and not abs(value) < float("inf"):
        return "never"
    if isinstance(value, (float, Decimal)):
        exact = Decimal(str(value))
        if exact == exact.to_integral_value() and abs(exact) < 10**15:
            return f"{int(exact):,}"
        return f"{int(exact):,}" if abs(exact) >= 10_000 else f"{Decimal(f'{exact:.3e}').normalize():,f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
