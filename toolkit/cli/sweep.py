"""``l2kit sweep``: what a session's accounts have left goes back."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import show
from toolkit.cli.options import l1_url
from toolkit.cli.passage import json_option
from toolkit.cli.payer import NoKeys, key_options, read_payer
from toolkit.devnet.running import DEFAULT_SESSION
from toolkit.errors import BadInput


@click.command(cls=NoKeys)
@click.option("--l1-rpc", metavar="URL", required=True, callback=l1_url, help="A node of the network.")
@key_options
@click.option("--session", default=DEFAULT_SESSION, show_default=True, metavar="NAME", help="Whose accounts.")
@json_option
def sweep(
    l1_rpc: str,
    key_file: Path | None,
    password_file: Path | None,
    public: bool,
    real_money: bool,
    session: str,
    as_json: bool,
) -> None:
    """Send what the accounts of a session own of ETH on L1 back to the account that paid for it.

    \b
    'l2kit up' does that at its end. This is for one that was killed: the accounts are found again by the
    same key, network and name. A session that runs is left alone.

    \b
    Examples:
      l2kit sweep --l1-rpc https://rpc.example.org --key-file key.json --public
      l2kit sweep --l1-rpc http://127.0.0.1:8545 --session second
    """
    from toolkit.devnet.funding import described
    from toolkit.session.money import sweep as send_back

    payer = read_payer(l1_rpc, key_file, password_file)
    if payer is None:
        raise BadInput("no key: name an encrypted key file with --key-file, or set L2KIT_KEY")
    with show.steps() as step:
        step("sending back what is left")
        swept = send_back(l1_rpc, payer, session, public=public, real_money=real_money)
    if as_json:
        show.as_json({"payer": payer.account.address, "session": session, **described(swept)})
    else:
        show.out.print(swept.told(payer.account.address), markup=False)
