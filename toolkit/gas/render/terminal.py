"""Sheets for a terminal: columns that fit its width, in blocks below one another where they do not."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from toolkit.gas.render.text import LEGEND, Heading, Text, Written, written
from toolkit.gas.sheet import Sheet

Style = Literal["title", "header", "row", "note"]

_LONGEST = 34  # of a column of prose, after which it goes on in the next line
_SHORTEST = 9  # of a wrapped header


@dataclass(frozen=True)
class Line:
    """A line of a table, and what it is."""

    text: str
    style: Style


def to_terminal(sheets: Sequence[Sheet], width: int) -> list[Line]:
    """The sheets' lines, and below them what the marks mean.

    No line is longer than ``width``, but where a sheet's label and one column are.

    A sheet that is too wide is turned, its rows becoming columns, if it then fits, else cut into blocks of columns that
    each begin with what names the row.
    """
    lines: list[Line] = []
    for sheet in sheets:
        lines += _sheet(written(sheet), width)
        lines.append(Line("", "row"))
    return [*lines, *(Line(text, "note") for text in _wrapped(LEGEND, width, ""))] if lines else []


def _sheet(sheet: Written, width: int) -> list[Line]:
    lines = [Line(text, "title") for text in _wrapped(sheet.title, width, "")]
    columns = _columns(sheet)
    if sheet.rows:
        turned = _turned(sheet)
        if _width(columns) <= width:
            blocks = [columns]
        elif sheet.names == 1 and len(sheet.headings) > 2 and _width(turned) <= width:
            blocks = [turned]
        else:
            blocks = _blocks(columns, sheet.names, width)
        for number, block in enumerate(blocks):
            lines += [Line("", "row")] if number else []
            lines += _block(block)
    else:
        lines.append(Line("  nothing to show", "row"))
    for source in sheet.sources:
        indent = f"  [{source.number}] "
        lines += [Line(text, "note") for text in _wrapped(f"{source.kind}: {source.text}", width, indent)]
    for note in sheet.notes:
        lines += [Line(text, "note") for text in _wrapped(note, width, "  ")]
    return lines


@dataclass(frozen=True)
class _Column:
    """A column's header and cells, each of one or several lines; references stand apart, so that numbers align."""

    header: Sequence[str]
    cells: Sequence[Sequence[str]]
    references: Sequence[str]
    right: bool

    @property
    def body(self) -> int:
        return max((len(line) for cell in (self.header, *self.cells) for line in cell), default=0)

    @property
    def width(self) -> int:
        return self.body + max(map(len, self.references), default=0)

    def line(self, cell: Sequence[str], row: int, reference: str) -> str:
        text = cell[row] if 0 <= row < len(cell) else ""
        padded = text.rjust(self.body) if self.right else text.ljust(self.body)
        return (padded + reference).ljust(self.width)


def _columns(sheet: Written) -> list[_Column]:
    return [_column(heading, [row[at] for row in sheet.rows]) for at, heading in enumerate(sheet.headings)]


def _column(heading: Heading, cells: Sequence[Text]) -> _Column:
    prose = [textwrap.wrap(cell.marked, _LONGEST) or [""] for cell in cells]
    room = max([_SHORTEST, *(len(line) for cell in prose for line in cell)])
    header = textwrap.wrap(heading.text, room, break_long_words=False)
    header += [heading.unit] if heading.unit else []
    header += [f"[{heading.source}]"] if heading.source else []
    return _Column(header, prose, _references(cells), heading.is_number)


def _turned(sheet: Written) -> list[_Column]:
    """The rows as columns: the first column's cells are the headers."""
    names = [
        f"{heading.text}{f', {heading.unit}' if heading.unit else ''}{_reference(heading.source)}"
        for heading in sheet.headings[1:]
    ]
    first = sheet.headings[0]
    columns = [_Column([first.text], [[name] for name in names], [], False)]
    for row in sheet.rows:
        header = row[0].marked + _reference(row[0].source)
        cells = row[1:]
        room = max([_SHORTEST, *(len(cell.marked) for cell in cells if cell.kind)])
        columns.append(
            _Column(
                textwrap.wrap(header, room, break_long_words=False),
                [textwrap.wrap(cell.marked, max(room, 16)) or [""] for cell in cells],
                _references(cells),
                True,
            )
        )
    return columns


def _references(cells: Sequence[Text]) -> list[str]:
    return [_reference(cell.source) for cell in cells]


def _reference(source: int | None) -> str:
    return f" [{source}]" if source else ""


def _width(columns: Sequence[_Column]) -> int:
    return sum(2 + column.width for column in columns)


def _blocks(columns: Sequence[_Column], names: int, width: int) -> list[list[_Column]]:
    if _width(columns[:names]) > width / 2:
        names = 1
    labels, rest = list(columns[:names]), columns[names:]
    blocks: list[list[_Column]] = []
    for column in rest:
        if not blocks or _width([*blocks[-1], column]) > width:
            blocks.append(list(labels))
        blocks[-1].append(column)
    return blocks or [labels]


def _block(columns: Sequence[_Column]) -> list[Line]:
    tallest = max(len(column.header) for column in columns)
    lines = []
    for row in range(tallest):  # headers stand on the figures
        cells = [column.line(column.header, row - tallest + len(column.header), "") for column in columns]
        lines.append(Line(_joined(cells), "header"))
    for at in range(len(columns[0].cells)):
        height = max(len(column.cells[at]) for column in columns)
        for row in range(height):
            cells = []
            for column in columns:
                reference = column.references[at] if column.references and row == 0 else ""
                cells.append(column.line(column.cells[at], row, reference))
            lines.append(Line(_joined(cells), "row"))
    return lines


def _joined(cells: Sequence[str]) -> str:
    return "".join(f"  {cell}" for cell in cells).rstrip()


def _wrapped(text: str, width: int, indent: str) -> list[str]:
    room = max(width, len(indent) + 20)
    return textwrap.wrap(text, room, initial_indent=indent, subsequent_indent=" " * len(indent)) or [""]
