"""``l2kit travel``: the devnet's clock."""

from __future__ import annotations

from pathlib import Path

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option


@click.command()
@click.argument("span", metavar="TIME")
@devnet_option
@json_option
def travel(span: str, file: Path | None, as_json: bool) -> None:
    """Move the devnet's clock forward by TIME: 7d, 12h, 30m, 1d12h, or seconds.

    \b
    It is L1's clock, and the only one: contracts, services and timers all measure by it. Every service
    that answers has seen the new time when this returns; what follows from it they do then. A dispute that
    somebody would have to answer meanwhile is lost: 'l2kit dispute' shows the clocks.

    \b
    Examples:
      l2kit travel 7d
      l2kit travel 12h
      l2kit travel 90 --json
    """
    from toolkit.bridge.amounts import parse_span, utc
    from toolkit.bridge.amounts import span as told

    seconds, silent = parse_span(span), list[str]()
    with show.steps() as step:
        step("moving the clock")
        devnet = attached(file)
        now = devnet.travel(seconds=seconds, warn=silent.append)
    if as_json:
        show.as_json({"now": now, "moved": seconds, "warnings": silent})
        return
    show.out.print(f"{told(seconds)} on: it is {utc(now)} on L1 ({now})", markup=False)
    for each in silent:
        show.err.print(each, markup=False)
