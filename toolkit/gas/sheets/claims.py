"""Popular claims, checked: each with its verdict and the equations that give it."""

from __future__ import annotations

from collections.abc import Mapping

from toolkit.gas.figure import modelled
from toolkit.gas.popular import Checked, check
from toolkit.gas.sheet import CellValue, Column, Sheet

COLUMNS = (
    Column("chain", "chain"),
    Column("about", "about"),
    Column("says", "claim"),
    Column("unit", "unit"),
    Column("low", "from"),
    Column("high", "to"),
    Column("verdict", "verdict"),
    Column("now", "today"),
    Column("then", "earlier"),
    Column("model", "if assumed"),
    Column("why", "why"),
    Column("where", "where"),
)


def claims(receipts: Mapping[str, int]) -> Sheet:
    """One row a claim.

    Args:
        receipts: gas of single transactions by their plain name.

    Raises:
        BadInput: a row that a claim needs is missing.
    """
    notes = (
        "reproduced: today's parameters or our receipts give it; outdated: those of an earlier time did; model-only: "
        "it holds under an assumption that nobody can check on the chain; contradictory: nothing gives it.",
        "A figure may miss what is claimed by 15 %. Market prices are rough.",
    )
    return Sheet("claims", "What articles say, checked", COLUMNS, [_row(each) for each in check(receipts)], notes)


def _row(checked: Checked) -> Mapping[str, CellValue]:
    claim = checked.claim
    return {
        "chain": claim.chain,
        "about": claim.about,
        "says": claim.says,
        "unit": claim.unit,
        "low": modelled(claim.low, "as claimed"),
        "high": modelled(claim.high, "as claimed" if claim.high is not None else "as claimed: no upper end"),
        "verdict": checked.verdict,
        **checked.figures,
        "why": claim.why,
        "where": claim.where,
    }
