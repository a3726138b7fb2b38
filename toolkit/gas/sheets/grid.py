"""The matrix's cells by technique and size, under one fork's rules."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.errors import BadInput
from toolkit.gas.cell import TECHNIQUES, Cell
from toolkit.gas.figure import Figure, measured

COMMAND = "l2kit gas"
"""What measures cells and receipts."""
L1 = "l1-eth"
"""The technique that every other is held against."""


class Grid:
    """The cells of one hardfork. Sizes may be missing, and so may techniques.

    Args:
        cells: in any order.

    Raises:
        BadInput: two are of the same technique and size, or of different forks.
    """

    def __init__(self, cells: Iterable[Cell]) -> None:
        self._cells: dict[str, dict[int, Cell]] = {}
        self.hardfork = ""
        for each in cells:
            if self.hardfork not in ("", each.hardfork):
                raise BadInput(f"one table cannot have cells of {self.hardfork} and of {each.hardfork}")
            self.hardfork = each.hardfork
            row = self._cells.setdefault(each.technique, {})
            if each.payments in row:
                raise BadInput(f"there are two cells of {each.technique} with {each.payments} payments")
            row[each.payments] = each

    @property
    def techniques(self) -> list[str]:
        """Those that have a cell, in the order of `TECHNIQUES`."""
        return [key for key in TECHNIQUES if key in self._cells]

    @property
    def sizes(self) -> list[int]:
        """Payments of any cell, the fewest first."""
        return sorted({size for row in self._cells.values() for size in row})

    def of(self, technique: str) -> list[Cell]:
        """A technique's cells, the fewest payments first."""
        row = self._cells.get(technique, {})
        return [row[size] for size in sorted(row)]

    def at(self, technique: str, payments: int) -> Cell | None:
        """The cell of this technique and size, if it was run."""
        return self._cells.get(technique, {}).get(payments)

    def largest(self, technique: str) -> Cell | None:
        """The technique's cell with the most payments."""
        row = self.of(technique)
        return row[-1] if row else None


def grids(cells: Iterable[Cell]) -> list[Grid]:
    """A grid for each hardfork, in the order in which they come."""
    forks: dict[str, list[Cell]] = {}
    for each in cells:
        forks.setdefault(each.hardfork, []).append(each)
    return [Grid(each) for each in forks.values()]


def source(cell: Cell) -> str:
    """What measured a cell."""
    return f"{COMMAND} --technique {cell.technique} --n {cell.payments} --hardfork {cell.hardfork}"


def of_cell(value: int | float | str | None, cell: Cell) -> Figure:
    """A figure that a cell's run showed."""
    return measured(value, source(cell))


def of_row(value: int | float | str | None) -> Figure:
    """A figure of the cell that its row names."""
    return measured(value, f"{COMMAND} with the row's --technique, --n and --hardfork")


def size_of(cell: Cell) -> str:
    """A row's label for its payments."""
    return str(cell.payments)
