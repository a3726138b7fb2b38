"""Gas from receipts stays what `gas.json` says. ``make gas-snapshot`` writes it anew."""

from __future__ import annotations

import json
import os
from pathlib import Path

from toolkit import Devnet
from toolkit.gas import lab

SNAPSHOT = Path(__file__).parent / "gas.json"
TOLERANCE = 0.001
"""Timestamps and hashes have more zero bytes one time than another, and calldata costs accordingly."""
WHOLE_GAME = "dispute: whole game, 1,000-transfer assertion, both sides"
TOLERANCES = {WHOLE_GAME: 0.005}
"""Eight transactions that are full of hashes, most of them sent twice."""


def test_gas_is_what_the_snapshot_says(devnet: Devnet) -> None:
    measured = lab.receipts(devnet)
    if os.environ.get("UPDATE_GAS"):
        SNAPSHOT.write_text(json.dumps(measured, indent=2) + "\n")
    known: dict[str, int] = json.loads(SNAPSHOT.read_text())
    assert list(measured) == list(known), "rows were added or removed"
    moved = [
        f"{name}: {known[name]:,} -> {gas:,} ({gas - known[name]:+,})"
        for name, gas in measured.items()
        if abs(gas - known[name]) > TOLERANCES.get(name, TOLERANCE) * known[name]
    ]
    assert not moved, "\n".join(moved)
