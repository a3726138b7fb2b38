"""``l2kit fault``: something is broken on purpose."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option
from toolkit.errors import BadInput

if TYPE_CHECKING:
    from toolkit.devnet.faults import Fault


@click.command(context_settings={"ignore_unknown_options": True})  # "-5" is a wrong depth, and no option
@click.argument("words", nargs=-1, metavar="[WHAT HOW [DETAIL]]")
@devnet_option
@json_option
def fault(words: tuple[str, ...], file: Path | None, as_json: bool) -> None:
    """Break something of the devnet on purpose, or, without WHAT, list what is broken. 'l2kit heal' mends it.

    \b
    SERVICE vanish      killed as by kill -9 and kept away; 'heal' starts it again from its disk
    SERVICE offline     neither reaches anybody nor is reached; 'heal' brings it back with its memory
    l1 reorg BLOCKS     L1 forgets so many blocks, and their transactions; one more takes their place. The
                        services send again what is theirs, users must do so themselves (Anvil only)
    l1 down TIME        the node does not answer for 30s, 2m, ...; it comes back by itself, as it was
    batch withhold      the sequencer goes on promising, and posts no batch to L1
    tx censor WHO       the sequencer refuses all that this account or address sends; may be repeated

    \b
    SERVICE is sequencer, proposer, verifier, provider or watchtower. To withhold or to censor, the
    sequencer is started again; 'l2kit up' keeps a fault over a crash, too. Deposits and forced
    withdrawals go through L1, past a sequencer that does so. L1 forgets no more than 64 blocks, and
    neither the contracts nor where a snapshot returns to.

    \b
    Examples:
      l2kit fault verifier offline
      l2kit fault sequencer vanish
      l2kit fault l1 reorg 3
      l2kit fault l1 down 30s
      l2kit fault tx censor bob
      l2kit fault
    """
    if not words:
        _list(attached(file).faults(), as_json)
        return
    what, how, detail = _parsed(words)
    silent = list[str]()
    with show.steps() as step:
        step(f"breaking {what}")
        done = attached(file).fault(what, how, detail, warn=silent.append)
    if as_json:
        show.as_json({**done.as_json(), "warnings": silent})
        return
    show.out.print(done.said, markup=False)
    for each in silent:
        show.err.print(each, markup=False)


def _parsed(words: Sequence[str]) -> tuple[str, str, str | int | None]:
    """What is broken, how, and the depth, seconds or account that go with it."""
    from toolkit.bridge.amounts import parse_span

    if not 2 <= len(words) <= 3:
        raise BadInput(f"say what is broken and how, as in 'verifier offline' or 'l1 reorg 3', and not {words!r}")
    what, how, detail = words[0], words[1], words[2] if len(words) == 3 else None
    if (what, how) == ("l1", "down") and detail is not None:
        return what, how, parse_span(detail)
    if (what, how) == ("l1", "reorg") and detail is not None:
        if not detail.isascii() or not detail.isdigit() or len(detail) > 20:
            raise BadInput(f"the depth of a reorganisation is a number of blocks, 1 or more, and not {detail!r:.40}")
        return what, how, int(detail)
    return what, how, detail


def _list(faults: Sequence[Fault], as_json: bool) -> None:
    if as_json:
        show.as_json([each.as_json() for each in faults])
    elif not faults:
        show.out.print("nothing is broken on purpose", markup=False)
    else:
        show.table("", rows(faults))


def rows(faults: Sequence[Fault]) -> list[list[str]]:
    """A table of faults."""
    from toolkit.bridge.amounts import span

    now = time.time()
    table = [["", "fault", "for", "ends", "that is"]]
    for each in faults:
        ends = "when it is healed" if each.until is None else f"in {span(max(0, round(each.until - now)))}"
        table.append([each.what, each.how, span(max(0, int(now - each.since))), ends, each.said])
    return table
