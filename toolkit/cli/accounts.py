"""``l2kit accounts``: who there is on a devnet, and what they hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option, posted_option
from toolkit.errors import BadInput

_TOKENS = ("ETH", "DEV")


@click.command()
@click.option("--keys", is_flag=True, help="Show the private keys, too; they are public: for development only.")
@posted_option
@devnet_option
@json_option
def accounts(keys: bool, posted: bool, file: Path | None, as_json: bool) -> None:
    """List the devnet's accounts with what they hold of ETH and DEV on L1 and on L2.

    \b
    Examples:
      l2kit accounts
      l2kit accounts --keys
      l2kit accounts --json
    """
    with show.steps() as step:
        step("asking L1 and the sequencer")
        devnet = attached(file)
        if keys and devnet.local.keyed:
            raise BadInput("the keys of these accounts come from yours, hold real money, and are not shown")
        held = devnet.holdings(tokens=_TOKENS, posted=posted)
    words = devnet.words
    amounts = {(each.owner, words.unit(each.token).symbol): each for each in held}
    if as_json:
        found = []
        for account in devnet.accounts():
            theirs = {symbol: amounts[account.address_bytes, symbol] for symbol in _TOKENS}
            shown: dict[str, Any] = {
                "name": account.name,
                "address": account.address,
                "l1": {symbol: str(each.l1) for symbol, each in theirs.items()},
                "l2": {symbol: str(each.l2) for symbol, each in theirs.items()},
            }
            found.append({**shown, **({"key": "0x" + account.key.hex()} if keys else {})})
        show.as_json({"accounts": found})
        return
    layers = [f"{symbol} on {layer}" for symbol in _TOKENS for layer in ("L1", "L2")]
    rows = [["", *layers, "address", *(["private key"] if keys else [])]]
    for account in devnet.accounts():
        row = [account.name]
        for symbol in _TOKENS:
            each = amounts[account.address_bytes, symbol]
            row += [words.amount(each.token, amount).removesuffix(f" {symbol}") for amount in (each.l1, each.l2)]
        rows.append([*row, account.address, *(["0x" + account.key.hex()] if keys else [])])
    show.table("", rows, numbers=True)
