"""Sheets as one tidy CSV: a line a figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from toolkit.gas.figure import Figure, Value
from toolkit.gas.render.text import names
from toolkit.gas.sheet import CellValue, Sheet

_BEFORE = ("sheet", "row")
_AFTER = ("column", "unit", "value", "kind", "source")


def to_csv(sheets: Sequence[Sheet]) -> str:
    """One line a figure: sheet, row (from 1), what names the row, column, unit, value, kind, source.

    The columns that name a row (`names`) are columns here, empty for the sheets that have none of that key; one whose
    key is a name of the others is called ``row.key``. A text that names no row has a line of its own, without kind and
    source. Values are exact and in the sheet's unit; no value is empty, yes and no are true and false. A text that a
    spreadsheet would take for a formula begins with an apostrophe.
    """
    keys = list(dict.fromkeys(column.key for sheet in sheets for column in sheet.columns[: names(sheet)]))
    target = io.StringIO()
    lines = csv.writer(target, lineterminator="\n")
    taken = {*_BEFORE, *_AFTER}
    lines.writerow([*_BEFORE, *(f"row.{key}" if key in taken else _text(key) for key in keys), *_AFTER])
    for sheet in sheets:
        naming = {column.key for column in sheet.columns[: names(sheet)]}
        for number, row in enumerate(sheet.rows, 1):
            named = [_cell(row.get(key)) if key in naming else "" for key in keys]
            for column in sheet.columns:
                cell = row.get(column.key)
                if cell is None or (isinstance(cell, str) and column.key in naming):
                    continue
                origin = [cell.kind, _text(cell.source)] if isinstance(cell, Figure) else ["", ""]
                about = [_text(column.key), _text(column.unit), _cell(cell), *origin]
                lines.writerow([_text(sheet.key), number, *named, *about])
    return target.getvalue()


def _cell(cell: CellValue | None) -> str:
    return _value(cell.value if isinstance(cell, Figure) else cell)


def _value(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else str(value)


def _text(text: str) -> str:
    """Text that no spreadsheet runs (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else text
