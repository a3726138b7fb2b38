"""``l2kit deposit``: from L1 to the rollup."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import show
from toolkit.cli.passage import devnet_option, json_option, passing, token_option, travel_option


@click.command()
@click.argument("amount")
@click.option("--from", "sender", required=True, metavar="NAME", help="The account that deposits and pays the gas.")
@click.option("--to", metavar="NAME|ADDRESS", help="Whose account on L2 is credited [default: the sender's].")
@token_option
@click.option("--permit", is_flag=True, help="Approve a token by a signature (EIP-2612), in the same transaction.")
@click.option("--wait", is_flag=True, help="Wait until it is on L2.")
@travel_option
@devnet_option
@json_option
def deposit(
    amount: str,
    sender: str,
    to: str | None,
    token: str,
    permit: bool,
    wait: bool,
    travel: bool,
    file: Path | None,
    as_json: bool,
) -> None:
    """Deposit AMOUNT (ETH or tokens, decimal) to the rollup of a devnet that 'l2kit up' runs.

    \b
    It is on L2 with the next batch but one, at once if the sequencer works. With --wait and without a
    sequencer, what is missing is posted in its stead as soon as anybody may.

    \b
    Examples:
      l2kit deposit 2.5 --from alice --wait
      l2kit deposit 100 --from alice --to bob --token DEV --permit
    """
    from toolkit.bridge import deposits
    from toolkit.bridge.amounts import parse_units

    with passing(file, payer=sender, travel=travel, quiet=as_json) as (passage, told):
        local = passage.local
        account, asset = local.account(sender), local.token(token)
        receiver = account.address_bytes if to is None else local.address(to)
        units = parse_units(amount, passage.unit(asset))
        made = deposits.deposit(passage, passage.look(), account, asset, units, receiver, permit=permit)
        name = made.transaction
        told.on_the_way = f"the deposit goes on by itself, and 'l2kit status {name}' says where it is"
        standing = deposits.see_through(passage, name, wait=wait or travel)
    if as_json:
        show.as_json({**standing.as_json(), "transactions": [deed.as_json() for deed in told.deeds]})
    elif not (wait or travel):
        show.out.print(f"waits for {standing.waits_for}" if standing.waits_for else standing.happened[-1], markup=False)
        show.out.print(f"'l2kit status {name}' says where it is", markup=False)
    if standing.failed:
        raise click.exceptions.Exit(1)
