"""``l2kit balance``: what somebody holds on both layers."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option, posted_option, token_option


@click.command()
@click.argument("who", nargs=-1, metavar="[NAME|ADDRESS]...")
@token_option
@posted_option
@devnet_option
@json_option
def balance(who: tuple[str, ...], token: str, posted: bool, file: Path | None, as_json: bool) -> None:
    """Show what accounts hold of ETH or a token on L1 and on L2, exact; of all accounts where none is named.

    \b
    On L2 it is what the sequencer has confirmed, whether or not that is on L1 already; with --posted what
    L1 alone shows. With --json amounts are in base units (wei for ETH).

    \b
    Examples:
      l2kit balance
      l2kit balance alice bob
      l2kit balance alice --token DEV --json
      l2kit balance alice --posted
    """
    from toolkit.devnet.accounts import checksum

    with show.steps() as step:
        step("asking L1 and the sequencer")
        devnet = attached(file)
        unit = devnet.unit(token)
        held = devnet.holdings(who, (token,), posted=posted)
    words = devnet.words
    if as_json:
        rows = [
            {
                "name": words.names.get(each.owner),
                "address": checksum(each.owner),
                "token": unit.symbol,
                "token_address": checksum(each.token),
                "l1": str(each.l1),
                "l2": str(each.l2),
            }
            for each in held
        ]
        show.as_json({"balances": rows})
        return
    lines = [["", f"{unit.symbol} on L1", f"{unit.symbol} on L2"]]
    for each in held:
        amounts = (words.amount(each.token, amount).removesuffix(f" {unit.symbol}") for amount in (each.l1, each.l2))
        lines.append([words.who(each.owner), *amounts])
    show.table("", lines, numbers=True)
