"""``l2kit channel``: payment channels on a devnet that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from toolkit.cli import show
from toolkit.cli.passage import devnet_option, json_option

if TYPE_CHECKING:
    from toolkit.session.channels import Channels, Deed

F = TypeVar("F", bound=Callable[..., Any])
ETHER = 10**18


def _common(command: F) -> F:
    """Options of every command here."""
    return devnet_option(json_option(command))


@click.group()
def channel() -> None:
    """Payment channels: two peers, each a process of its own, on a devnet that 'l2kit up' runs.

    \b
    Amounts are in ETH (or tokens). Names are the devnet's accounts: alice, bob, carol, ...

    \b
    Examples, each peer in a terminal of its own:
      l2kit up
      l2kit channel peer alice
      l2kit channel peer bob
      l2kit channel open alice bob 1
      l2kit channel pay alice bob 0.25
      l2kit channel list alice
      l2kit channel close alice bob
    """


@channel.command()
@click.argument("name")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port it listens at [default: a free one].")
@click.option("--tower", "towers", multiple=True, metavar="URL", help="A watchtower that gets every state; repeatable.")
@click.option("--fee-ppm", type=click.IntRange(0, 10**6), default=1_000, show_default=True, help="Fee for forwarding.")
@_common
def peer(name: str, port: int, towers: tuple[str, ...], fee_ppm: int, file: Path | None, as_json: bool) -> None:
    """Run the peer of the account NAME until Ctrl-C.

    It keeps its channels on disk, takes and forwards payments, and guards its channels on L1. Where a
    tower runs on this devnet it is used, unless --tower names others.

    \b
    Examples:
      l2kit channel peer alice
      l2kit channel peer hub --fee-ppm 500
    """
    from toolkit.channel.config import Config
    from toolkit.channel.running import serve
    from toolkit.channel.service import Service

    channels = _channels(file)
    config, used = channels.configure_peer(name, port=port, towers=towers, fee_ppm=fee_ppm)

    def announce(ready: dict[str, Any]) -> None:
        if as_json:
            show.as_json({"name": name, **ready, "towers": list(used)})
            return
        watched = f", watched by {', '.join(used)}" if used else ""
        show.out.print(f"{name}'s peer listens at {ready['host']}:{ready['port']}{watched}; Ctrl-C stops it")

    asyncio.run(serve(Service(Config.load(config), channels.local.key(name)), announce))


@channel.command()
@click.option("--account", default="heidi", show_default=True, help="Pays the gas; it needs no key of a channel's.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port it listens at [default: a free one].")
@_common
def tower(account: str, port: int, file: Path | None, as_json: bool) -> None:
    """Run a watchtower until Ctrl-C: it answers stale closes while its clients are away.

    \b
    Example:
      l2kit channel tower
    """
    from toolkit.channel.running import serve
    from toolkit.channel.tower import Tower, TowerConfig

    channels = _channels(file)
    config = channels.configure_tower(port=port)

    def announce(ready: dict[str, Any]) -> None:
        if as_json:
            show.as_json(ready)
        else:
            show.out.print(f"the tower listens at {ready['url']}; Ctrl-C stops it")

    asyncio.run(serve(Tower(TowerConfig.load(config), channels.local.key(account)), announce))


@channel.command("open")
@click.argument("opener")
@click.argument("counterparty")
@click.argument("amount")
@click.option("--token", is_flag=True, help="In the devnet's token instead of ETH.")
@click.option(
    "--hours", type=click.IntRange(1, 2160), default=24, show_default=True, help="How long a close can be answered."
)
@_common
def open_(
    opener: str, counterparty: str, amount: str, token: bool, hours: int, file: Path | None, as_json: bool
) -> None:
    """Open a channel on L1 with AMOUNT of the OPENER's. The peers of both must run.

    \b
    Examples:
      l2kit channel open alice bob 1
      l2kit channel open alice bob 100 --token --hours 1
    """
    deed = _channels(file).open(opener, counterparty, _parse(amount), "DEV" if token else "ETH", hours=hours)
    _did(deed, as_json, f"channel {deed.channel}")


@channel.command()
@click.argument("payer")
@click.argument("payee")
@click.argument("amount")
@click.option("--via", metavar="NAMES", help="Hops on the way, separated by commas.")
@click.option("--count", type=click.IntRange(1, 1_000_000), default=1, show_default=True, help="Pay as often as that.")
@_common
def pay(payer: str, payee: str, amount: str, via: str | None, count: int, file: Path | None, as_json: bool) -> None:
    """Pay AMOUNT off chain, through the channel of the two, or over several with --via.

    \b
    Examples:
      l2kit channel pay alice bob 0.001 --count 1000
      l2kit channel pay alice dave 0.5 --via bob,carol
    """
    hops = [] if via is None else list(filter(None, via.split(",")))
    paid = _channels(file).pay(payer, payee, _parse(amount), via=hops, count=count)
    if as_json:
        show.as_json(paid.as_json())
    else:
        what = f"{count:,} payments of {amount}" if count > 1 else f"{amount}"
        show.out.print(f"{payer} paid {payee} {what} ({paid.seconds:.2f} s, no gas)")


@channel.command()
@click.argument("payee")
@click.argument("amount")
@_common
def invoice(payee: str, amount: str, file: Path | None, as_json: bool) -> None:
    """Make an invoice that anybody can pay over several channels; prints its hash.

    \b
    Example:
      l2kit channel invoice dave 0.5
    """
    made = _channels(file).invoice(payee, _parse(amount))
    show.as_json({"hash": made}) if as_json else show.out.print(made)


@channel.command("list")
@click.argument("name")
@_common
def list_(name: str, file: Path | None, as_json: bool) -> None:
    """Show the channels of NAME.

    \b
    Example:
      l2kit channel list alice --json
    """
    channels = _channels(file)
    found = channels.list(name)
    if as_json:
        show.as_json([each.as_json() for each in found])
        return
    rows = [["channel", "with", "own", "theirs", "locked", "nonce", "L1", "connected"]]
    for each in found:
        amounts = [
            f"{units / ETHER:,.9f}".rstrip("0").rstrip(".") for units in (each.balance, each.theirs, each.locked)
        ]
        other = channels.local.name_of("0x" + each.counterparty.hex())
        state = [f"{each.nonce:,}", each.on_l1, "yes" if each.is_connected else "no"]
        rows.append([each.id[:10], other, *amounts, *state])
    show.table("", rows)


@channel.command("top-up")
@click.argument("name")
@click.argument("which", metavar="CHANNEL")
@click.argument("amount")
@_common
def top_up(name: str, which: str, amount: str, file: Path | None, as_json: bool) -> None:
    """Add AMOUNT to NAME's side of a channel; nobody else need agree.

    CHANNEL is the other party's name, or the beginning of the channel's id.

    \b
    Example:
      l2kit channel top-up alice bob 0.5
    """
    _did(_channels(file).top_up(name, which, _parse(amount)), as_json)


@channel.command()
@click.argument("name")
@click.argument("which", metavar="CHANNEL")
@click.argument("amount")
@_common
def withdraw(name: str, which: str, amount: str, file: Path | None, as_json: bool) -> None:
    """Take AMOUNT of NAME's out of a channel that stays open; the other party's peer signs.

    \b
    Example:
      l2kit channel withdraw alice bob 0.5
    """
    _did(_channels(file).withdraw(name, which, _parse(amount)), as_json)


@channel.command()
@click.argument("name")
@click.argument("which", metavar="CHANNEL")
@click.option("--alone", is_flag=True, help="Without the other party: takes as long as a close can be answered.")
@_common
def close(name: str, which: str, alone: bool, file: Path | None, as_json: bool) -> None:
    """Close a channel and pay both parties on L1.

    With --alone the peer starts to close, answers what the other one shows, and settles once the
    challenge period is over; it must go on running.

    \b
    Examples:
      l2kit channel close alice bob
      l2kit channel close alice bob --alone
    """
    _did(_channels(file).close(name, which, alone=alone), as_json)


def _channels(file: Path | None) -> Channels:
    from toolkit.session.channels import Channels

    return Channels.find(file)


def _parse(amount: str) -> int:
    """Base units."""
    from toolkit.technique.workload import parse_amount

    return parse_amount(amount)


def _did(deed: Deed, as_json: bool, what: str = "") -> None:
    if as_json:
        show.as_json(deed.as_json())
    else:
        show.out.print(f"{what}{': ' if what else ''}{deed.said}, {deed.gas:,} gas ({deed.transaction})")
