"""Sheets for people and for programs: no figure without its kind and source, whatever the form."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from decimal import Decimal

import pytest
import report_sample as sample
from rich.console import Console

from toolkit.cli import show
from toolkit.gas.figure import Figure, derived, measured, modelled
from toolkit.gas.render import to_csv, to_markdown, to_terminal
from toolkit.gas.render.text import duration, names, value_text, written
from toolkit.gas.sheet import Column, Sheet

SHEETS = [sample.matrix(), sample.small()]


def one_row(unit: str, *values: Figure) -> Sheet:
    """A sheet of one column of figures."""
    rows: list[dict[str, Figure | str]] = [
        {"name": str(number), "figure": value} for number, value in enumerate(values)
    ]
    return Sheet("one", "One", [Column("name", "name"), Column("figure", "figure", unit)], rows)


def figures(sheet: Sheet) -> list[str]:
    """The cells of a sheet's second column, marked."""
    return [row[1].marked for row in written(sheet).rows]


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        ("gas", 1_234_567, "1,234,567"),
        ("share", 0.4351, "43.5%"),
        ("share", Decimal(1), "100%"),
        ("wei", 16 * 10**18, "16"),
        ("wei", 1, "1"),
        ("USD", Decimal("0.00137"), "0.00137"),
        ("USD", Decimal("0.0000000012"), "1.20e-9"),
        ("", True, "yes"),
        ("", None, "-"),
        ("", float("inf"), "inf"),
        ("", "outdated", "outdated"),
        ("s", 604_800, "7 d"),
    ],
)
def test_value_reads_well_in_its_unit(unit: str, value: float | Decimal | str | None, text: str) -> None:
    assert value_text(value, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (12, "12 s"),
        (2_112, "35.2 min"),
        (18_720, "5.2 h"),
        (86_400, "1 d"),
        (60, "1 min"),
        (86_400_000, "1,000 d"),
    ],
)
def test_duration_has_the_unit_people_would_take(seconds: int, text: str) -> None:
    assert duration(seconds) == text


def test_numbers_of_a_column_have_the_same_digits_behind_the_point() -> None:
    assert figures(one_row("gas", measured(21_000.0, "a"), measured(91.37, "a"))) == ["21,000.0", "91.4"]


def test_wei_of_a_column_share_a_unit_that_can_be_read() -> None:
    sheet = one_row("wei", measured(10**17, "a"), measured(25 * 10**17, "a"))
    assert figures(sheet) == ["0.100", "2.500"]
    assert written(sheet).headings[1].unit == "ETH"


def test_kind_is_marked_before_the_figure() -> None:
    assert figures(one_row("gas", measured(1, "a"), derived(2, "b"), modelled(3, "c"))) == ["1", "=2", "~3"]


def test_source_that_a_column_shares_is_named_once_at_its_heading() -> None:
    sheet = written(one_row("gas", measured(1, "a"), measured(2, "a"), derived(None, "cannot be")))
    assert sheet.headings[1].source == 1
    assert [row[1].source for row in sheet.rows] == [None, None, 2]
    assert [(each.number, each.kind, each.text) for each in sheet.sources] == [
        (1, "measured", "a"),
        (2, "derived", "cannot be"),
    ]


def test_source_that_a_row_shares_is_named_at_its_label() -> None:
    columns = [Column("claim", "claim"), Column("low", "low"), Column("high", "high")]
    rows = [{"claim": name, "low": measured(1, name), "high": measured(2, name)} for name in ("a", "b")]
    sheet = written(Sheet("x", "X", columns, rows))
    assert [[cell.source for cell in row] for row in sheet.rows] == [[1, None, None], [2, None, None]]
    assert [heading.source for heading in sheet.headings] == [None] * 3


def test_source_that_nothing_shares_is_named_at_its_figure() -> None:
    sheet = written(one_row("gas", measured(1, "a"), measured(2, "b")))
    assert [row[1].source for row in sheet.rows] == [1, 2]


def test_every_figure_has_a_source_by_its_heading_its_row_or_itself() -> None:
    for sheet in SHEETS:
        text = written(sheet)
        for row, cells in zip(sheet.rows, text.rows, strict=True):
            of_row = next((cell.source for cell in cells if cell.kind is None and cell.source), None)
            for column, heading, cell in zip(sheet.columns, text.headings, cells, strict=True):
                figure = row.get(column.key)
                if isinstance(figure, Figure):
                    number = cell.source or heading.source or of_row
                    assert number is not None
                    source = text.sources[number - 1]
                    assert (source.kind, source.text) == (figure.kind, figure.source)


def test_row_is_named_by_as_few_columns_as_tell_rows_apart() -> None:
    assert names(sample.matrix()) == 2  # technique and payments
    assert names(sample.small()) == 1


