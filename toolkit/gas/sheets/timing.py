"""What this machine's clock showed: the only table that differs from run to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from toolkit.gas.cell import Cell
from toolkit.gas.sheet import CellValue, Column, Sheet
from toolkit.gas.sheets.grid import grids, of_row, size_of
from toolkit.technique.protocol import PHASES

COLUMNS = (
    Column("technique", "technique"),
    Column("payments", "payments"),
    Column("hardfork", "fork"),
    Column("soft_confirmation_ms", "soft confirmation", "ms"),
    *(Column(f"{phase}_seconds", phase, "s") for phase in PHASES),
)


def timing(cells: Iterable[Cell]) -> Sheet:
    """One row a cell that has times: those of the snapshot have none."""
    rows: list[Mapping[str, CellValue]] = [
        {
            "hardfork": cell.hardfork,
            "technique": cell.technique,
            "payments": size_of(cell),
            "soft_confirmation_ms": of_row(round(cell.timing.soft_confirmation_ms, 3)),
            **{
                f"{phase}_seconds": of_row(round(cell.timing.seconds[phase], 3))
                for phase in PHASES
                if phase in cell.timing.seconds
            },
        }
        for grid in grids(cells)
        for technique in grid.techniques
        for cell in grid.of(technique)
        if cell.timing.seconds or cell.timing.soft_confirmation_ms
    ]
    notes = (
        "Soft confirmation: the median time from a payment's order to its confirmation, one payment at a time: by L1's "
        "receipt, by the other party's signature on disk, or by the sequencer's answer once it is on its disk.",
        "L1 mines at once here; mainnet takes up to 12 seconds for a block.",
    )
    return Sheet("timing", "Time on this machine", COLUMNS, rows, notes)
