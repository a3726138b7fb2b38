"""A sheet: rows of figures under named columns, that every renderer takes. Pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from toolkit.errors import BadInput
from toolkit.gas.figure import Figure

CellValue = Figure | str
"""A figure, or the text that says what a row is about."""


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        key: its name in JSON and CSV.
        header: its name for people.
        unit: "gas", "bytes", "ms", "s", "wei", "gwei", "ETH", "USD", "payments", "share", or "" where it has none.
    """

    key: str
    header: str
    unit: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table of figures.

    Attributes:
        key: its name in JSON and CSV.
        title: its name for people.
        columns: in their order.
        rows: by the columns' keys; a row may leave a column out.
        notes: sentences below it.

    Raises:
        BadInput: a row has what no column shows.
    """

    key: str
    title: str
    columns: Sequence[Column]
    rows: Sequence[Mapping[str, CellValue]]
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        known = {each.key for each in self.columns}
        for row in self.rows:
            if unknown := sorted(set(row) - known):
                raise BadInput(f"the sheet {self.key} has no column {unknown[0]!r}")

    def as_json(self) -> dict[str, Any]:
        """Key, title, columns, rows and notes; each figure with its kind and source."""
        rows = [
            {key: each.as_json() if isinstance(each, Figure) else each for key, each in row.items()}
            for row in self.rows
        ]
        columns = [asdict(each) for each in self.columns]
        return {"key": self.key, "title": self.title, "columns": columns, "rows": rows, "notes": list(self.notes)}
