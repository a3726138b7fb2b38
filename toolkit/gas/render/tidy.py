"""Sheets as one tidy CSV: a line a figure."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from toolkit.gas.figure import Figure, Value
from toolkit.gas.sheet import Sheet

_BEFORE = ("sheet", "row")
_AFTER = ("column", "unit", "value", "kind", "source")


def to_csv(sheets: Sequence[Sheet]) -> str:
    """One line a figure: sheet, row (from 1), the row's labels, column, unit, value, kind, source.

    Each column of labels of any sheet is a column here, and empty for the other sheets; one whose key is a name of the
    others is called ``label.key``. Values are exact and in the sheet's unit; no value is empty, yes and no are true and
    false. A text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    labels = list(dict.fromkeys(key for sheet in sheets for row in sheet.rows for key in row if _is_label(row[key])))
    target = io.StringIO()
    lines = csv.writer(target, lineterminator="\n")
    taken = {*_BEFORE, *_AFTER}
    lines.writerow([*_BEFORE, *(f"label.{key}" if key in taken else key for key in labels), *_AFTER])
    for sheet in sheets:
        for number, row in enumerate(sheet.rows, 1):
            named = [_text(label) if _is_label(label := row.get(key, "")) else "" for key in labels]
            for column in sheet.columns:
                figure = row.get(column.key)
                if isinstance(figure, Figure):
                    before = [_text(sheet.key), number, *named]
                    after = [_text(column.key), column.unit, _value(figure.value), figure.kind, _text(figure.source)]
                    lines.writerow([*before, *after])
    return target.getvalue()


def _is_label(value: object) -> bool:
    return isinstance(value, str)


def _value(value: Value) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else str(value)


def _text(text: object) -> str:
    """Text that no spreadsheet runs (OWASP, CSV injection)."""
    plain = str(text)
    return f"'{plain}" if plain.startswith(("=", "+", "-", "@", "\t", "\r", "\n")) else plain
