"""What a technique's contracts cost to deploy, apart from what using them costs."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from toolkit.gas.cell import SIZES, TECHNIQUES
from toolkit.gas.figure import derived, measured
from toolkit.gas.sheet import CellValue, Column, Sheet
from toolkit.gas.sheets.grid import COMMAND
from toolkit.gas.sheets.money import decimal

_ROLLUP = ("Inbox", "PaymentsMachine", "Rollup", "Bridge", "Dispute")
CONTRACTS: Mapping[str, tuple[str, ...]] = {
    "l1-eth": (),
    "l1-erc20": ("Token",),
    "batch-pay": ("BatchPay",),
    "channel": ("PaymentChannels",),
    "hub": ("PaymentChannels",),
    "rollup-calldata": _ROLLUP,
    "rollup-blobs": _ROLLUP,
}
"""Which contracts a technique needs; once for everybody who ever uses it."""
OVER = (*SIZES, 1_000_000)
"""Payments over which the deployment is spread."""

COLUMNS = (
    Column("technique", "technique"),
    Column("contracts", "contracts"),
    Column("gas", "gas", "gas"),
    *(Column(f"over_{size}", f"a payment of {size:,}", "gas") for size in OVER),
)


def deployment(gas: Mapping[str, int]) -> Sheet:
    """One row a technique.

    Args:
        gas: of each contract's deployment, by its name; a technique with a contract that is not in it has no figure.
    """
    rows = [_row(technique, gas) for technique in TECHNIQUES]
    notes = (
        "One deployment serves everybody: it is in no other table.",
        "The channel hub uses the channels' contract, and both rollups the same five.",
    )
    return Sheet("deployment", "Deploying the contracts", COLUMNS, rows, notes)


def _row(technique: str, gas: Mapping[str, int]) -> Mapping[str, CellValue]:
    names = CONTRACTS[technique]
    row: dict[str, CellValue] = {"technique": technique, "contracts": ", ".join(names) or "none"}
    if missing := [name for name in names if name not in gas]:
        nothing = derived(None, f"the deployment of {', '.join(missing)} was not measured")
        return {**row, "gas": nothing, **{f"over_{size}": nothing for size in OVER}}
    total = sum(gas[name] for name in names)
    sums = " + ".join(f"{name} {gas[name]:,}" for name in names) or "no contract"
    shown = measured if len(names) == 1 else derived
    row["gas"] = shown(total, f"{sums}; receipts: {COMMAND}")
    for size in OVER:
        row[f"over_{size}"] = derived(decimal(Fraction(total, size)), f"gas of the contracts / {size:,} payments")
    return row
