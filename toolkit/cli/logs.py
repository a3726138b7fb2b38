"""``l2kit logs``: what the processes of a session say."""

from __future__ import annotations

import json
from pathlib import Path

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option


@click.command()
@click.argument("name", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until the session ends or Ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(0), default=20, show_default=True, help="Of each log, the last so many."
)
@devnet_option
@json_option
def logs(name: str | None, follow: bool, lines: int, file: Path | None, as_json: bool) -> None:
    """Show the log of the process NAME, such as sequencer or anvil, or all logs with the names in front.

    \b
    With --json: an object with the lines of every log; with -f as well, an object in each line.

    \b
    Examples:
      l2kit logs
      l2kit logs proposer -f
      l2kit logs anvil -n 100
      l2kit logs sequencer --json
    """
    devnet = attached(file)
    if as_json and not follow:
        show.as_json(devnet.logs(name, lines=lines))
        return
    width = 0 if name is not None else max(map(len, devnet.logs(lines=0)))
    said = (
        devnet.follow(name, lines=lines)
        if follow
        else ((each, line) for each, those in devnet.logs(name, lines=lines).items() for line in those)
    )
    for each, line in said:
        _say(each, line, width, as_json)


def _say(name: str, line: str, width: int, as_json: bool) -> None:
    """Print a line, with the name of its process in front where there is a ``width`` for it."""
    front = f"{name:<{width}}  " if width else ""
    text = json.dumps({"name": name, "line": line}) if as_json else f"{front}{line}"
    show.out.print(text, markup=False)
    show.out.file.flush()
