"""From how many payments on a technique is cheaper than plain L1: between measured sizes, by straight lines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from toolkit.errors import BadInput
from toolkit.gas.cell import Cell
from toolkit.gas.figure import Figure, derived, modelled
from toolkit.gas.sheet import CellValue, Column, Sheet
from toolkit.gas.sheets.grid import L1, Grid, grids
from toolkit.gas.sheets.money import Rates

AGAINST = (L1, "batch-pay")
"""What the others are held against."""

CostOf = Callable[[Cell], int]
COLUMNS = (
    Column("technique", "technique"),
    Column("against", "against"),
    Column("hardfork", "fork"),
    Column("gas", "payments, by gas", "payments"),
    Column("gas_outcome", "cheaper in gas"),
    Column("money", "payments, by money", "payments"),
    Column("money_outcome", "cheaper in money"),
)


@dataclass(frozen=True)
class BreakEven:
    """Where a technique becomes the cheaper one.

    Attributes:
        outcome: "from there on": at ``payments`` and every larger number up to the largest measured, and not at one
            less; "at every size": at every number measured, of which the smallest is told; "not up to N": at none,
            where N is the largest; "in between only": at some, but not at the largest; "not measured": the two have no
            size in common.
        payments: the number; None where there is none.
    """

    outcome: str
    payments: int | None = None


def interpolated(cells: Sequence[Cell], payments: int, cost: CostOf) -> Fraction:
    """The cost of so many payments, on the straight line between the neighbouring cells.

    Args:
        cells: of one technique, the fewest payments first.

    Raises:
        BadInput: the number is outside of what was measured.
    """
    for cell in cells:
        if cell.payments == payments:
            return Fraction(cost(cell))
    for low, high in pairwise(cells):
        if low.payments < payments < high.payments:
            part = Fraction(payments - low.payments, high.payments - low.payments)
            return cost(low) + part * (cost(high) - cost(low))
    measured = f"{cells[0].payments:,} to {cells[-1].payments:,}" if cells else "none"
    raise BadInput(f"{payments:,} payments are outside of what was measured: {measured}")


def break_even(own: Sequence[Cell], other: Sequence[Cell], cost: CostOf) -> BreakEven:
    """From how many payments on ``own`` costs less than ``other``.

    Args:
        own, other: cells of one technique each, the fewest payments first.
        cost: of a cell.
    """
    if not own or not other:
        return BreakEven("not measured")
    least = max(own[0].payments, other[0].payments)
    most = min(own[-1].payments, other[-1].payments)
    sizes = sorted({each.payments for each in (*own, *other) if least <= each.payments <= most})
    if not sizes:
        return BreakEven("not measured")
    ahead = {size: interpolated(own, size, cost) - interpolated(other, size, cost) for size in sizes}
    if ahead[most] >= 0:
        return BreakEven("in between only" if min(ahead.values()) < 0 else f"not up to {most:,}")
    for low, high in reversed(list(pairwise(sizes))):
        if ahead[low] >= 0:  # the line crosses between them
            crossing = low + ahead[low] * (high - low) / (ahead[low] - ahead[high])
            return BreakEven("from there on", int(crossing) + 1)
    return BreakEven("at every size", least)


def breakeven(cells: Iterable[Cell], rates: Rates) -> Sheet:
    """One row a fork, technique and what it is held against."""

    def money(cell: Cell) -> int:
        return rates.cost(cell.total.gas, cell.total.blob_gas).wei

    rows = [
        _row(grid, technique, against, money, rates)
        for grid in grids(cells)
        for technique in grid.techniques
        for against in AGAINST
        if technique not in AGAINST[: AGAINST.index(against) + 1]
    ]
    notes = (
        "Between two measured sizes the cost is taken as a straight line; beyond the largest nothing is said.",
        "By gas, blob gas does not count, since it has a price of its own; by money it does.",
    )
    return Sheet("breakeven", "From how many payments on it is cheaper", COLUMNS, rows, notes)


def _row(grid: Grid, technique: str, against: str, money: CostOf, rates: Rates) -> Mapping[str, CellValue]:
    own, other = grid.of(technique), grid.of(against)
    gas, wei = break_even(own, other, lambda cell: cell.total.gas), break_even(own, other, money)
    least = "the least n from which on cost(technique, n) < cost(against, n), linear between measured sizes"
    return {
        "hardfork": grid.hardfork,
        "technique": technique,
        "against": against,
        "gas": _figure(gas, derived, f"{least}; cost = L1 gas"),
        "gas_outcome": gas.outcome,
        "money": _figure(wei, modelled, f"{least}; cost = {rates.equation}"),
        "money_outcome": wei.outcome,
    }


def _figure(found: BreakEven, kind: Callable[[int | None, str], Figure], equation: str) -> Figure:
    return kind(found.payments, equation)
