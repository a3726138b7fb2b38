"""What a liquidity provider keeps back of a withdrawal that it pays early; pure and exact.

    fee = amount x (annual rate x seconds / YEAR + risk) + gas x gas price / token price        (rounded up)

| part | unit | it pays for |
|---|---|---|
| amount | base units of the token (wei for ETH) | |
| annual rate | a number, 0.1 is 10 % a year, not compounded | the money, which is away until the claim |
| seconds | of L1's time, until the withdrawal can be claimed | what is left of the challenge window, or of a dispute |
| risk | a number, 0.0005 is 0.05 % of each exit | that it takes longer (a dispute, a standstill), or fails |
| gas | gas of the fast exit and of the claim, measured | both transactions, which the provider sends |
| gas price | wei a gas | L1's, at the time of the quote |
| token price | wei that one base unit of the token is worth; 1 for ETH | gas is paid in ETH, the fee in the token |

So a withdrawal of 10 ETH that was posted a moment ago, with a window of 7 days, at 10 % a year, a risk of 0.05 % and 2
gwei a gas, costs 10 x (0.1 x 7/365 + 0.0005) = 0.0242 ETH, and the gas. One with a day of the window left costs
0.0077 ETH. Below some 0.15 ETH the gas is most of it; what would cost as much as it brings is not offered at all.

Only tokens that the provider has a price for are served: of any other it could not say what the gas is worth, nor how
much of it may be at stake. The price is the operator's word; nothing here asks a market.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

from toolkit.devnet.accounts import checksum
from toolkit.errors import BadInput

YEAR = 365 * 24 * 3600
"""Seconds."""

EXIT_GAS = {True: 130_000, False: 110_000}
"""Of a fast exit, for ETH and for tokens: to an owner whose account does not exist yet, or takes some gas itself."""
CLAIM_GAS = {True: 75_000, False: 95_000}
"""Of a claim with a proof of 16 levels, the same."""

_ETH = bytes(20)
_DECIMAL = re.compile(r"[0-9]{1,40}(\.[0-9]{1,40})?")


class NotWorthIt(BadInput):
    """The fee would be all of the amount, or more."""


@dataclass(frozen=True)
class Tariff:
    """What a provider asks for.

    Attributes:
        annual_rate: of the amount, for a year.
        risk: of the amount, for each exit.
        prices: wei that a base unit of a token is worth, by the token's 20-byte address. ETH is worth what it is.
    """

    annual_rate: Fraction
    risk: Fraction
    prices: Mapping[bytes, Fraction] = field(default_factory=dict)

    def price(self, token: bytes) -> Fraction:
        """Wei that a base unit of a token is worth. Raises BadInput where that is not known."""
        if token == _ETH:
            return Fraction(1)
        if token not in self.prices:
            raise BadInput(f"this provider does not serve the token {checksum(token)}: it has no price for it")
        return self.prices[token]

    def value(self, token: bytes, amount: int) -> int:
        """What an amount (base units) is worth, in wei, rounded up. Raises as `price`."""
        return ceil(amount * self.price(token))

    def fee(self, token: bytes, amount: int, seconds: int, gas_price: int) -> int:
        """The fee in base units.

        Args:
            amount: of the withdrawal, in base units.
            seconds: until it can be claimed.
            gas_price: wei a gas.

        Raises:
            BadInput: there is no price for the token.
            NotWorthIt: the fee would leave nothing.
        """
        is_eth = token == _ETH
        gas = (EXIT_GAS[is_eth] + CLAIM_GAS[is_eth]) * gas_price / self.price(token)
        fee = ceil(amount * (self.annual_rate * max(0, seconds) / YEAR + self.risk) + gas)
        if fee >= amount:
            raise NotWorthIt(
                f"the fee of {fee} would be all of the {amount} that is withdrawn; it can be claimed without any later"
            )
        return fee


def decimal(name: str, text: str) -> Fraction:
    """The number in a text like "0.0005". Raises BadInput, with ``name`` in it, where it is none."""
    if not _DECIMAL.fullmatch(text):
        raise BadInput(f"{name} {text!r} is not a decimal number like 0.0005")
    return Fraction(text)
