"""``l2kit logs``: what the processes of a session say."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import click

from toolkit.cli import show
from toolkit.cli.passage import devnet_option
from toolkit.errors import BadInput

_POLL_SECONDS = 0.1


@click.command()
@click.argument("name", required=False)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until the session ends or Ctrl-C.")
@click.option(
    "-n", "--lines", type=click.IntRange(0), default=20, show_default=True, help="Of each log, the last so many."
)
@devnet_option
def logs(name: str | None, follow: bool, lines: int, file: Path | None) -> None:
    """Show the log of the process NAME, such as sequencer or anvil, or all logs with the names in front.

    \b
    Examples:
      l2kit logs
      l2kit logs proposer -f
      l2kit logs anvil -n 100
    """
    from toolkit.devnet.logs import find_logs, last

    found = find_logs(file)
    if name is not None:
        if name not in found:
            raise BadInput(f"there is no log {name!r}; there are {', '.join(found)}")
        found = {name: found[name]}
    width = max(map(len, found))
    fronts = {each: "" if name is not None else f"{each:<{width}}  " for each in found}
    ends: dict[str, int] = {}
    for each, log in found.items():
        shown, ends[each] = last(log, lines)
        _print(fronts[each], shown)
    if follow:
        _follow(found, fronts, ends)


def _follow(found: Mapping[str, Path], fronts: Mapping[str, str], ends: dict[str, int]) -> None:
    from toolkit.devnet.logs import after

    while any(log.exists() for log in found.values()):
        for each, log in found.items():
            shown, ends[each] = after(log, ends[each])
            _print(fronts[each], shown)
        time.sleep(_POLL_SECONDS)


def _print(front: str, lines: list[str]) -> None:
    for line in lines:
        show.out.print(f"{front}{line}", markup=False)
    show.out.file.flush()
