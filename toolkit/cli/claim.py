"""``l2kit claim``: have a withdrawal paid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import show
from toolkit.cli.passage import Told, devnet_option, json_option, max_fee_option, passing, token_option, travel_option
from toolkit.errors import BadInput

if TYPE_CHECKING:
    from toolkit.bridge.passage import Deed, Passage
    from toolkit.bridge.standing import Standing


@click.command()
@click.argument("name", metavar="[ID]", required=False)
@click.option("--from", "payer", metavar="NAME", help="Who pays the gas [default: the owner, or alice].")
@click.option("--wait", is_flag=True, help="Wait until it can be claimed.")
@travel_option
@click.option("--fast", is_flag=True, help="Be paid now by the liquidity provider, less a fee; for the owner.")
@max_fee_option
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
    fast: bool,
    max_fee: str | None,
    credit: bool,
    to: str | None,
    token: str,
    file: Path | None,
    as_json: bool,
) -> None:
    """Have a withdrawal paid on L1, to its owner (or to the provider that has paid it early). Anybody may.

    \b
    ID is what 'l2kit status' takes. A claim is good for ever once the withdrawal is confirmed. With --fast
    one that is not yet confirmed is paid by the liquidity provider, which then has the claim; more than 5 %
    of the amount is not signed for, unless --max-fee says so.

    \b
    Examples:
      l2kit claim 0
      l2kit claim 0x5d0e...c1 --wait
      l2kit claim 3 --fast --max-fee 0.01
      l2kit claim --credit --from alice --to bob
    """
    if max_fee is not None and not fast:
        raise BadInput("--max-fee is for --fast")
    if credit:
        if name is not None or payer is None or fast:
            raise BadInput("a credit is claimed with --credit --from NAME, and no ID")
        deeds = _claim_credit(payer, to, token, file, as_json)
        standing = None
    else:
        if name is None or to is not None:
            raise BadInput("name a withdrawal to claim; --to is for a credit (--credit --from NAME)")
        with passing(file, travel=travel, quiet=as_json) as (passage, told):
            standing, deeds = _claim(passage, told, name, payer, wait or travel, fast, max_fee), told.deeds
    if as_json:
        where = {} if standing is None else standing.as_json()
        show.as_json({**where, "transactions": [deed.as_json() for deed in deeds]})


def _claim(
    passage: Passage, told: Told, name: str, payer: str | None, wait: bool, fast: bool, max_fee: str | None
) -> Standing:
    from toolkit.bridge import withdrawals
    from toolkit.bridge.amounts import parse_units

    subject = passage.only_withdrawal(name).subject
    owners = {account.address_bytes: account for account in passage.local.accounts.values()}
    owner = owners.get(subject.owner or b"")
    passage.payer = passage.local.account(payer or ("alice" if owner is None else owner.name))
    if not fast:
        if wait:
            told.on_the_way = f"what is not claimed yet goes on by itself: 'l2kit status {name}' says where it is"
        return withdrawals.claim(passage, name, wait=wait)
    token, index = withdrawals.posted(passage, name)
    most = None if max_fee is None else parse_units(max_fee, passage.unit(token))
    told.on_the_way = withdrawals.goes_on(index)
    return withdrawals.exit_early(passage, passage.payer, index, most)


def _claim_credit(payer: str, to: str | None, token: str, file: Path | None, quiet: bool) -> list[Deed]:
    from toolkit.bridge.withdrawals import claim_credit

    with passing(file, payer=payer, quiet=quiet) as (passage, told):
        account, asset = passage.local.account(payer), passage.local.token(token)
        claim_credit(passage, account, asset, account.address_bytes if to is None else passage.local.address(to))
        return told.deeds
