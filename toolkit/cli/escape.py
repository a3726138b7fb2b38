"""``l2kit escape``: out of a rollup that is dead."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option, telling, travel_option

if TYPE_CHECKING:
    from toolkit.bridge.amounts import Words
    from toolkit.bridge.leave import Left

EVERYBODY = "everybody"


@click.command()
@click.option("--for", "whom", required=True, metavar="NAME|ADDRESS|everybody", help="Who is to be paid.")
@click.option("--from", "payer", metavar="NAME", help="Who pays the gas [default: NAME, or alice].")
@click.option("--wait", is_flag=True, help="Wait until all is paid: 30 days from the alarm.")
@travel_option
@devnet_option
@json_option
def escape(whom: str, payer: str | None, wait: bool, travel: bool, file: Path | None, as_json: bool) -> None:
    """Leave a rollup that nobody brings forward any more, from L1 alone; no service need run.

    \b
    Raises the alarm; and if L1 has confirmed nothing new 30 days later, freezes the rollup in the last
    confirmed state. Then every account of that state is paid out on L1, every deposit that it does not
    know is paid back, and withdrawals that it confirms are claimed, each once. Anybody may do that for
    anybody. What came after that state is void; while the rollup lives, the alarm is.

    \b
    Without --wait it does what can be done now and says when it goes on: run it again then.

    \b
    Examples:
      l2kit escape --for alice
      l2kit escape --for everybody --from heidi --travel
    """
    devnet = attached(file)
    owner = None if whom == EVERYBODY else whom
    if owner is not None:
        devnet.address(owner)  # a name that is none is told as that, before anything is done
    if payer is not None:
        devnet.local.account(payer)
    with telling(devnet.local, quiet=as_json) as told:
        told.on_the_way = "what was done is on L1; run the same again to go on"
        left = devnet.escape(owner, payer, wait=wait, travel=travel, teller=told)
    if as_json:
        show.as_json({**left.as_json(), "transactions": [deed.as_json() for deed in told.deeds]})
        return
    words = devnet.words
    _show(left, words)
    for each in left.credits:
        name = words.who(each.owner)
        told.note(
            f"{name} has not taken a payment, so the bridge owes it {words.amount(each.token, each.amount)}: "
            f"'l2kit claim --credit --from {name}'"
        )


def _show(left: Left, words: Words) -> None:
    if left.paid:
        _show_paid(left, words)
    if left.waits_until is not None:
        so_far = "the rest" if left.paid else "nothing has been paid yet: it"
        show.out.print(f"{so_far} waits for {left.waits_for}; run the same again then", markup=False)
    elif not left.paid:
        show.out.print("nothing is left to be paid", markup=False)


def _show_paid(left: Left, words: Words) -> None:
    sums: dict[tuple[bytes, bytes], int] = defaultdict(int)
    for each in left.paid:
        sums[each.owner, each.token] += each.amount
    rows = [[words.who(owner), words.amount(token, amount)] for (owner, token), amount in sums.items()]
    show.table("Paid on L1", rows)
