"""What every technique costs, at every size, and against plain L1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction

from toolkit.gas.cell import Cell
from toolkit.gas.figure import derived, modelled
from toolkit.gas.sheet import CellValue, Column, Sheet
from toolkit.gas.sheets.grid import L1, Grid, grids, of_row, size_of
from toolkit.gas.sheets.money import Rates, decimal, eth, usd
from toolkit.technique.protocol import PHASES

COLUMNS = (
    Column("technique", "technique"),
    Column("payments", "payments"),
    Column("hardfork", "fork"),
    Column("transactions", "txs"),
    *(Column(f"{phase}_gas", phase, "gas") for phase in PHASES),
    Column("gas", "L1 gas", "gas"),
    Column("gas_per_payment", "gas a payment", "gas"),
    Column("blob_gas", "blob gas", "gas"),
    Column("bytes_per_payment", "bytes a payment", "bytes"),
    Column("versus_l1_gas", "gas of L1 ETH's", "share"),
    Column("eth_per_payment", "ETH a payment", "ETH"),
    Column("usd_per_payment", "USD a payment", "USD"),
    Column("versus_l1_money", "money of L1 ETH's", "share"),
)


def techniques(cells: Iterable[Cell], rates: Rates) -> Sheet:
    """One row a fork, technique and size.

    Everyone's L1 transactions count, set-up and tear-down included; contracts do not (`deployment`).
    """
    rows = [
        _row(cell, grid, rates) for grid in grids(cells) for technique in grid.techniques for cell in grid.of(technique)
    ]
    notes = (
        "Everyone's transactions on L1 count, set-up and tear-down included; contracts are apart.",
        "Bytes on L1: calldata, and 131,072 for each blob, however much of it is used.",
        "ERC20 transfers move tokens; every other technique moves ETH.",
    )
    return Sheet("techniques", "What every technique costs", COLUMNS, rows, notes)


def _row(cell: Cell, grid: Grid, rates: Rates) -> Mapping[str, CellValue]:
    total, payments = cell.total, cell.payments
    cost = rates.cost(total.gas, total.blob_gas).wei
    row: dict[str, CellValue] = {
        "hardfork": cell.hardfork,
        "technique": cell.technique,
        "payments": size_of(cell),
        "transactions": of_row(total.transactions),
        "gas": of_row(total.gas),
        "gas_per_payment": derived(decimal(Fraction(total.gas, payments)), "L1 gas / payments"),
        "blob_gas": of_row(total.blob_gas),
        "bytes_per_payment": derived(
            decimal(Fraction(cell.l1_bytes, payments)), "(calldata bytes + 131,072 a blob) / payments"
        ),
        "eth_per_payment": modelled(eth(Fraction(cost, payments)), f"{rates.equation} / payments"),
        "usd_per_payment": modelled(usd(Fraction(cost, payments), rates.eth_usd), f"{rates.equation_usd} / payments"),
    }
    for phase in PHASES:
        used = cell.phases.get(phase)
        row[f"{phase}_gas"] = of_row(used.gas if used else 0)
    base = grid.at(L1, payments)
    if base is None:
        missing = f"L1 ETH transfers were not measured with {payments:,} payments"
        return {**row, "versus_l1_gas": derived(None, missing), "versus_l1_money": modelled(None, missing)}
    base_cost = rates.cost(base.total.gas, base.total.blob_gas).wei
    row["versus_l1_gas"] = derived(
        decimal(Fraction(total.gas, base.total.gas)), "L1 gas / L1 gas of as many ETH transfers; blob gas not counted"
    )
    row["versus_l1_money"] = (
        modelled(decimal(Fraction(cost, base_cost)), f"{rates.equation}, of it / of as many ETH transfers")
        if base_cost
        else modelled(None, "gas is free: nothing to compare")
    )
    return row
