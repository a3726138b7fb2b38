"""What the gas lab knows of a technique: it opens, pays, settles and exits, and L1's receipts say what that costs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, cast

from web3.types import TxReceipt

PHASES = ("open", "pay", "settle", "exit")
SINGLES = 5
"""So many of a workload's first payments are made one at a time, each once the one before is confirmed, and timed."""


@dataclass(frozen=True)
class Cost:
    """Gas of one or several L1 transactions, from their receipts.

    Attributes:
        what: they did.
        transactions: how many.
        gas: they used together.
        blob_gas: they used together, which has a price of its own (EIP-4844).
        receipts: of them.
    """

    what: str
    transactions: int
    gas: int
    blob_gas: int = 0
    receipts: tuple[TxReceipt, ...] = field(default=(), repr=False, compare=False)


def cost(what: str, *receipts: TxReceipt) -> Cost:
    """The cost of ``receipts``."""
    gas = sum(receipt["gasUsed"] for receipt in receipts)
    return Cost(what, len(receipts), gas, sum(map(blob_gas_of, receipts)), receipts)


def blob_gas_of(receipt: TxReceipt) -> int:
    """The blob gas in a receipt: 131,072 for each blob that the transaction carried (EIP-4844)."""
    found = cast(Mapping[str, Any], receipt).get("blobGasUsed")  # web3 leaves it as the node writes it
    return int(found, 16) if isinstance(found, str) else int(found or 0)


@contextmanager
def timed(into: list[float]) -> Iterator[None]:
    """Add the milliseconds that the block takes to ``into``."""
    began = time.perf_counter()
    yield
    into.append((time.perf_counter() - began) * 1000)


class Technique(Protocol):
    """A way to carry payments. Each phase returns what it cost on L1, everyone's transactions included.

    Attributes:
        name: its row in the table.
        confirmations_ms: from a payment's order to its confirmation (`timed`), of the first `SINGLES` payments; where
            many are paid together, of each such transaction.
    """

    name: str
    confirmations_ms: list[float]

    def open(self) -> Sequence[Cost]:
        """Everything that must be there before the first payment: deposits, channels."""
        ...

    def pay(self) -> Sequence[Cost]:
        """All payments."""
        ...

    def settle(self) -> Sequence[Cost]:
        """What makes the payments final on L1."""
        ...

    def exit(self) -> Sequence[Cost]:
        """Everybody's money back on L1, where `settle` has not already brought it."""
        ...

    def check(self) -> Sequence[str]:
        """Compare every balance with the workload; returns what was found right, one line a fact.

        Raises:
            CheckFailed: a balance is not what it must be.
        """
        ...


@dataclass
class Run:
    """One workload carried by one technique.

    Attributes:
        name: of the technique.
        payments: how many.
        costs: of each phase.
        seconds: of wall time for each phase.
        facts: what `Technique.check` found right.
        confirmations_ms: as of `Technique`.
    """

    name: str
    payments: int
    costs: dict[str, list[Cost]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)
    confirmations_ms: list[float] = field(default_factory=list)

    def gas(self, *phases: str) -> int:
        """Gas of the named phases, of all where none is named."""
        return sum(cost.gas for phase in phases or PHASES for cost in self.costs.get(phase, []))

    def blob_gas(self, *phases: str) -> int:
        """Blob gas of the named phases, of all where none is named."""
        return sum(cost.blob_gas for phase in phases or PHASES for cost in self.costs.get(phase, []))

    @property
    def transactions(self) -> int:
        """L1 transactions of all phases."""
        return sum(cost.transactions for costs in self.costs.values() for cost in costs)

    @property
    def gas_per_payment(self) -> float:
        """All gas, set-up and tear-down included, for each payment."""
        return self.gas() / self.payments


Listener = Callable[[Run, str], None]
"""Hears of each phase as it begins, and of "check"; the costs of the phases before are in the run."""


def run(technique: Technique, payments: int, listen: Listener = lambda run, phase: None) -> Run:
    """Take a technique through all phases and its check."""
    result = Run(technique.name, payments)
    for phase in PHASES:
        listen(result, phase)
        began = time.monotonic()
        result.costs[phase] = [cost for cost in getattr(technique, phase)() if cost.transactions]
        result.seconds[phase] = time.monotonic() - began
    listen(result, "check")
    result.facts = list(technique.check())
    result.confirmations_ms = list(technique.confirmations_ms)
    return result
