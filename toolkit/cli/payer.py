"""A key of the user's own, as commands take it: its file, its password, and what is asked before it pays."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from toolkit.cli import show
from toolkit.errors import BadInput

if TYPE_CHECKING:
    from toolkit.devnet.keys import Payer
    from toolkit.world import Options

F = TypeVar("F", bound=Callable[..., Any])
_ROOM_TIMES = 2
"""Times what was shown: the price of gas may rise while somebody thinks about it."""


class NoKeys(click.Command):
    """A command that does not take a private key for an argument, and does not show it again."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        from toolkit.devnet.keys import refuse_keys

        refuse_keys(args)
        return super().parse_args(ctx, args)


def key_options(command: F) -> F:
    """Whose key pays on a network that runs already, and what was said about that network."""
    file = click.Path(path_type=Path, dir_okay=False)
    for option in reversed(
        [
            click.option(
                "--key-file",
                type=file,
                metavar="FILE",
                help="With --l1-rpc: an encrypted key file (Web3 secret storage), whose key pays [default: L2KIT_KEY].",
            ),
            click.option(
                "--password-file",
                type=file,
                metavar="FILE",
                help="With its password [default: L2KIT_PASSWORD, or it is asked for].",
            ),
            click.option("--public", is_flag=True, help="It is known that the network is a public one."),
            click.option("--real-money", is_flag=True, help="It is known that the network's money is real."),
        ]
    ):
        command = option(command)
    return command


def read_payer(l1_rpc: str | None, key_file: Path | None, password_file: Path | None) -> Payer | None:
    """Who pays, by the options or the environment; None where nobody of the user's does.

    From then on no process that we start finds key or password in its environment.

    Raises BadInput where there is no key, or no password that opens it.
    """
    from toolkit.devnet.keys import Payer, Whereabouts, forget_secrets
    from toolkit.devnet.settings import KEY_VARIABLE

    if l1_rpc is None and (key_file or password_file):
        raise BadInput("a key of your own is for a network that runs already: name it with --l1-rpc")
    if l1_rpc is None or not (key_file or password_file or os.environ.get(KEY_VARIABLE)):
        return None
    payer = Payer.read(Whereabouts(key_file, password_file))
    forget_secrets()
    return payer


def confirm(options: Options, *, yes: bool) -> Options:
    """Show what a session needs; on a public network ask, unless they said ``yes``.

    Returns the options, such that it is that chain, and that it may take `_ROOM_TIMES` what was shown at most.

    Raises BadInput where the network is refused, the money is not there, or the answer is no.
    """
    from toolkit.devnet.networks import told
    from toolkit.world import survey

    assert options.payer is not None
    with show.steps() as step:
        step("asking what it costs")
        node, budget = survey(options)
        node.stop()
    budget.check(options.payer.account)
    show.err.print(f"on {told(node.chain_id)}: {budget.told()}", markup=False)
    agreed = replace(options, chain_id=node.chain_id, most=_ROOM_TIMES * budget.total)
    if not node.is_public or yes:
        return agreed
    if not sys.stdin.isatty():
        raise BadInput("nobody is there to be asked whether that may be sent: say --yes")
    if not click.confirm("Send it?", err=True):
        raise BadInput("nothing was sent")
    return agreed
