"""Sheets on the terminal: measured figures plain, derived ones with "=", modelled ones with "~"."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from toolkit.cli import show

if TYPE_CHECKING:
    from toolkit.gas.sheet import CellValue, Column, Sheet

_MARKS = {"measured": "", "derived": "=", "modelled": "~"}
_TEXT_WIDTH = 72


def show_sheet(sheet: Sheet) -> None:
    """Print a sheet with its notes; columns that no row fills, and columns of long text, are left to JSON."""
    columns = [each for each in sheet.columns if _fits([row.get(each.key, "") for row in sheet.rows])]
    rows = [[_header(each) for each in columns]]
    rows += [[cell(row.get(each.key, "")) for each in columns] for row in sheet.rows]
    show.out.print()
    show.table(sheet.title, rows, numbers=True)
    for note in sheet.notes:
        show.out.print(f"  {note}", style="dim", markup=False)


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


def _header(column: Column) -> str:
    if not column.unit or column.unit in column.header or column.unit in ("payments", "share"):
        return column.header
    return f"{column.header} ({column.unit})"


def _fits(values: Sequence[CellValue]) -> bool:
    return any(values) and all(not isinstance(each, str) or len(each) <= _TEXT_WIDTH for each in values)
