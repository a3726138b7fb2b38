"""One cell of the gas lab's matrix: one workload, carried by one technique. Pure data, to JSON and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any

from toolkit.technique.protocol import PHASES

TECHNIQUES: Mapping[str, str] = MappingProxyType(
    {
        "l1-eth": "L1 ETH transfers",
        "l1-erc20": "L1 ERC20 transfers",
        "batch-pay": "L1 batch pay",
        "channel": "Payment channels",
        "hub": "Channel hub",
        "rollup-calldata": "Rollup (calldata)",
        "rollup-blobs": "Rollup (blobs)",
    }
)
"""Every technique of the matrix: its key, and its name in tables."""

SIZES = (1, 10, 100, 1_000, 10_000)
"""Payments of the matrix's workloads."""


@dataclass(frozen=True)
class Usage:
    """What L1 was used for in one phase, everyone's transactions together.

    Attributes:
        transactions: how many.
        gas: that they used.
        blob_gas: that they used (EIP-4844); a blob has as many bytes as it takes blob gas, 131,072.
        calldata_bytes: of their inputs.
        zero_bytes: of these.
    """

    transactions: int = 0
    gas: int = 0
    blob_gas: int = 0
    calldata_bytes: int = 0
    zero_bytes: int = 0


@dataclass(frozen=True)
class Timing:
    """What this machine's clock showed: the only part of a cell that differs from run to run.

    Attributes:
        soft_confirmation_ms: median, from a payment's order to its confirmation; on L1, to its receipt.
        seconds: by phase.
    """

    soft_confirmation_ms: float
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """One workload, carried by one technique.

    Attributes:
        technique: key of `TECHNIQUES`.
        hardfork: whose rules L1 followed.
        payments: how many.
        parties: accounts that pay or are paid.
        value: that was paid in all (wei, or the token's base units).
        capital: the most that was locked at one time, in contracts and bonds (wei).
        exit_blocks: blocks of L1 from the last payment until everybody's money is on L1.
        exit_seconds: the same on L1's clock.
        phases: what each of `PHASES` used.
        timing: what differs from run to run.
    """

    technique: str
    hardfork: str
    payments: int
    parties: int
    value: int
    capital: int
    exit_blocks: int
    exit_seconds: int
    phases: Mapping[str, Usage]
    timing: Timing

    @property
    def total(self) -> Usage:
        """All phases together."""
        used = [self.phases[phase] for phase in PHASES if phase in self.phases]
        return Usage(
            transactions=sum(each.transactions for each in used),
            gas=sum(each.gas for each in used),
            blob_gas=sum(each.blob_gas for each in used),
            calldata_bytes=sum(each.calldata_bytes for each in used),
            zero_bytes=sum(each.zero_bytes for each in used),
        )

    @property
    def l1_bytes(self) -> int:
        """Bytes on L1: calldata, and blobs at their full size."""
        return self.total.calldata_bytes + self.total.blob_gas

    def as_json(self) -> dict[str, Any]:
        """All of it; what differs from run to run is under ``timing``. Amounts of wei are decimal text."""
        return {**asdict(self), "value": str(self.value), "capital": str(self.capital)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Cell:
        """What `as_json` wrote. Raises KeyError, TypeError or ValueError where it is something else."""
        return cls(
            **{
                **data,
                "value": int(data["value"]),
                "capital": int(data["capital"]),
                "phases": {phase: Usage(**used) for phase, used in data["phases"].items()},
                "timing": Timing(**data["timing"]),
            }
        )
