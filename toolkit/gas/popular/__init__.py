"""What popular articles say of throughput, cost and finality, each with the equation that shows it or does not.

A claim has up to three equations: with the parameters of today, with those of an earlier time, and with an assumption
that no protocol fixes. The first that gives what is claimed decides:

    reproduced      today's parameters, or this project's receipts, give it
    outdated        those of an earlier time did
    model-only      it holds under an assumption that nobody can check on the chain
    contradictory   none of them gives it

An equation is text that is both shown and evaluated, so that what is printed is what was computed. Claims are in our
own words; their addresses are where they were found. Market prices in them are rough, and say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolkit.gas.popular.claim import COMMAND, TOLERANCE, Checked, Claim, Verdict, checked
from toolkit.gas.popular.cost import COST
from toolkit.gas.popular.equation import Equation, Given
from toolkit.gas.popular.finality import FINALITY
from toolkit.gas.popular.throughput import THROUGHPUT

__all__ = ["CLAIMS", "COMMAND", "TOLERANCE", "Checked", "Claim", "Equation", "Given", "Verdict", "check", "checked"]

CLAIMS: Sequence[Claim] = (*THROUGHPUT, *COST, *FINALITY)
"""Every claim that is checked. Market prices in them are rough."""


def check(receipts: Mapping[str, int]) -> list[Checked]:
    """Every claim, evaluated.

    Args:
        receipts: gas of single transactions by their plain name.

    Raises:
        BadInput: a row is missing.
    """
    return [checked(claim, receipts) for claim in CLAIMS]
