"""A claim, its equations, and the verdict that follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from toolkit.gas.figure import Figure
from toolkit.gas.popular.equation import Equation

Verdict = Literal["reproduced", "outdated", "model-only", "contradictory"]
About = Literal["throughput", "cost", "finality"]

TOLERANCE = 0.15
"""By which a figure may miss what is claimed, relative to it: articles round."""
COMMAND = "l2kit gas --json"
"""What prints the receipts that equations refer to."""


@dataclass(frozen=True)
class Claim:
    """What an article says.

    Attributes:
        chain: of what.
        about: throughput (transactions a second), cost (USD a transaction) or finality (seconds).
        says: the claim in our words.
        low, high: between which the figure must be, in that unit; ``high`` None where the claim has no upper end.
        where: the address at which it was found.
        verdict: ours.
        why: what the figure does not say by itself.
        now: the equation with today's parameters.
        then: with those of an earlier time.
        model: with an assumption that no protocol fixes.
    """

    chain: str
    about: About
    says: str
    low: float
    high: float | None
    where: str
    verdict: Verdict
    why: str
    now: Equation | None = None
    then: Equation | None = None
    model: Equation | None = None

    @property
    def unit(self) -> str:
        """Of its figures."""
        return {"throughput": "transactions/s", "cost": "USD a transaction", "finality": "seconds"}[self.about]

    @property
    def equations(self) -> dict[str, Equation]:
        """Its equations by their time: now, then, model; in this order."""
        found = {"now": self.now, "then": self.then, "model": self.model}
        return {name: each for name, each in found.items() if each is not None}

    def agrees(self, value: float) -> bool:
        """Whether a figure is what is claimed, within `TOLERANCE`."""
        below = self.low / (1 + TOLERANCE)
        return below <= value and (self.high is None or value <= self.high * (1 + TOLERANCE))

    def judged(self, receipts: Mapping[str, int]) -> Verdict:
        """The verdict that follows from the equations.

        Raises:
            BadInput: an equation cannot be evaluated.
        """
        verdicts: Mapping[str, Verdict] = {"now": "reproduced", "then": "outdated", "model": "model-only"}
        agreeing = [verdicts[name] for name, each in self.equations.items() if self.agrees(each.value(receipts))]
        return agreeing[0] if agreeing else "contradictory"


@dataclass(frozen=True)
class Checked:
    """A claim and what its equations give.

    Attributes:
        claim: what is said.
        verdict: what follows.
        figures: by the equation's time; the source is the equation, and the command whose receipts it needs. Derived
            only where every number is a receipt's or the protocol's.
    """

    claim: Claim
    verdict: Verdict
    figures: Mapping[str, Figure] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The claim, its verdict, and each figure."""
        claim = self.claim
        return {
            "chain": claim.chain,
            "about": claim.about,
            "says": claim.says,
            "claimed": [claim.low, claim.high],
            "unit": claim.unit,
            "where": claim.where,
            "verdict": self.verdict,
            "why": claim.why,
            "figures": {name: each.as_json() for name, each in self.figures.items()},
        }


def checked(claim: Claim, receipts: Mapping[str, int]) -> Checked:
    """The claim, evaluated. Raises BadInput where an equation cannot be."""
    figures = {name: _figure(name, each, receipts) for name, each in claim.equations.items()}
    return Checked(claim, claim.judged(receipts), figures)


def _figure(name: str, equation: Equation, receipts: Mapping[str, int]) -> Figure:
    source = f"{equation}; receipts: {COMMAND}" if equation.rows else str(equation)
    assumed = name == "model" or any(each.assumed for each in equation.given.values())
    return Figure(equation.value(receipts), "modelled" if assumed else "derived", source)
