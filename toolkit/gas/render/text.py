"""How a sheet reads: figures as text, kinds marked, every source listed once. What all renderers for people share."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from toolkit.gas.figure import Figure, Kind, Value
from toolkit.gas.sheet import CellValue, Column, Sheet

MARKS: Mapping[Kind, str] = {"measured": "", "derived": "=", "modelled": "~"}
"""What stands before a figure of each kind."""

LEGEND = "plain: measured   =: derived from measured figures   ~: modelled   -: none, and the source says why"

_Number = int | float | Decimal
_IN_CELL = {"s", "share"}  # units that are written with each figure


def names(sheet: Sheet) -> int:
    """How many of the first columns name a row: as few as tell all rows apart, or the first where none do."""
    for count in range(1, len(sheet.columns)):
        keys = [column.key for column in sheet.columns[:count]]
        if len({tuple(_name(row.get(key)) for key in keys) for row in sheet.rows}) == len(sheet.rows):
            return count
    return 1


@dataclass(frozen=True)
class Source:
    """Where figures come from: its number in the sheet, their kind, and the command or equation."""

    number: int
    kind: Kind
    text: str


@dataclass(frozen=True)
class Text:
    """A cell as text.

    Attributes:
        text: without its mark.
        kind: of the figure; None for a label.
        source: its number, where neither the column's nor the row's says it.
    """

    text: str
    kind: Kind | None = None
    source: int | None = None

    @property
    def marked(self) -> str:
        """With the mark of its kind."""
        return (MARKS[self.kind] if self.kind and self.text != "-" else "") + self.text


@dataclass(frozen=True)
class Heading:
    """A column's header.

    Attributes:
        text: its name.
        unit: of all its figures, or "" where there is none or each figure has its own.
        is_number: whether it is aligned right.
        source: number of the source that all its figures share, or None.
    """

    text: str
    unit: str
    is_number: bool
    source: int | None


@dataclass(frozen=True)
class Written:
    """A sheet as text: headings, rows of as many cells, sources by number, notes; ``names`` columns name a row."""

    key: str
    title: str
    names: int
    headings: Sequence[Heading]
    rows: Sequence[Sequence[Text]]
    sources: Sequence[Source]
    notes: Sequence[str]


def written(sheet: Sheet) -> Written:
    """A sheet as text.

    A source that a whole column shares is named at its heading, one that the rest of a row shares at the row's label,
    any other at its figure; what has no value always names its own, which is the reason.
    """
    sources: dict[tuple[Kind, str], Source] = {}

    def number(figure: Figure) -> int:
        key = (figure.kind, figure.source)
        return sources.setdefault(key, Source(len(sources) + 1, *key)).number

    columns = [[row.get(column.key) for row in sheet.rows] for column in sheet.columns]
    shared = [_shared(column) for column in columns]
    headings = [
        _heading(column, values, None if figure is None else number(figure))
        for column, values, figure in zip(sheet.columns, columns, shared, strict=True)
    ]
    formats = [_Format.of(column, values) for column, values in zip(sheet.columns, columns, strict=True)]
    rows = []
    for values in zip(*columns, strict=True):
        own = [value for value, figure in zip(values, shared, strict=True) if figure is None]
        of_row = _shared(own) if sum(isinstance(value, Figure) for value in own) > 1 else None
        label = next((at for at, value in enumerate(values) if isinstance(value, str)), None)
        cells = []
        for at, (value, figure, form) in enumerate(zip(values, shared, formats, strict=True)):
            if isinstance(value, Figure):
                said = figure is not None or (of_row is not None and label is not None)
                says = value.value is None or not said
                cells.append(Text(form.text(value.value), value.kind, number(value) if says else None))
            else:
                cells.append(Text(value or "", None, number(of_row) if of_row and at == label else None))
        rows.append(cells)
    return Written(sheet.key, sheet.title, names(sheet), headings, rows, list(sources.values()), list(sheet.notes))


def value_text(value: Value, unit: str = "") -> str:
    """One value for people, on its own: a unit that belongs to the figure is written with it."""
    return _Format.of(Column("", "", unit), [Figure(value, "measured", "-")]).text(value)


def duration(seconds: _Number) -> str:
    """Seconds for people, to three digits: 12 s, 35.2 min, 5.2 h, 7 d."""
    seconds = float(seconds)
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {name}" if abs(seconds) < 100 * size else f"{seconds / size:,.0f} {name}"
    return f"{seconds:.3g} s"


def gwei(wei: int) -> str:
    """Wei as gwei, exactly."""
    text = f"{Decimal(wei) / 10**9:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _name(cell: CellValue | None) -> Value:
    return cell.value if isinstance(cell, Figure) else cell


def _shared(values: Iterable[CellValue | None]) -> Figure | None:
    """One of the figures, where all that have a value have one source and kind."""
    figures = [value for value in values if isinstance(value, Figure) and value.value is not None]
    if not figures or len({(figure.kind, figure.source) for figure in figures}) > 1:
        return None
    return figures[0]


def _heading(column: Column, values: Sequence[CellValue | None], source: int | None) -> Heading:
    figures = [value.value for value in values if isinstance(value, Figure)]
    is_number = bool(figures) and not any(isinstance(value, str) for value in figures)
    unit = _Format.of(column, values).unit
    return Heading(column.header, "" if unit in _IN_CELL else unit, is_number, source)


@dataclass(frozen=True)
class _Format:
    """How a column's numbers are written: its unit after scaling, the divisor, digits behind the point."""

    unit: str
    divisor: int
    digits: int

    @classmethod
    def of(cls, column: Column, values: Sequence[CellValue | None]) -> _Format:
        numbers = [value.value for value in values if isinstance(value, Figure) and _is_finite(value.value)]
        sizes = [abs(Decimal(str(number))) for number in numbers if number]
        unit, divisor = column.unit, 1
        if unit == "wei" and sizes:  # exact in JSON and CSV; nobody reads 18 zeros
            units = (("ETH", 10**18), ("gwei", 10**9))
            unit, divisor = next((each for each in units if max(sizes) * 1_000 >= each[1]), (unit, 1))
        if divisor == 1 and all(isinstance(number, int) for number in numbers):
            return cls(unit, divisor, 0)
        smallest = min(sizes, default=Decimal(1)) / divisor * (100 if unit == "share" else 1)
        digits = min(max(2 - math.floor(smallest.log10()), 0), 6)
        if all(Decimal(str(number)) / divisor == int(Decimal(str(number)) / divisor) for number in numbers):
            digits = 0
        return cls(unit, divisor, min(digits, 1) if unit == "share" else digits)

    def text(self, value: Value) -> str:
        if value is None:
            return "-"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str):
            return value
        if not _is_finite(value):
            return str(value)
        if self.unit == "s":
            return duration(value)
        if self.unit == "share":
            return f"{Decimal(str(value)) * 100:,.{self.digits}f}%"
        number = Decimal(str(value)) / self.divisor
        if number and abs(number) < Decimal(10) ** -self.digits:
            return f"{number:.2e}"
        return f"{number:,.{self.digits}f}"


def _is_finite(value: Value) -> bool:
    return isinstance(value, int | float | Decimal) and not isinstance(value, bool) and math.isfinite(value)