@pytest.mark.parametrize("width", [72, 80, 100, 140, 400])
def test_no_line_is_wider_than_the_terminal_and_no_figure_is_lost(width: int) -> None:
    lines = [line.text for line in to_terminal(SHEETS, width)]
    assert max(map(len, lines)) <= width
    text = "\n".join(lines)
    for sheet in map(written, SHEETS):
        for row in sheet.rows:
            for cell in row:
                assert all(word in text for word in cell.marked.split())


def test_block_that_goes_on_names_its_rows_again() -> None:
    lines = [line for line in to_terminal([sample.matrix()], 80) if line.style == "row"]
    blocks = "\n".join(line.text for line in lines).split("\n\n")
    assert len(blocks) > 2
    for block in blocks:
        assert all(f"{name:<18}    " in block for name in ("L1 ETH transfers", "Rollup (blobs)"))
        assert block.count(" 10,000  ") >= 7


def test_sheet_of_few_rows_is_turned_where_that_makes_it_fit() -> None:
    columns = [Column("technique", "technique"), *(Column(f"c{at}", f"a column {at}", "gas") for at in range(12))]
    rows = [{"technique": name, **{f"c{at}": measured(10**6 + at, "a") for at in range(12)}} for name in ("one", "two")]
    header, *lines = [line.text for line in to_terminal([Sheet("x", "X", columns, rows)], 60)][1:]
    assert header.split() == ["technique", "one", "two"]
    assert lines[11].split() == ["a", "column", "11,", "gas", "[1]", "1,000,011", "1,000,011"]


def test_numbers_are_aligned_whether_they_have_a_reference_or_not() -> None:
    sheet = one_row("gas", measured(1_000, "a"), measured(22, "b"), measured(333, "a"))
    rows = [line.text for line in to_terminal([sheet], 80) if line.style == "row"]
    assert [row.index(" [") for row in rows if "[" in row] == [rows[0].index(" [")] * 3


def test_sheet_without_rows_says_so() -> None:
    assert "  nothing to show" in [line.text for line in to_terminal([Sheet("x", "X", [Column("a", "a")], [])], 80)]


def test_command_prints_sheets_as_wide_as_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    target = io.StringIO()
    monkeypatch.setattr(show, "out", Console(file=target, width=90, force_terminal=True, no_color=True, soft_wrap=True))
    show.sheets(SHEETS)
    assert "Every technique" in target.getvalue()
    assert [line for line in target.getvalue().splitlines() if "L1 ETH transfers" in line]


def test_markdown_table_has_as_many_cells_in_each_line() -> None:
    table = [line for line in to_markdown([sample.small()]).splitlines() if line.startswith("|")]
    assert len(table) == 5
    assert {line.replace(r"\|", "").count("|") for line in table} == {5}


def test_markdown_shows_foreign_text_as_it_is() -> None:
    text = to_markdown([sample.small()])
    assert r"\<script\>alert(1)\</script\> costs & more" in text
    assert r"=1+1 a\|b \*bold\*" in text
    assert r"\~0.000400<sup>2</sup>" in text
    assert "4. derived: no node runs it" in text


def lines_of(sheets: list[Sheet]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(sheets))))


def test_csv_has_one_line_a_figure_and_what_names_its_row() -> None:
    lines = lines_of(SHEETS)
    found = [line for line in lines if (line["technique"], line["payments"]) == ("Rollup (blobs)", "10000")]
    assert [line["column"] for line in found] == [column.key for column in sample.matrix().columns[1:]]
    capital = next(line for line in found if line["column"] == "capital")
    assert (capital["value"], capital["unit"], capital["kind"]) == (str(16 * 10**18), "wei", "measured")
    expected = sum(
        isinstance(cell, Figure) or key == "trust"
        for sheet in SHEETS
        for row in sheet.rows
        for key, cell in row.items()
    )
    assert len(lines) == expected


def test_csv_gives_spreadsheets_no_formula() -> None:
    for line in lines_of(SHEETS):
        assert not any(text.startswith(("=", "+", "-", "@", "\t", "\r")) for text in line.values())
    assert any(line["source"] == '\'=HYPERLINK("x")' for line in lines_of(SHEETS))


def test_csv_leaves_numbers_as_they_are() -> None:
    sheet = one_row("gas", derived(-5, "a - b"), derived(None, "no"), derived(True, "x"), derived(Decimal("1.50"), "y"))
    assert [line["value"] for line in lines_of([sheet])] == ["-5", "", "true", "1.50"]


def test_csv_keeps_names_of_rows_and_of_its_own_columns_apart() -> None:
    sheet = Sheet("x", "X", [Column("value", "v"), Column("a", "a")], [{"value": "one", "a": measured(1, "s")}])
    assert to_csv([sheet]).splitlines()[0] == "sheet,row,row.value,column,unit,value,kind,source"


def test_renderers_do_not_make_other_commands_wait_for_matplotlib() -> None:
    code = (
        "import sys, toolkit.cli.main, toolkit.gas.render; print('matplotlib' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "False"
