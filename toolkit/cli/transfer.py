"""``l2kit transfer``: a payment on L2."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option, token_option
from toolkit.cli.signals import Ended
from toolkit.errors import L2KitError


@click.command()
@click.argument("amount")
@click.option("--from", "sender", required=True, metavar="NAME", help="The account that pays.")
@click.option("--to", "receiver", required=True, metavar="NAME|ADDRESS", help="Who is paid.")
@token_option
@click.option("--wait", is_flag=True, help="Wait until it is on L1.")
@devnet_option
@json_option
def transfer(amount: str, sender: str, receiver: str, token: str, wait: bool, file: Path | None, as_json: bool) -> None:
    """Transfer AMOUNT (ETH or tokens, decimal) or 'all' on L2, from an account of the devnet to anybody.

    \b
    The account signs it (EIP-712), and it is done for people when the sequencer has it on disk (a soft
    confirmation). With --wait it is also on L1, in a batch that the sequencer cannot take back.

    \b
    Examples:
      l2kit transfer 0.5 --from alice --to bob
      l2kit transfer 20 --from alice --to bob --token DEV --wait
      l2kit transfer all --from bob --to 0x90F79bf6EB2c4f870365E785982E1f101E93b906
    """
    from toolkit.devnet.accounts import checksum
    from toolkit.rollup.client import OperationRefused
    from toolkit.rollup.codec import WHOLE_BALANCE

    sent: list[bytes] = []
    try:
        with show.steps() as step:
            step("asking the sequencer")
            devnet = attached(file)
            units = devnet.parse(amount, token)
            receipt = devnet.transfer(sender, receiver, units, token, wait=wait, before=sent.append)
    except OperationRefused:
        raise
    except (Ended, L2KitError) as error:
        if sent:
            name = f"0x{sent[0].hex()}"
            going_on = f"the sequencer may have taken the transfer {name}, and 'l2kit status {name}' says so"
            if isinstance(error, Ended):
                error.sentence = f"interrupted; {going_on}"
            else:
                error.args = (f"{error}; {going_on}",)
        raise
    words, asset, to = devnet.words, devnet.local.token(token), devnet.address(receiver)
    name = f"0x{receipt.hash.hex()}"
    if as_json:
        show.as_json(
            {
                "operation": name,
                "status": receipt.status,
                "batch": receipt.batch,
                "from": devnet.local.account(sender).address,
                "to": checksum(to),
                "token": words.unit(asset).symbol,
                "amount": "all" if units == WHOLE_BALANCE else str(units),
            }
        )
    else:
        what = f"all its {words.unit(asset).symbol}" if units == WHOLE_BALANCE else words.amount(asset, units)
        show.out.print(f"{sender} paid {words.who(to)} {what} on L2 ({name})", markup=False)
        stands = {
            "confirmed": f"the sequencer has it on disk; it goes to L1 with batch {receipt.batch}",
            "posted": f"batch {receipt.batch} has brought it to L1",
            "dropped": "the sequencer has dropped it: L1 has reorganised",
        }
        show.out.print(stands.get(receipt.status, receipt.status), markup=False)
    if receipt.status == "dropped":
        raise click.exceptions.Exit(1)
