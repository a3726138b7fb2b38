"""``l2kit channel``: payment channels on a devnet that runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from toolkit.cli import show
from toolkit.cli.passage import devnet_option, json_option
from toolkit.errors import BadInput

if TYPE_CHECKING:
    from toolkit.channel.local import Local

F = TypeVar("F", bound=Callable[..., Any])
GWEI = 10**9
ETHER = 10**18
_HOUR = 3600
_SLOWEST_SECONDS = 120.0


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
    from toolkit.channel.local import Local
    from toolkit.channel.running import serve
    from toolkit.channel.service import Service

    local = Local.find(file)
    key = local.key(name)
    if not towers and (tower := local.tower()):
        towers = (tower,)
    config = local.configure(name, port=port, towers=list(towers), policy={"fee_ppm": fee_ppm})

    def announce(ready: dict[str, Any]) -> None:
        if as_json:
            show.as_json({"name": name, **ready, "towers": list(towers)})
            return
        watched = f", watched by {', '.join(towers)}" if towers else ""
        show.out.print(f"{name}'s peer listens at {ready['host']}:{ready['port']}{watched}; Ctrl-C stops it")

    asyncio.run(serve(Service(Config.load(config), key), announce))


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
    from toolkit.channel.local import Local
    from toolkit.channel.running import serve
    from toolkit.channel.tower import Tower, TowerConfig

    local = Local.find(file)
    config = local.configure("tower", port=port)

    def announce(ready: dict[str, Any]) -> None:
        if as_json:
            show.as_json(ready)
        else:
            show.out.print(f"the tower listens at {ready['url']}; Ctrl-C stops it")

    asyncio.run(serve(Tower(TowerConfig.load(config), local.key(account)), announce))


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
    local = _local(file)
    units, to = _units(amount), local.address(counterparty)
    where = local.listening(counterparty)
    terms = {"period": hours * _HOUR, **({"token": local.devnet["contracts"]["Token"]} if token else {})}
    answer = _ask(local, opener, "open", to=_hex(to), units=units, peer=where, **terms)
    _wait_connected(local, opener, answer["channel"])
    _did(answer, as_json, f"channel {answer['channel']}")


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
    local = _local(file)
    units = _units(amount)
    began = time.monotonic()
    if via is None:
        found = local.channel(payer, payee)
        answer = _ask(local, payer, "pay", channel=found["channel"], amounts=[units] * count)
        told = {"nonce": answer["nonce"]}
    else:
        hops = [_hex(local.address(name)) for name in (*filter(None, via.split(",")), payee)]
        for _ in range(count):
            hash_ = _ask(local, payee, "invoice", units=units)["hash"]
            told = {"hash": hash_, **_ask(local, payer, "send", hash=hash_, units=units, to=hops)}
    seconds = time.monotonic() - began
    if as_json:
        show.as_json({"payments": count, "seconds": round(seconds, 3), **told})
    else:
        what = f"{count:,} payments of {amount}" if count > 1 else f"{amount}"
        show.out.print(f"{payer} paid {payee} {what} ({seconds:.2f} s, no gas)")


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
    local = _local(file)
    answer = _ask(local, payee, "invoice", units=_units(amount))
    show.as_json(answer) if as_json else show.out.print(answer["hash"])


@channel.command("list")
@click.argument("name")
@_common
def list_(name: str, file: Path | None, as_json: bool) -> None:
    """Show the channels of NAME.

    \b
    Example:
      l2kit channel list alice --json
    """
    local = _local(file)
    channels = _ask(local, name, "channels")["channels"]
    if as_json:
        show.as_json(channels)
        return
    rows = [["channel", "with", "own", "theirs", "locked", "nonce", "L1", "connected"]]
    for each in channels:
        locked = sum(abs(lock["units"]) for lock in each["locks"])
        theirs = sum(each["deposits"]) - each["balance"] - locked
        amounts = [
            f"{units * each['unit'] / ETHER:,.9f}".rstrip("0").rstrip(".")
            for units in (each["balance"], theirs, locked)
        ]
        other = local.name_of(each["with"])
        state = [f"{each['nonce']:,}", each["on_l1"], "yes" if each["connected"] else "no"]
        rows.append([each["channel"][:10], other, *amounts, *state])
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
    local = _local(file)
    found = local.channel(name, which)
    _did(_ask(local, name, "top_up", channel=found["channel"], units=_units(amount)), as_json)


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
    local = _local(file)
    found = local.channel(name, which)
    _did(_ask(local, name, "withdraw", channel=found["channel"], units=_units(amount)), as_json)


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
    local = _local(file)
    found = local.channel(name, which)
    if not alone:
        _did(_ask(local, name, "close_now", channel=found["channel"]), as_json)
        return
    _ask(local, name, "leave", channel=found["channel"])
    end = time.monotonic() + _SLOWEST_SECONDS
    while (now := local.channel(name, found["channel"]))["on_l1"] == "open":
        if time.monotonic() > end:
            raise BadInput(f"{name}'s peer has not begun to close within {_SLOWEST_SECONDS:.0f} s; look at its output")
        time.sleep(0.1)
    _did(now["deeds"][-1], as_json)


def _local(file: Path | None) -> Local:
    from toolkit.channel.local import Local

    return Local.find(file)


def _ask(local: Local, name: str, do: str, **what: Any) -> dict[str, Any]:
    control = local.control(name)
    try:
        return control.ask(do, **what)
    finally:
        control.close()


def _wait_connected(local: Local, name: str, which: str) -> None:
    end = time.monotonic() + _SLOWEST_SECONDS
    while not local.channel(name, which)["connected"]:
        if time.monotonic() > end:
            raise BadInput(f"channel {which} is open on L1, but its peers do not connect; look at their output")
        time.sleep(0.02)


def _did(answer: dict[str, Any], as_json: bool, what: str = "") -> None:
    if as_json:
        show.as_json(answer)
    else:
        show.out.print(f"{what}{': ' if what else ''}{answer['did']}, {answer['gas']:,} gas ({answer['transaction']})")


def _units(amount: str) -> int:
    from toolkit.technique.workload import parse_amount

    return parse_amount(amount) // GWEI


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
