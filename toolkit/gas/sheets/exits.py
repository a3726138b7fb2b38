"""What charts are drawn from besides cells: ways out, and break-evens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolkit.gas.cell import Cell
from toolkit.gas.figure import Figure
from toolkit.gas.render.document import Exit, Way
from toolkit.gas.sheets.breakeven import breakeven
from toolkit.gas.sheets.grid import L1, Grid, of_cell
from toolkit.gas.sheets.money import Rates
from toolkit.gas.sheets.profile import PROFILES
from toolkit.gas.sheets.properties import ways_out

_WAYS: Mapping[Way, tuple[str, str]] = {
    "cooperative": ("exit_cooperative", "exit_seconds"),
    "alone": ("exit_alone", "exit_alone_seconds"),
    "disputed": ("exit_disputed", "exit_disputed_seconds"),
}


def exits(cells: Sequence[Cell], receipts: Mapping[str, int]) -> list[Exit]:
    """Every way out of one account that has both gas and time; on L1 there is nothing to leave.

    Args:
        cells: of one hardfork; the smallest of each technique, where the fewest leave, shows the time if all help.
        receipts: gas of single transactions by their plain name.
    """
    grid, found = Grid(cells), []
    for row in ways_out(receipts).rows:
        technique = str(row["technique"])
        if PROFILES[technique].cooperative.gas is None:
            continue
        together = [of_cell(each.exit_seconds, each) for each in grid.of(technique)[:1]]
        times = {"exit_seconds": together[0]} if together else {}
        for way, (gas_key, seconds_key) in _WAYS.items():
            gas, seconds = row[gas_key], {**row, **times}.get(seconds_key)
            if isinstance(gas, Figure) and isinstance(seconds, Figure) and None not in (gas.value, seconds.value):
                found.append(Exit(technique, way, gas, seconds))
    return found


def break_evens(cells: Sequence[Cell], rates: Rates) -> dict[str, Figure]:
    """Payments from which on each technique costs less money than L1 ETH transfers.

    Args:
        cells: of one hardfork.
        rates: prices.
    """
    found = {}
    for row in breakeven(cells, rates).rows:
        figure = row["money"]
        if row["against"] == L1 and isinstance(figure, Figure):
            found[str(row["technique"])] = figure
    return found
