"""Cells such as the lab measures, made up from receipts: every technique at every size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolkit.gas import snapshot
from toolkit.gas.cell import SIZES, TECHNIQUES, Cell, Timing, Usage

RECEIPTS: Mapping[str, int] = snapshot.committed().receipts
ETHER = 10**18
PARTIES = 8
BLOB = 131_072


def cell(technique: str, payments: int, hardfork: str = "osaka") -> Cell:
    """One cell; the figures are of the right size, and its numbers easy to reckon with."""
    accounts = min(2 * payments, PARTIES)
    phases = {name: used for name, used in _phases(technique, payments, accounts).items() if used.transactions}
    value = payments * ETHER // 20
    locked = technique not in ("l1-eth", "l1-erc20", "batch-pay")
    rollup = technique.startswith("rollup")
    return Cell(
        technique=technique,
        hardfork=hardfork,
        payments=payments,
        parties=accounts,
        value=value,
        capital=(value // 4 + ETHER // 5) if locked else 0,
        exit_blocks=30 if rollup else accounts if locked else 0,
        exit_seconds=604_830 if rollup else accounts if locked else 0,
        phases=phases,
        timing=Timing(12.5, {"pay": 0.5}),
    )


def cells(sizes: Sequence[int] = SIZES, hardfork: str = "osaka") -> list[Cell]:
    """Every technique at every size."""
    return [cell(technique, size, hardfork) for technique in TECHNIQUES for size in sizes]


def _phases(technique: str, n: int, accounts: int) -> dict[str, Usage]:
    channels = min(n, PARTIES * (PARTIES - 1) // 2)
    blobs, batches = -(-n // 1_638), -(-n // 5_000)
    if technique == "l1-eth":
        return {"pay": Usage(n, 21_000 * n)}
    if technique == "l1-erc20":
        return {"pay": Usage(n, 33_982 * n, 0, 68 * n, 40 * n)}
    if technique == "batch-pay":
        return {"pay": Usage(accounts, 24_000 * accounts + 9_700 * n, 0, 68 * accounts + 32 * n, 80 * accounts + 6 * n)}
    if technique == "channel":
        return {"open": _uses(channels, 74_128, 292), "settle": _uses(channels, 45_958, 324)}
    if technique == "hub":
        return {"open": _uses(accounts, 74_128, 292), "settle": _uses(accounts, 45_958, 324)}
    pay = Usage(batches, 43_000 * batches + 2_786 * n, 0, 196 * batches + 76 * n, 180 * batches + 8 * n)
    if technique == "rollup-blobs":
        pay = Usage(batches, 34_980 * batches, BLOB * blobs, 164 * batches, 150 * batches)
    return {
        "open": _uses(accounts, 33_458 + 15_000, 36),
        "pay": pay,
        "settle": Usage(6, 6 * 57_000, 0, 6 * 200, 6 * 20),
        "exit": _uses(accounts, 52_853, 1_284),
    }


def _uses(count: int, gas: int, size: int) -> Usage:
    return Usage(count, gas * count, 0, size * count, size * count // 3)
