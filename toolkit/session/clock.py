"""One clock: L1's is moved, and every service and channel peer is waited for until it has seen that."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from toolkit.bridge.amounts import span
from toolkit.bridge.local import Local
from toolkit.bridge.passage import ANSWER_SECONDS, POLL_SECONDS
from toolkit.channel.control import Control
from toolkit.devnet.rpc import Rpc
from toolkit.errors import BadInput, NodeError, RpcError, ServiceError

SEEN_SECONDS = 30.0
"""How long a service that answers may take to look at L1."""
LAST_TIME = 2**40 - 1
"""The last second that the contracts can write down (uint40)."""


def travel(local: Local, seconds: int, warn: Callable[[str], object]) -> int:
    """Move L1's clock, and wait until every service and channel peer that answers has seen that; returns L1's time.

    Args:
        seconds: forward, above zero.
        warn: is told of each that does not answer; it will know the time when it is back.

    Raises:
        BadInput: there is no such time, or the node's clock cannot be moved.
        NodeError: L1 does not answer, or has not moved its clock.
        ServiceError: a service answers, and does not see the block.
    """
    if seconds <= 0:
        raise BadInput(f"the clock moves forward only, by a second at least, and not by {seconds} s")
    local.check_l1()
    with closing(Rpc(local.source.l1_rpc)) as rpc:
        now = int(rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)
        if now + seconds > LAST_TIME:
            raise BadInput(f"{span(seconds)} from now is later than the contracts can write down")
        wanted, now = now + seconds, local.travel(seconds)
        if now < wanted:  # as Anvil's that puts a fixed time between its blocks
            raise NodeError(f"L1's node was told to move its clock to {wanted}, and says that it is {now}")
        block = rpc.quantity("eth_blockNumber")
    for role in local.services:
        try:
            _await_sight(local, role, block, now)
        except Silent as error:
            warn(f"{error}, so it has not seen the time yet")
    for peer in _peers(local):
        try:
            _until(partial(_peer_sees, peer, now), f"the channel peer of {peer.name} has not seen L1's time {now}")
        except Silent as error:
            warn(f"{error}, so it has not seen the time yet")
    return now


def await_sights(local: Local) -> dict[str, str]:
    """Wait until every service that answers has seen L1's latest block; returns why which others have not.

    Raises:
        NodeError: L1 does not answer.
        ServiceError: a service answers, and does not see the block.
    """
    local.check_l1()
    with closing(Rpc(local.source.l1_rpc)) as rpc:
        latest = rpc.call("eth_getBlockByNumber", "latest", False)
    silent = dict[str, str]()
    for role in local.services:
        try:
            _await_sight(local, role, int(latest["number"], 16), int(latest["timestamp"], 16))
        except Silent as error:
            silent[role] = str(error)
    return silent


class Silent(ServiceError):
    """A service does not answer."""


def _await_sight(local: Local, role: str, block: int, now: int) -> None:
    """Wait until a service has looked at L1 up to ``block``, mined at ``now``.

    Raises:
        Silent: it does not answer.
        ServiceError: it does, and does not look within `SEEN_SECONDS`.
    """
    if (fault := local.absent(role)) is not None:
        raise Silent(fault.said)
    sees = _tower_sees if role == "watchtower" else _service_sees
    _until(lambda: sees(local, role, block, now), f"the {role} has not looked at L1's block {block}")


def _until(seen: Callable[[], bool], otherwise: str) -> None:
    """Wait. Raises ServiceError where that takes longer than `SEEN_SECONDS`."""
    deadline = time.monotonic() + SEEN_SECONDS
    while not seen():
        if time.monotonic() > deadline:
            raise ServiceError(f"{otherwise} within {SEEN_SECONDS:g} s")
        time.sleep(POLL_SECONDS)


def _peers(local: Local) -> list[Path]:
    """The data folders of the channel peers that answer, or did when they were killed."""
    if local.folder is None:
        return []
    found = sorted(socket.parent for socket in (local.folder / "channels").glob("*/control.sock"))
    return [data for data in found if data.name != "tower"]


def _peer_sees(data: Path, now: int) -> bool:
    try:
        with closing(Control(data, ANSWER_SECONDS)) as control:
            return int(control.ask("time")["time"]) >= now
    except ServiceError as error:
        raise Silent(f"the channel peer of {data.name} does not answer") from error


def _service_sees(local: Local, role: str, block: int, _now: int) -> bool:
    with closing(Rpc(local.url(role), ANSWER_SECONDS)) as rpc:
        try:
            return int(rpc.call("l2_status")["l1Block"]) >= block
        except RpcError:
            return False  # it is busy with something: asked again
        except NodeError as error:
            raise Silent(f"the {role} at {rpc.shown} does not answer") from error


def _tower_sees(local: Local, role: str, _block: int, now: int) -> bool:
    from toolkit.channel.tower_client import TowerClient

    try:
        return int(asyncio.run(TowerClient(local.url(role)).status())["block_time"] or 0) >= now
    except ServiceError as error:
        raise Silent(str(error)) from error
