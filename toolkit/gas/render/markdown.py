"""Sheets as Markdown tables, as GitHub shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from toolkit.gas.render.text import Heading, Text, Written, written
from toolkit.gas.sheet import Sheet

LEGEND = "Plain figures are measured, `=` is derived from measured ones, `~` is modelled, `-` is none."


def to_markdown(sheets: Sequence[Sheet]) -> str:
    """Each sheet as a table with its sources and notes below it, and what the marks mean at the end."""
    parts = [part for sheet in sheets for part in _sheet(written(sheet))]
    return "\n\n".join([*parts, LEGEND])


def _sheet(sheet: Written) -> list[str]:
    header = _line(_heading(heading) for heading in sheet.headings)
    rule = _line("---:" if heading.is_number else "---" for heading in sheet.headings)
    rows = [_line(_cell(cell) for cell in row) for row in sheet.rows]
    parts = [f"**{_plain(sheet.title)}**", "\n".join([header, rule, *rows])]
    if sheet.sources:
        # A list that GitHub numbers as we do, whatever the text of a source begins with.
        parts.append("\n".join(f"{each.number}. {each.kind}: {_plain(each.text)}" for each in sheet.sources))
    return [*parts, *(_plain(note) for note in sheet.notes)]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _heading(heading: Heading) -> str:
    unit = f" ({_plain(heading.unit)})" if heading.unit else ""
    return f"{_plain(heading.text)}{unit}{_reference(heading.source)}"


def _cell(cell: Text) -> str:
    mark = cell.marked[: len(cell.marked) - len(cell.text)]
    return f"{mark.replace('~', chr(92) + '~')}{_plain(cell.text)}{_reference(cell.source)}"


def _reference(source: int | None) -> str:
    return f"<sup>{source}</sup>" if source else ""


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, in one line."""
    return re.sub(r"([\\`*_{}\[\]<>~|])", r"\\\1", " ".join(text.split())).replace("@", "@\u200b")
