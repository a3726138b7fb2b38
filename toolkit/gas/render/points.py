"""What the charts show, as numbers: costs at given prices and where a technique becomes cheaper. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

from toolkit.gas.cell import TECHNIQUES, Cell
from toolkit.gas.fees import Cost, Prices
from toolkit.gas.figure import Figure, derived
from toolkit.technique.protocol import PHASES

BASE = "l1-eth"
PARTS = (*PHASES, "blobs")
"""What a cost is made of: gas of each phase, and blob gas."""


def gas_equivalent(cell: Cell, prices: Prices) -> float:
    """All that a cell costs, in gas: gas + blob gas * blob base fee / gas price."""
    used = cell.total
    return Cost(used.gas * prices.gas_price, used.blob_gas * prices.blob_base_fee).wei / prices.gas_price


def parts(cell: Cell, prices: Prices) -> Mapping[str, float]:
    """The same by `PARTS`."""
    gas = {phase: float(used.gas) for phase, used in cell.phases.items()}
    blobs = cell.total.blob_gas * prices.blob_base_fee / prices.gas_price
    return {part: blobs if part == "blobs" else gas.get(part, 0.0) for part in PARTS}


def lines(cells: Sequence[Cell], prices: Prices) -> Mapping[str, Sequence[tuple[int, float]]]:
    """By technique, in `TECHNIQUES`' order: (payments, gas a payment), by payments. One without cells is left out."""
    return {
        technique: sorted(
            (cell.payments, gas_equivalent(cell, prices) / cell.payments)
            for cell in cells
            if cell.technique == technique and cell.payments
        )
        for technique in TECHNIQUES
        if any(cell.technique == technique and cell.payments for cell in cells)
    }


def break_evens(cells: Sequence[Cell], prices: Prices) -> Mapping[str, Figure]:
    """By technique: payments from which it stays cheaper than L1 ETH transfers; None where it does not get there.

    Between two measured sizes the ratio of the costs is taken as a power of the number of payments.
    """
    found = lines(cells, prices)
    base = dict(found.get(BASE, ()))
    return {
        technique: _break_even([(count, cost / base[count]) for count, cost in line if base.get(count)])
        for technique, line in found.items()
        if technique != BASE
    }


def _break_even(ratios: Sequence[tuple[int, float]]) -> Figure:
    if not ratios or ratios[-1][1] >= 1:
        most = f"{ratios[-1][0]:,} payments" if ratios else "any size"
        return derived(None, f"at {most} it costs no less than L1 ETH transfers")
    at = max((number for number, (_, ratio) in enumerate(ratios) if ratio >= 1), default=None)
    if at is None:
        return derived(ratios[0][0], "cheaper at the smallest size measured")
    (low, dear), (high, cheap) = ratios[at], ratios[at + 1]
    slope = math.log(cheap / dear) / math.log(high / low)
    count = math.ceil(low * math.exp(-math.log(dear) / slope))
    return derived(
        min(max(count, low + 1), high), f"cost ratio to L1 ETH a power of n between n = {low:,} and n = {high:,}"
    )


def shown_at(cells: Sequence[Cell], wanted: int | None = None) -> int | None:
    """The size for the chart of parts: the wanted one, or the largest up to 1,000 that all techniques have."""
    if wanted is not None:
        return wanted
    sizes = [{cell.payments for cell in cells if cell.technique == each} for each in {c.technique for c in cells}]
    common = set.intersection(*sizes) if sizes else set()
    return max((size for size in common if size <= 1_000), default=min(common, default=None))


def usd(gas: float, prices: Prices, eth_usd: Decimal) -> Decimal:
    """So much gas in USD."""
    return Decimal(gas) * prices.gas_price / 10**18 * eth_usd
