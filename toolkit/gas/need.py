"""What somebody wants to do with payments, and what may be assumed: what a recommendation is about."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from toolkit.errors import BadInput
from toolkit.gas.sheets.profile import TRUST

EXITS = ("together", "alone", "disputed")
"""Which way out must be quick enough: with everybody's help, with nobody's, or against somebody who lies."""
HORIZON_DAYS = 365
ROUND_DAYS = 30
MOST_PAYMENTS = 10**9
MOST_PARTIES = 10**6
MOST_DAYS = 36_500
MOST_ETH = Decimal(10**9)


@dataclass(frozen=True)
class Need:
    """What somebody wants to do.

    Attributes:
        payments_per_day: of all parties together.
        value: ETH that a payment moves.
        parties: accounts that pay or are paid.
        max_exit_days: in which everybody's money must be back on L1.
        trust: what may be assumed, keys of `TRUST`.
        horizon_days: for how long.
        exit: which way out must be that quick, of `EXITS`.
        max_capital: ETH that may be locked; None for as much as it takes.
        round_days: after which everybody has left and opens anew; no longer than the horizon.

    Raises:
        BadInput: one of them cannot be.
    """

    payments_per_day: int
    value: Decimal
    parties: int
    max_exit_days: Decimal
    trust: frozenset[str] = frozenset(TRUST)
    horizon_days: int = HORIZON_DAYS
    exit: str = "together"
    max_capital: Decimal | None = None
    round_days: int = ROUND_DAYS

    def __post_init__(self) -> None:
        if not 1 <= self.payments_per_day <= MOST_PAYMENTS:
            raise BadInput(f"{self.payments_per_day} payments a day are not between 1 and {MOST_PAYMENTS:,}")
        if not self.value.is_finite() or not 0 < self.value <= MOST_ETH:
            raise BadInput(f"a payment of {self.value} ETH is not above 0 and up to {MOST_ETH:,}")
        if not 2 <= self.parties <= MOST_PARTIES:
            raise BadInput(f"{self.parties} parties are not between 2 and {MOST_PARTIES:,}")
        if not self.max_exit_days.is_finite() or not 0 <= self.max_exit_days <= MOST_DAYS:
            raise BadInput(f"{self.max_exit_days} days to leave are not between 0 and {MOST_DAYS:,}")
        if not 1 <= self.horizon_days <= MOST_DAYS:
            raise BadInput(f"{self.horizon_days} days are not between 1 and {MOST_DAYS:,}")
        if not 1 <= self.round_days <= MOST_DAYS:
            raise BadInput(f"a round of {self.round_days} days is not between 1 and {MOST_DAYS:,}")
        if unknown := sorted(self.trust - set(TRUST)):
            raise BadInput(f"nothing here assumes {unknown[0]!r}; there are {', '.join(TRUST)}")
        if self.exit not in EXITS:
            raise BadInput(f"nobody leaves {self.exit!r}; there are {', '.join(EXITS)}")
        if self.max_capital is not None and not (self.max_capital.is_finite() and self.max_capital >= 0):
            raise BadInput(f"no capital is {self.max_capital} ETH")

    @property
    def payments(self) -> int:
        """All of them."""
        return self.payments_per_day * self.horizon_days

    @property
    def rounds(self) -> int:
        """How often everybody opens and leaves; the last round may be shorter."""
        return -(-self.horizon_days // self.round_days)

    @property
    def payments_in_round(self) -> int:
        """Of a whole round."""
        return self.payments_per_day * min(self.round_days, self.horizon_days)

    def as_json(self) -> dict[str, Any]:
        """By name; amounts of ETH and days as decimal text."""
        return {
            "payments_per_day": self.payments_per_day,
            "value": str(self.value),
            "parties": self.parties,
            "max_exit_days": str(self.max_exit_days),
            "trust": sorted(self.trust),
            "horizon_days": self.horizon_days,
            "exit": self.exit,
            "max_capital": None if self.max_capital is None else str(self.max_capital),
            "round_days": self.round_days,
        }
