"""The report of the committed figures, without a node: what the page and the slides show of a whole run."""

from __future__ import annotations

from toolkit.gas import snapshot
from toolkit.gas.cell import TECHNIQUES
from toolkit.gas.figure import measured
from toolkit.gas.hardforks import ForkReceipts
from toolkit.gas.render import Document
from toolkit.gas.report import Report
from toolkit.gas.sheets import CONTRACTS, Rates
from toolkit.gas.vanish import Vanish, on_l1


def report() -> Report:
    known = snapshot.committed()
    forks = [
        ForkReceipts(name, name, "measured", f"receipts at {name}", known.receipts) for name in ("prague", "osaka")
    ]
    played = measured(True, "played"), measured(2, "played"), measured(75_470, "played"), measured(86_400, "played")
    vanished = [
        on_l1(key) if key.startswith(("l1", "batch")) else Vanish(key, played[0], "nothing", *played[1:])
        for key in TECHNIQUES
    ]
    contracts = {name: 1_000_000 for names in CONTRACTS.values() for name in names}
    meta = {"solc": "0.8.37", "node": "anvil/v1.7.1", "hardfork": "osaka", "chain_id": 31337}
    return Report(known.receipts, known.cells, contracts, {**meta, "workload": known.workload}, forks, vanished)


def document() -> Document:
    return report().document(Rates.of())
