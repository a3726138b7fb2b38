"""``l2kit claim``: have a withdrawal paid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import show
from toolkit.cli.passage import devnet_option, json_option, passing, token_option, travel_option
from toolkit.errors import BadInput

if TYPE_CHECKING:
    from toolkit.bridge.passage import Deed
    from toolkit.bridge.standing import Standing


@click.command()
@click.argument("name", metavar="ID", required=False)
@click.option("--from", "payer", metavar="NAME", help="Who pays the gas [default: the owner, or alice].")
@click.option("--wait", is_flag=True, help="Wait until it can be claimed.")
@travel_option
@click.option("--credit", is_flag=True, help="Instead: what the bridge owes NAME because a payment failed.")
@click.option("--to", metavar="NAME|ADDRESS", help="With --credit: who gets it [default: NAME].")
@token_option
@devnet_option
@json_option
def claim(
    name: str | None,
    payer: str | None,
    wait: bool,
    travel: bool,
    credit: bool,
    to: str | None,
    token: str,
    file: Path | None,
    as_json: bool,
) -> None:
    """Have a withdrawal paid on L1, to its owner (or to the provider that has paid it early). Anybody may.

    ID is what 'l2kit status' takes. A claim is good for ever once the withdrawal is confirmed.

    \b
    Examples:
      l2kit claim 0
      l2kit claim 0x5d0e...c1 --wait
      l2kit claim --credit --from alice --to bob
    """
    if credit:
        if name is not None or payer is None:
            raise BadInput("a credit is claimed with --credit --from NAME, and no ID")
        deeds = _claim_credit(payer, to, token, file, as_json)
        standing = None
    else:
        if name is None or to is not None:
            raise BadInput("name a withdrawal to claim; --to is for a credit (--credit --from NAME)")
        standing, deeds = _claim(name, payer, wait or travel, travel, file, as_json)
    if as_json:
        told = {} if standing is None else standing.as_json()
        show.as_json({**told, "transactions": [deed.as_json() for deed in deeds]})


def _claim(
    name: str, payer: str | None, wait: bool, travel: bool, file: Path | None, quiet: bool
) -> tuple[Standing, list[Deed]]:
    from toolkit.bridge.withdrawals import claim

    with passing(file, travel=travel, quiet=quiet) as (passage, told):
        owner = passage.only_withdrawal(name).subject.owner
        known = {account.address_bytes: account for account in passage.local.accounts.values()}
        default = known.get(owner or b"", passage.local.account("alice"))
        passage.payer = default if payer is None else passage.local.account(payer)
        told.on_the_way = f"the withdrawal goes on by itself: 'l2kit claim {name} --wait' waits for it again"
        return claim(passage, name, wait=wait), told.deeds


def _claim_credit(payer: str, to: str | None, token: str, file: Path | None, quiet: bool) -> list[Deed]:
    from toolkit.bridge.withdrawals import claim_credit

    with passing(file, payer=payer, quiet=quiet) as (passage, told):
        account, asset = passage.local.account(payer), passage.local.token(token)
        claim_credit(passage, account, asset, account.address_bytes if to is None else passage.local.address(to))
        return told.deeds
