"""What gas costs in money, at prices that somebody assumes: never more than a model."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

from toolkit.errors import BadInput
from toolkit.gas.fees import LATEST, Cost, Fork, Prices, reserve_blob_base_fee

GWEI = 10**9
WEI_PER_ETH = 10**18
GAS_PRICE = Decimal(1)
"""Gwei a gas where nobody says another: near mainnet's mean base fee of 2025; rough."""
ETH_USD = Decimal(3_000)
"""USD an ETH where nobody says another; rough."""
_DIGITS = 12
_MOST = Decimal(10) ** 12


@dataclass(frozen=True)
class Rates:
    """What gas, blob gas and ETH cost.

    Attributes:
        prices: wei a gas, wei a blob gas.
        eth_usd: USD an ETH.

    Raises:
        BadInput: ETH is worth nothing, or less.
    """

    prices: Prices
    eth_usd: Decimal = ETH_USD

    def __post_init__(self) -> None:
        if not self.eth_usd.is_finite() or not 0 < self.eth_usd <= _MOST:
            raise BadInput(f"an ETH is not worth {self.eth_usd} USD")

    @classmethod
    def of(
        cls,
        gas_price: Decimal = GAS_PRICE,
        blob_price: Decimal | None = None,
        eth_usd: Decimal = ETH_USD,
        fork: Fork = LATEST,
    ) -> Rates:
        """Rates from prices in gwei.

        Args:
            gas_price: gwei a gas, priority fee included.
            blob_price: gwei a blob gas; None for the reserve price at that gas price (EIP-7918).
            eth_usd: USD an ETH.
            fork: whose reserve price.

        Raises:
            BadInput: a price is negative, or finer than a wei.
        """
        gas = _wei(gas_price, "gas")
        blob = reserve_blob_base_fee(gas, fork) if blob_price is None else _wei(blob_price, "blob gas")
        return cls(Prices(gas, blob), eth_usd)

    def cost(self, gas: int, blob_gas: int = 0) -> Cost:
        """What so much costs."""
        return Cost(self.prices.gas_price * gas, self.prices.blob_base_fee * blob_gas)

    @property
    def equation(self) -> str:
        """How ETH follow from gas."""
        gas, blob = (gwei(each) for each in (self.prices.gas_price, self.prices.blob_base_fee))
        return f"(gas * {gas} gwei + blob gas * {blob} gwei) / 1e9"

    @property
    def equation_usd(self) -> str:
        """How USD follow from gas."""
        return f"{self.equation} * {self.eth_usd:,} USD"


def gwei(wei: int) -> str:
    """So many wei as gwei, exactly."""
    return format(Decimal(wei).scaleb(-9).normalize(), "f")


def decimal(value: int | Fraction) -> Decimal:
    """A number with twelve significant digits, which tables need no more than."""
    context = Context(prec=_DIGITS, rounding=ROUND_HALF_EVEN)
    exact = Fraction(value)
    found = context.divide(Decimal(exact.numerator), Decimal(exact.denominator)).normalize(context)
    return Decimal(format(found, "f"))


def eth(wei: int | Fraction) -> Decimal:
    """Wei as ETH."""
    return decimal(Fraction(wei) / WEI_PER_ETH)


def usd(wei: int | Fraction, eth_usd: Decimal) -> Decimal:
    """Wei as USD."""
    return decimal(Fraction(wei) / WEI_PER_ETH * Fraction(eth_usd))


def _wei(price: Decimal, what: str) -> int:
    if not price.is_finite() or not 0 <= price <= _MOST:
        raise BadInput(f"no {what} costs {price} gwei")
    wei = Fraction(price) * GWEI
    if wei.denominator != 1:
        raise BadInput(f"a price of {price} gwei is finer than a wei")
    return int(wei)
