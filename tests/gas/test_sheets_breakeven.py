"""Break-even: at the number that is found the technique is cheaper, and not at one less."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import cell, cells

from toolkit.errors import BadInput
from toolkit.gas import sheets
from toolkit.gas.cell import Cell, Usage
from toolkit.gas.figure import Figure
from toolkit.gas.sheets import BreakEven, Rates, break_even, interpolated

SIZES = st.lists(st.integers(1, 60), min_size=1, max_size=5, unique=True).map(sorted)


def line(costs: dict[int, int]) -> list[Cell]:
    """Cells of one technique with these costs by their payments."""
    some = cell("channel", 1)
    return [replace(some, payments=size, phases={"pay": Usage(1, cost)}) for size, cost in costs.items()]


@st.composite
def lines(draw: st.DrawFn) -> list[Cell]:
    return line({size: draw(st.integers(0, 100)) for size in draw(SIZES)})


def gas(own: Cell) -> int:
    return own.total.gas


def known(own: Sequence[Cell], other: Sequence[Cell]) -> list[int]:
    """Every number of payments for which both lines are known."""
    least, most = (edge(e[i].payments for e in (own, other)) for edge, i in ((max, 0), (min, -1)))
    return list(range(least, most + 1))


@given(lines(), lines())
def test_from_what_is_found_on_it_is_cheaper_and_not_at_one_less(own: list[Cell], other: list[Cell]) -> None:
    found, numbers = break_even(own, other, gas), known(own, other)
    cheaper = {n: interpolated(own, n, gas) < interpolated(other, n, gas) for n in numbers}
    if not numbers:
        assert found == BreakEven("not measured")
    elif found.payments is not None:
        assert all(each for n, each in cheaper.items() if n >= found.payments)
        assert found.outcome == ("at every size" if found.payments == numbers[0] else "from there on")
        assert found.outcome == "at every size" or not cheaper[found.payments - 1]
    else:
        assert not cheaper[numbers[-1]]
        if found.outcome.startswith("not up to"):
            assert not any(cheaper[n] for n in numbers if any(n == e.payments for e in (*own, *other)))
        else:
            assert found.outcome == "in between only" and any(cheaper.values())


@given(lines(), st.data())
def test_between_two_sizes_the_cost_is_on_their_line(own: list[Cell], data: st.DataObject) -> None:
    n = data.draw(st.integers(own[0].payments, own[-1].payments))
    below = max((each for each in own if each.payments <= n), key=lambda each: each.payments)
    above = min((each for each in own if each.payments >= n), key=lambda each: each.payments)
    found = interpolated(own, n, gas)
    if below is above:
        assert found == gas(below)
    else:
        slope = Fraction(gas(above) - gas(below), above.payments - below.payments)
        assert found - gas(below) == slope * (n - below.payments)
    with pytest.raises(BadInput, match="outside of what was measured"):
        interpolated(own, own[-1].payments + 1, gas)


@pytest.mark.parametrize(
    ("own", "other", "found"),
    [
        ({1: 100, 11: 100}, {1: 21, 11: 231}, BreakEven("from there on", 5)),  # 100 < 21 n from 4.76 on
        ({1: 84, 11: 84}, {1: 21, 11: 231}, BreakEven("from there on", 5)),  # at 4 the same: not cheaper
        ({1: 5, 10: 6}, {1: 21, 10: 210}, BreakEven("at every size", 1)),
        ({1: 50, 10: 500}, {1: 21, 10: 210}, BreakEven("not up to 10")),
        ({1: 21, 10: 210}, {1: 21, 10: 210}, BreakEven("not up to 10")),
        ({1: 900, 10: 900}, {1: 21, 10: 210}, BreakEven("not up to 10")),
        ({1: 900, 10: 100, 100: 9_000}, {1: 21, 10: 210, 100: 2_100}, BreakEven("in between only")),
        ({10: 900}, {10: 210}, BreakEven("not up to 10")),
        ({1: 1}, {10: 210}, BreakEven("not measured")),
        ({}, {10: 210}, BreakEven("not measured")),
    ],
)
def test_every_outcome(own: dict[int, int], other: dict[int, int], found: BreakEven) -> None:
    assert break_even(line(own), line(other), gas) == found


def test_the_sheet_holds_every_technique_against_transfers_and_batch_pay() -> None:
    sheet = sheets.breakeven(cells(), Rates.of())
    rows = {(row["technique"], row["against"]): row for row in sheet.rows}
    assert len(rows) == 6 + 5
    assert rows["l1-erc20", "l1-eth"]["gas_outcome"] == "not up to 10,000"
    channel = rows["channel", "l1-eth"]["gas"]
    assert isinstance(channel, Figure) and channel.kind == "derived" and "linear" in channel.source
    n = channel.value
    assert isinstance(n, int) and 100 < n < 1_000
    own, other = ([each for each in cells() if each.technique == key] for key in ("channel", "l1-eth"))
    assert interpolated(own, n, gas) < 21_000 * n
    assert interpolated(own, n - 1, gas) >= interpolated(other, n - 1, gas) == 21_000 * (n - 1)


def test_dear_blobs_move_the_break_even_in_money_and_not_in_gas() -> None:
    cheap, dear = (
        next(
            row
            for row in sheets.breakeven(cells(), Rates.of(Decimal(1), Decimal(price))).rows
            if (row["technique"], row["against"]) == ("rollup-blobs", "l1-eth")
        )
        for price in (0, 20)
    )
    assert cheap["gas"] == dear["gas"]
    found = [each["money"].value for each in (cheap, dear) if isinstance(each["money"], Figure)]
    assert isinstance(found[0], int) and isinstance(found[1], int) and found[0] < found[1]


def test_a_matrix_of_one_size_has_no_break_even_beyond_it() -> None:
    rows = sheets.breakeven(cells([10]), Rates.of()).rows
    assert {row["gas_outcome"] for row in rows} <= {"at every size", "not up to 10"}
    assert sheets.breakeven([], Rates.of()).rows == []
