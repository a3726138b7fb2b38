"""What the gas lab measured: as data, as tables, as a document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from toolkit.compile import artifact
from toolkit.gas import hardforks, sheets, vanish
from toolkit.gas.cell import TECHNIQUES, Cell
from toolkit.gas.figure import measured
from toolkit.gas.hardforks import ForkReceipts
from toolkit.gas.render import Document
from toolkit.gas.sheet import CellValue, Column, Sheet
from toolkit.gas.sheets import Rates
from toolkit.gas.snapshot import Snapshot, untimed
from toolkit.gas.vanish import Vanish
from toolkit.technique.protocol import PHASES


@dataclass(frozen=True)
class Table:
    """Rows of text under a title; the first row is the header, and all columns but the first hold numbers."""

    title: str
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Report:
    """What the gas lab measured.

    Attributes:
        receipts: gas of single transactions by their plain name, in a steady state.
        cells: workloads carried by techniques.
        deployment: gas that each contract's deployment used, by the contract's name; in no cell.
        meta: versions (solc, node, hardfork) and the workload.
        single: single transactions at each hardfork, where several were asked for.
        vanished: what becomes of each technique's users when its operator vanishes, where that was tried.
    """

    receipts: Mapping[str, int]
    cells: Sequence[Cell]
    deployment: Mapping[str, int]
    meta: Mapping[str, Any]
    single: Sequence[ForkReceipts] = ()
    vanished: Sequence[Vanish] = ()

    def as_json(self) -> dict[str, Any]:
        """By name: receipts (name -> gas), table (one row a cell), cells, deployment, vanished, meta, timing.

        All but ``timing`` is the same for the same workload, versions and options.
        """
        timing = [
            {
                "hardfork": each.hardfork,
                "technique": TECHNIQUES[each.technique],
                "payments": each.payments,
                **asdict(each.timing),
            }
            for each in self.cells
        ]
        vanished = [each.as_json() for each in self.vanished]
        times = {each["technique"]: each.pop("timing") for each in vanished}
        return {
            "receipts": dict(self.receipts),
            "table": self.rows(),
            "deployment": dict(self.deployment),
            "meta": dict(self.meta),
            "cells": [untimed(each) for each in self.cells],
            "vanished": vanished,
            "timing": {"cells": timing, "vanished": {name: found for name, found in times.items() if found}},
        }

    @property
    def snapshot(self) -> Snapshot:
        """What is kept to be compared with."""
        return Snapshot(self.receipts, self.cells, self.meta["workload"])

    def measured(self, rates: Rates) -> list[Sheet]:
        """What was measured, and what follows from it, at prices: one after the other as people read it."""
        rows: list[Mapping[str, CellValue]] = [
            {"transaction": name, "gas": measured(gas, "receipts of l2kit gas")} for name, gas in self.receipts.items()
        ]
        columns = (Column("transaction", "transaction"), Column("gas", "gas", "gas"))
        several = hardforks.sheets(self.single) if len(self.single) > 1 else []
        alone = [] if several else [Sheet("receipts", "One transaction, in a steady state", columns, rows)]
        gone = [vanish.sheet(self.vanished)] if self.vanished else []
        return [*self._book(rates)[0], *gone, *several, *alone]

    def models(self, rates: Rates) -> list[Sheet]:
        """What rests on assumptions beside: fees, claims, levers."""
        return self._book(rates)[1]

    def sheets(self, rates: Rates) -> list[Sheet]:
        """All tables but those of times, which differ from run to run (`times`)."""
        return [*self.measured(rates), *self.models(rates)]

    def times(self) -> Sheet:
        """What this machine's clock showed."""
        return sheets.timing(self.cells)

    def document(self, rates: Rates) -> Document:
        """For the page and the slides; charts show the last hardfork that the payments were carried at."""
        cells = [each for each in self.cells if each.hardfork == self.cells[-1].hardfork]
        workload = {f"workload {name}": value for name, value in self.meta["workload"].items()}
        return Document(
            title="l2kit: one workload, every technique",
            meta={**{name: value for name, value in self.meta.items() if name != "workload"}, **workload},
            sheets=[*self.sheets(rates), self.times()],
            cells=cells,
            exits=sheets.exits(cells, self.receipts),
            break_evens=sheets.break_evens(cells, rates),
            prices=rates.prices,
            eth_usd=rates.eth_usd,
        )

    def _book(self, rates: Rates) -> tuple[list[Sheet], list[Sheet]]:
        found = sheets.book(
            self.cells,
            self.receipts,
            contracts=self.deployment,
            vanish={each.technique: each.survives for each in self.vanished},
            bytecode=artifact("SimpleStorage").bytecode,
            rates=rates,
        )
        at = next(place for place, each in enumerate(found) if each.key.startswith(("fees", "claims")))
        return found[:at], found[at:]

    def rows(self) -> list[dict[str, Any]]:
        """One plain row a cell; amounts of wei are decimal text."""
        base = {each.payments: each.total.gas for each in self.cells if each.technique == "l1-eth"}
        rows = []
        for each in self.cells:
            total, l1_eth = each.total, base.get(each.payments)
            rows.append(
                {
                    "technique": TECHNIQUES[each.technique],
                    "key": each.technique,
                    "payments": each.payments,
                    "parties": each.parties,
                    "value": str(each.value),
                    "transactions": total.transactions,
                    **{f"{phase}_gas": each.phases[phase].gas for phase in PHASES},
                    "total_gas": total.gas,
                    "blob_gas": total.blob_gas,
                    "gas_per_payment": round(total.gas / each.payments, 1),
                    "versus_l1_eth": round(total.gas / l1_eth, 4) if l1_eth else None,
                    "calldata_bytes": total.calldata_bytes,
                    "zero_bytes": total.zero_bytes,
                    "l1_bytes": each.l1_bytes,
                    "l1_bytes_per_payment": round(each.l1_bytes / each.payments, 1),
                    "capital": str(each.capital),
                    "exit_blocks": each.exit_blocks,
                    "exit_seconds": each.exit_seconds,
                }
            )
        return rows

    def tables(self) -> list[Table]:
        """For people: techniques at each size, then single transactions."""
        single = [["transaction", "gas"], *([name, f"{gas:,}"] for name, gas in self.receipts.items())]
        return [*self._by_size(), Table("One transaction, in a steady state", single)]

    def _by_size(self) -> Iterator[Table]:
        rows = self.rows()
        for size in dict.fromkeys(each.payments for each in self.cells):
            found = [[row["technique"], *_cells(row)] for row in rows if row["payments"] == size]
            what = f"{size:,} payment{'s' if size > 1 else ''}, gas of everyone's L1 transactions"
            yield Table(f"{what} ({self.meta['hardfork']})", [["technique", *_COLUMNS], *found])


_COLUMNS = ["txs", "open", "pay", "close", "total gas", "blob gas", "a payment", "of L1 ETH"]


def _cells(row: Mapping[str, Any]) -> list[str]:
    versus = row["versus_l1_eth"]
    return [
        f"{row['transactions']:,}",
        f"{row['open_gas']:,}",
        f"{row['pay_gas']:,}",
        f"{row['settle_gas'] + row['exit_gas']:,}",
        f"{row['total_gas']:,}",
        f"{row['blob_gas']:,}",
        f"{row['gas_per_payment']:,.0f}",
        "" if versus is None else f"{versus:.1%}",
    ]
