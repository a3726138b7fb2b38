"""Gas from receipts stays what `gas.json` says. ``make gas-snapshot`` writes it anew."""

from __future__ import annotations

import os
from dataclasses import replace

from toolkit import Devnet
from toolkit.gas import lab, snapshot
from toolkit.gas.snapshot import Snapshot


def test_gas_is_what_the_snapshot_says(devnet: Devnet) -> None:
    known = snapshot.committed()
    measured = Snapshot(lab.receipts(devnet))
    if os.environ.get("UPDATE_GAS"):
        known = replace(known, receipts=measured.receipts)
        snapshot.PATH.write_text(known.text())
    moved = snapshot.compare(known, measured)
    assert not moved, "\n".join(map(str, moved))
    assert list(measured.receipts) == list(known.receipts), "rows are in another order"
