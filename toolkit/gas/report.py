"""The gas report: as data, as tables for people, as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from toolkit.gas.cell import TECHNIQUES, Cell
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
    """

    receipts: Mapping[str, int]
    cells: Sequence[Cell]
    deployment: Mapping[str, int]
    meta: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """By name: receipts (name -> gas), table (one row a cell), deployment (contract -> gas), meta, timing.

        All but ``timing`` is the same for the same workload, versions and options.
        """
        timing = [
            {"technique": TECHNIQUES[each.technique], "payments": each.payments, **asdict(each.timing)}
            for each in self.cells
        ]
        return {
            "receipts": dict(self.receipts),
            "table": self.rows(),
            "deployment": dict(self.deployment),
            "meta": dict(self.meta),
            "timing": {"cells": timing},
        }

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

    def as_markdown(self) -> str:
        """The same as Markdown tables."""
        lines = []
        for table in self.tables():
            header, *rows = table.rows
            rule = ["---", *["---:"] * (len(header) - 1)]
            lines += [f"**{table.title}**", "", *(_line(row) for row in (header, rule, *rows)), ""]
        return "\n".join(lines).rstrip()

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


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
