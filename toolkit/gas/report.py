"""The gas report: as data, as a terminal table, as Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from toolkit.technique.protocol import PHASES, Run


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
        """For a terminal: techniques, then single transactions."""
        techniques = Table(title=self._title(), title_justify="left", title_style="bold")
        techniques.add_column("technique")
        for column in _COLUMNS:
            techniques.add_column(column, justify="right")
        for row in self._rows():
            techniques.add_row(row["technique"], *_cells(row))
        return [techniques, *([self._receipts_table()] if self.receipts else [])]

    def as_markdown(self) -> str:
        """The same as Markdown tables."""
        lines = [f"**{self._title()}**", "", _line(["technique", *_COLUMNS])]
        lines.append(_line(["---", *["---:"] * len(_COLUMNS)]))
        lines += [_line([row["technique"], *_cells(row)]) for row in self._rows()]
        if self.receipts:
            lines += ["", _line(["one transaction", "gas"]), _line(["---", "---:"])]
            lines += [_line([name, f"{gas:,}"]) for name, gas in self.receipts.items()]
        return "\n".join(lines)

    def _title(self) -> str:
        return f"{self.meta['payments']:,} payments, gas of everyone's L1 transactions ({self.meta['hardfork']})"

    def _receipts_table(self) -> Table:
        table = Table(title="One transaction, in a steady state", title_justify="left", title_style="bold")
        table.add_column("transaction")
        table.add_column("gas", justify="right")
        for name, gas in self.receipts.items():
            table.add_row(name, f"{gas:,}")
        return table

    def _rows(self) -> list[dict[str, Any]]:
        base = next((run.gas() for run in self.runs if run.name.startswith("L1 ETH")), None)
        return [
            {
                "technique": run.name,
                "payments": run.payments,
                "transactions": run.transactions,
                **{f"{phase}_gas": run.gas(phase) for phase in PHASES},
                "total_gas": run.gas(),
                "gas_per_payment": round(run.gas_per_payment, 1),
                "versus_l1_eth": round(run.gas() / base, 4) if base else None,
            }
            for run in self.runs
        ]


_COLUMNS = ["L1 transactions", "open", "pay", "settle", "exit", "total gas", "gas a payment", "of L1 ETH"]


def _cells(row: Mapping[str, Any]) -> list[str]:
    versus = row["versus_l1_eth"]
    return [
        f"{row['transactions']:,}",
        *(f"{row[f'{phase}_gas']:,}" for phase in PHASES),
        f"{row['total_gas']:,}",
        f"{row['gas_per_payment']:,.0f}",
        "" if versus is None else f"{versus:.1%}",
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
