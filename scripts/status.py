"""``ape run status``: how a session is that runs (``l2kit up``)."""

from __future__ import annotations

import click

from toolkit.toolchain.ape import one_sentence


@click.command()
@click.argument("name", required=False, metavar="[ID]")
@click.option("--session", envvar="L2KIT_SESSION", metavar="NAME", help="Which session, where several run.")
def cli(name: str | None, session: str | None) -> None:
    """Show the session that runs, or explain where a deposit or a withdrawal is: what 'l2kit status' does."""
    from toolkit.cli.status import status

    with one_sentence():
        words = [*([name] if name else []), *(["--session", session] if session else [])]
        status.main(words, standalone_mode=False)
