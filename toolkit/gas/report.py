"""The gas report: as data, as tables for people, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.technique.protocol import PHASES, Run


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
        runs: the same workload through each technique.
        meta: versions (solc, node, hardfork) and the workload.
    """

    receipts: Mapping[str, int]
    runs: Sequence[Run]
    meta: Mapping[str, Any]

    def as_json(self) -> dict[str, Any]:
        """``receipts`` (name -> gas), ``table`` (one row a technique) and ``meta``."""
        return {"receipts": dict(self.receipts), "table": self._rows(), "meta": dict(self.meta)}

    def tables(self) -> list[Table]:
        """For people: techniques, then single transactions."""
        techniques = [["technique", *_COLUMNS], *([row["technique"], *_cells(row)] for row in self._rows())]
        single = [["transaction", "gas"], *([name, f"{gas:,}"] for name, gas in self.receipts.items())]
        return [Table(self._title(), techniques), Table("One transaction, in a steady state", single)]

    def as_markdown(self) -> str:
        """The same as Markdown tables."""
        lines = []
        for table in self.tables():
            header, *rows = table.rows
            rule = ["---", *["---:"] * (len(header) - 1)]
            lines += [f"**{table.title}**", "", *(_line(row) for row in (header, rule, *rows)), ""]
        return "\n".join(lines).rstrip()

    def _title(self) -> str:
        return f"{self.meta['payments']:,} payments, gas of everyone's L1 transactions ({self.meta['hardfork']})"

    def _rows(self) -> list[dict[str, Any]]:
        base = next((run.gas() for run in self.runs if run.name.startswith("L1 ETH")), None)
        return [
            {
                "technique": run.name,
                "payments": run.payments,
                "transactions": run.transactions,
                **{f"{phase}_gas": run.gas(phase) for phase in PHASES},
                "total_gas": run.gas(),
                "blob_gas": run.blob_gas(),
                "gas_per_payment": round(run.gas_per_payment, 1),
                "versus_l1_eth": round(run.gas() / base, 4) if base else None,
            }
            for run in self.runs
        ]


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
