"""All tables of a run in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolkit.gas.cell import Cell
from toolkit.gas.fees import LATEST, Fork
from toolkit.gas.figure import Figure
from toolkit.gas.sheet import Sheet
from toolkit.gas.sheets.breakeven import breakeven
from toolkit.gas.sheets.claims import claims
from toolkit.gas.sheets.deployment import deployment
from toolkit.gas.sheets.fees import ROWS, fees, posting
from toolkit.gas.sheets.grid import grids
from toolkit.gas.sheets.levers import levers
from toolkit.gas.sheets.money import Rates
from toolkit.gas.sheets.properties import properties, ways_out
from toolkit.gas.sheets.storage import storage, storage_claims
from toolkit.gas.sheets.techniques import techniques


def book(
    cells: Sequence[Cell],
    receipts: Mapping[str, int],
    *,
    contracts: Mapping[str, int],
    vanish: Mapping[str, Figure],
    bytecode: bytes,
    rates: Rates,
    fork: Fork = LATEST,
) -> list[Sheet]:
    """What was measured, then what follows, then the models. Times are in none of them (`timing`).

    Args:
        cells: of one or more hardforks; where a table has no room for several, the last one counts.
        receipts: gas of single transactions by their plain name.
        contracts: gas of each contract's deployment, by its name.
        vanish: whether a technique survived its operator's vanishing.
        bytecode: that creates SimpleStorage.
        rates: prices.
        fork: whose rules of calldata and blobs.

    The fee model is left out where the receipts that it needs were not measured: not every node takes blobs.

    Raises:
        BadInput: another receipt is missing.
    """
    of_forks = grids(cells)
    last = [cell for cell in cells if of_forks and cell.hardfork == of_forks[-1].hardfork]
    priced = fees(posting(receipts, last), rates) if all(row in receipts for row in ROWS) else []
    return [
        techniques(cells, rates),
        breakeven(cells, rates),
        ways_out(receipts),
        properties(last, receipts, vanish),
        deployment(contracts),
        storage(receipts, bytecode, rates, fork),
        storage_claims(receipts, bytecode, rates, fork),
        *priced,
        *claims(receipts),
        *levers(),
    ]
