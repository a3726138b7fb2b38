"""``ape run accounts``: the accounts of a session that runs (``l2kit up``)."""

from __future__ import annotations

import click

from toolkit.toolchain.ape import one_sentence


@click.command()
@click.option("--session", "name", envvar="L2KIT_SESSION", metavar="NAME", help="Which session, where several run.")
@click.option("--token", default="ETH", show_default=True, help="ETH, DEV, or an address.")
def cli(name: str | None, token: str) -> None:
    """List what the accounts of a session that runs hold, on L1 and on L2.

    \b
    Examples:
      ape run accounts
      ape run accounts --token DEV --session second
    """
    from toolkit import session
    from toolkit.bridge.amounts import decimal

    with one_sentence():
        devnet = session.attach(name)
        unit = devnet.unit(token)
        for account, held in zip(devnet.accounts(), devnet.holdings(tokens=[token]), strict=True):
            amounts = "".join(f"{decimal(amount, unit.decimals):>32}" for amount in (held.l1, held.l2))
            click.echo(f"{account.name:<12}{account.address}{amounts}")
