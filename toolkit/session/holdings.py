"""What somebody holds of an asset on both layers, and how that is asked for: all of it in a few calls."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.bridge.local import Local
from toolkit.bridge.passage import ANSWER_SECONDS
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import bytes_of, hex_of, selector
from toolkit.devnet.rpc import Rpc
from toolkit.errors import BadInput, NodeError, RpcError, ServiceError
from toolkit.rollup.client import ETH

_CALLS = 100
"""That a service takes at once (`toolkit.rollup.api.MAX_CALLS`)."""
_WORD = 32

Place = tuple[bytes, bytes]
"""An owner and a token (20 bytes each)."""


@dataclass(frozen=True)
class Holding:
    """What an owner holds of a token, in base units (wei for ETH).

    Attributes:
        owner, token: 20 bytes each; ETH is the zero token.
        l1: on L1.
        l2: on the rollup.
    """

    owner: bytes
    token: bytes
    l1: int
    l2: int


def holdings(local: Local, places: Sequence[Place], *, posted: bool = False) -> list[Holding]:
    """What is held at each of the places, in their order; ``posted`` as of `on_l2`.

    Raises:
        BadInput: a token is none.
        NodeError: L1 does not answer.
        ServiceError: the sequencer does not.
    """
    found = zip(places, on_l1(local, places), on_l2(local, places, posted=posted), strict=True)
    return [Holding(owner, token, l1, l2) for (owner, token), l1, l2 in found]


def on_l1(local: Local, places: Sequence[Place]) -> list[int]:
    """Base units on L1. Raises BadInput where a token is none, NodeError where L1 does not answer."""
    local.check_l1()
    rpc = Rpc(local.source.l1_rpc)
    try:
        answers = rpc.batch(_balance_call(*place) for place in places)
    except RpcError as error:
        raise BadInput(f"L1 does not say what is held: {error}") from error
    finally:
        rpc.close()
    return [_amount(token, answer) for (_, token), answer in zip(places, answers, strict=True)]


def on_l2(local: Local, places: Sequence[Place], *, posted: bool = False) -> list[int]:
    """Base units on L2: as the sequencer has confirmed them, or, ``posted``, as L1 alone shows them.

    Raises:
        ServiceError: the sequencer does not answer.
    """
    if posted:
        with local.onlooker() as onlooker:
            state = onlooker.look().replica.state
        indices = (state.index_of(*place) for place in places)
        return [0 if index is None else state.accounts[index].balance for index in indices]
    rpc = Rpc(local.url("sequencer"), ANSWER_SECONDS)
    calls = [("l2_account", [hex_of(owner), hex_of(token)]) for owner, token in places]
    try:
        return [int(each["balance"]) for part in _parts(calls) for each in rpc.batch(part)]
    except RpcError as error:
        raise ServiceError(f"the sequencer at {rpc.shown} does not say what is held: {error}") from error
    except NodeError as error:
        raise ServiceError(f"the sequencer at {rpc.shown} does not answer; what is on L1 needs no sequencer") from error
    finally:
        rpc.close()


def _balance_call(owner: bytes, token: bytes) -> tuple[str, list[Any]]:
    if token == ETH:
        return "eth_getBalance", [hex_of(owner), "latest"]
    data = selector("balanceOf(address)") + bytes(12) + owner
    return "eth_call", [{"to": checksum(token), "data": hex_of(data)}, "latest"]


def _amount(token: bytes, answer: str) -> int:
    if token == ETH:
        return int(answer, 16)
    word = bytes_of(answer)
    if len(word) != _WORD:
        raise BadInput(f"{checksum(token)} is no ERC20 token: it does not say what is held")
    return int.from_bytes(word, "big")


def _parts(calls: Sequence[tuple[str, list[Any]]]) -> Iterator[Sequence[tuple[str, list[Any]]]]:
    return (calls[start : start + _CALLS] for start in range(0, len(calls), _CALLS))
