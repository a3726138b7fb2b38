"""What a report shows: sheets, and the cells its charts are drawn from. Pure data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from toolkit.errors import BadInput
from toolkit.gas.cell import TECHNIQUES, Cell
from toolkit.gas.fees import Prices
from toolkit.gas.figure import Figure
from toolkit.gas.sheet import Sheet

Way = Literal["cooperative", "alone", "disputed"]

WAYS: tuple[Way, ...] = ("cooperative", "alone", "disputed")
"""How one leaves: everybody helps, nobody does, somebody cheats."""

DEVNET_PRICES = Prices(gas_price=10**9, blob_base_fee=1)
"""Where none are given: 1 gwei a gas, and blob gas at its floor of 1 wei (EIP-4844)."""


@dataclass(frozen=True)
class Exit:
    """What one exit takes.

    Attributes:
        technique: key of `TECHNIQUES`.
        way: one of `WAYS`.
        gas: everyone's, of the exit alone.
        seconds: on L1's clock, from asking to having the money on L1.

    Raises:
        BadInput: no such technique or way.
    """

    technique: str
    way: Way
    gas: Figure
    seconds: Figure

    def __post_init__(self) -> None:
        if self.technique not in TECHNIQUES or self.way not in WAYS:
            raise BadInput(f"there is no exit of {self.technique!r} {self.way!r}")


@dataclass(frozen=True)
class Document:
    """A report, for the page and the slides.

    Attributes:
        title: of the page.
        meta: versions and the workload, by name; shown as they are.
        sheets: the tables, in their order.
        cells: what the charts of costs are drawn from; of one hardfork.
        exits: what the chart of exits is drawn from; a technique without any has nothing to exit.
        break_evens: payments from which a technique is cheaper than L1 ETH transfers, by technique; where it is left
            out, it is interpolated between the cells. A value of None means never, and the source says why.
        prices: of gas and blob gas.
        eth_usd: USD an ETH, or None where no USD are shown.
        shown_at: payments at which the chart of the cost's parts is drawn; where it is left out, the largest size up to
            1,000 that every technique was measured at.

    Raises:
        BadInput: the cells are of several hardforks, or of a technique that is not in `TECHNIQUES`; none is of
            ``shown_at`` payments; or gas is free.
    """

    title: str
    meta: Mapping[str, Any] = field(default_factory=dict)
    sheets: Sequence[Sheet] = ()
    cells: Sequence[Cell] = ()
    exits: Sequence[Exit] = ()
    break_evens: Mapping[str, Figure] | None = None
    prices: Prices = DEVNET_PRICES
    eth_usd: Decimal | None = None
    shown_at: int | None = None

    def __post_init__(self) -> None:
        forks = sorted({cell.hardfork for cell in self.cells})
        if len(forks) > 1:
            raise BadInput(f"charts show one hardfork at a time, not {', '.join(forks)}")
        if unknown := sorted({cell.technique for cell in self.cells} - set(TECHNIQUES)):
            raise BadInput(f"there is no technique {unknown[0]!r}")
        if self.shown_at is not None and not any(cell.payments == self.shown_at for cell in self.cells):
            raise BadInput(f"nothing was measured at {self.shown_at:,} payments")
        if not self.prices.gas_price:
            raise BadInput("at a gas price of 0 nothing can be compared: give one above 0")
