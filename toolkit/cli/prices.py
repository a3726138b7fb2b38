"""Options for what gas costs."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from toolkit.gas.sheets import Rates

F = TypeVar("F", bound=Callable[..., Any])


class Number(click.ParamType):
    """A decimal number, exactly."""

    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """From text; fails with a sentence."""
        if isinstance(value, Decimal):
            return value
        try:
            found = Decimal(value if value.isascii() and "_" not in value else "")
        except InvalidOperation:
            found = Decimal("NaN")
        if not found.is_finite():
            self.fail(f"{value!r} is not a number", param, ctx)
        return found


def price_options(command: F) -> F:
    """What gas, blob gas and ETH cost."""
    options = [
        click.option("--gas-price", type=Number(), metavar="GWEI", help="Gwei a gas [default: 1]."),
        click.option(
            "--blob-price",
            type=Number(),
            metavar="GWEI",
            help="Gwei a blob gas [default: the reserve price, a sixteenth of the gas price].",
        ),
        click.option("--eth-usd", type=Number(), metavar="USD", help="USD an ETH [default: 3000]."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def rates(gas_price: Decimal | None, blob_price: Decimal | None, eth_usd: Decimal | None) -> Rates:
    """The prices that the options give.

    Raises:
        BadInput: one cannot be.
    """
    from toolkit.gas.sheets import ETH_USD, GAS_PRICE, Rates

    return Rates.of(GAS_PRICE if gas_price is None else gas_price, blob_price, ETH_USD if eth_usd is None else eth_usd)
