"""``l2kit withdraw``: from the rollup to L1."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import show
from toolkit.cli.passage import (
    devnet_option,
    json_option,
    max_fee_option,
    passing,
    token_option,
    travel_option,
)
from toolkit.errors import BadInput


@click.command()
@click.argument("amount")
@click.option("--from", "owner", required=True, metavar="NAME", help="The account that withdraws, to its own address.")
@token_option
@click.option("--wait", is_flag=True, help="Wait for all of it, and claim it on L1 in the end.")
@travel_option
@click.option("--forced", is_flag=True, help="Go through L1, past the sequencer.")
@click.option("--fast", is_flag=True, help="Be paid now by the liquidity provider, less a fee.")
@max_fee_option
@devnet_option
@json_option
def withdraw(
    amount: str,
    owner: str,
    token: str,
    wait: bool,
    travel: bool,
    forced: bool,
    fast: bool,
    max_fee: str | None,
    file: Path | None,
    as_json: bool,
) -> None:
    """Withdraw AMOUNT (ETH or tokens, decimal) or 'all' from the rollup to L1.

    \b
    One operation on L2, then a batch, an assertion, its challenge window (7 days), and one claim on L1,
    which pays the account's own address. With --wait all of it is done and told; without, 'l2kit status'
    says where it is, and anybody may claim it with 'l2kit claim'.

    \b
    With --fast the liquidity provider is asked for its fee once the withdrawal is on L1, the account signs
    that it may have the claim, and is paid at once. More than 5 % of the amount is not signed for, unless
    --max-fee says so.

    \b
    With --forced the operation goes to the Inbox on L1, from where a batch must take it; nobody is asked,
    and if no sequencer posts batches, --wait does as soon as anybody may (12 hours, twice).

    \b
    Examples:
      l2kit withdraw 1.5 --from alice --wait
      l2kit withdraw all --from alice --token DEV --travel
      l2kit withdraw 2 --from bob --fast --max-fee 0.01
      l2kit withdraw 0.5 --from alice --forced
    """
    from toolkit.bridge import withdrawals
    from toolkit.bridge.amounts import parse_units
    from toolkit.bridge.passage import Look
    from toolkit.rollup.client import OperationRefused
    from toolkit.rollup.codec import WHOLE_BALANCE

    if max_fee is not None and not fast:
        raise BadInput("--max-fee is for --fast")
    with passing(file, payer=owner, travel=travel, quiet=as_json) as (passage, told):
        account, asset = passage.local.account(owner), passage.local.token(token)
        unit = passage.unit(asset)
        units = WHOLE_BALANCE if amount == "all" else parse_units(amount, unit)
        most = None if max_fee is None else parse_units(max_fee, unit)
        view, operation = passage.look(), None
        look: Look
        if forced:
            deed = withdrawals.forced(passage, view, account, asset, units)
            told.deed(deed)
            name = deed.transaction
            look = lambda view: passage.in_transaction(view, name)  # noqa: E731
        else:
            try:
                promised = withdrawals.promised(passage, view, account, asset, units, told.may_be_taken)
            except OperationRefused:
                told.on_the_way = ""
                raise
            name = operation = "0x" + promised.hex()
            what = f"all its {unit.symbol}" if amount == "all" else view.words.amount(asset, units)
            told.note(f"{owner} signed a withdrawal of {what}; the sequencer has it on disk ({name})")
            look = lambda view: passage.of_operation(view, promised)  # noqa: E731
        told.on_the_way = f"the withdrawal goes on by itself: 'l2kit status {name}' says where it is"

        def is_known(index: int) -> None:
            told.on_the_way = withdrawals.goes_on(index)

        standing = withdrawals.see_through(
            passage, look, account, wait=wait or travel, fast=fast, most=most, before=is_known
        )
    if as_json:
        deeds = [deed.as_json() for deed in told.deeds]
        show.as_json({**standing.as_json(), "operation": operation, "transactions": deeds})
    elif not (wait or travel or fast):
        show.out.print(f"waits for {standing.waits_for}" if standing.waits_for else standing.happened[-1], markup=False)
        show.out.print(f"'l2kit status {name}' says where it is", markup=False)
    if standing.failed:
        raise click.exceptions.Exit(1)
