"""What may be asked of a node again, when, and for how long: rules alone, nothing is sent here."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from time import time
from typing import Any
from urllib.parse import urlsplit

PATIENCE_SECONDS = 30.0
"""How long one call is tried again before its last trouble is told."""
FIRST_SECONDS, MOST_SECONDS = 0.25, 8.0
"""Between the first try and the second, and between any two, at most; a Retry-After may be longer."""
BUSY = frozenset({429, 502, 503, 504})
"""HTTP statuses that say: later (RFC 6585, RFC 9110)."""

_READS = ("eth_", "net_", "web3_", "txpool_", "debug_trace", "trace_")
_MORE_READS = frozenset({"anvil_getBlobsByTransactionHash", "anvil_nodeInfo", "hardhat_metadata"})
_NOT_TWICE = frozenset({
    "eth_sendTransaction", "eth_newFilter", "eth_newBlockFilter", "eth_newPendingTransactionFilter",
    "eth_uninstallFilter", "eth_getFilterChanges", "eth_subscribe", "eth_unsubscribe",
})  # fmt: skip
_RATE_CODES = frozenset({429, -32029})
_RATE_WORDS = re.compile(
    r"rate.?limit|too many requests|requests? limit|compute units|per second|throughput|capacity exceeded|"
    r"exceeded (its|your|the) .*(capacity|quota|rate)|project rate",
    re.IGNORECASE,
)


def may_repeat(method: str) -> bool:
    """Whether a call that may or may not have been carried out can be made again.

    Reads can, and so can eth_sendRawTransaction: the same bytes are the same transaction. What moves a development
    node (``evm_mine``, ``evm_snapshot``, ...) cannot, nor can anything that is not known here.
    """
    return method not in _NOT_TWICE and (method.startswith(_READS) or method in _MORE_READS)


def is_rate_limit(error: Mapping[str, Any]) -> bool:
    """Whether a JSON-RPC error says that we ask too often, and not that we ask for too much."""
    return error.get("code") in _RATE_CODES or bool(_RATE_WORDS.search(str(error.get("message", ""))))


def retry_after(header: str | None) -> float | None:
    """The seconds in a Retry-After header, which has a number or a date (RFC 9110, 10.2.3); None where it has none."""
    if not header:
        return None
    try:
        return max(0.0, float(header))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(header).timestamp() - time())
    except (TypeError, ValueError):
        return None


class Backoff:
    """The pauses between the tries of one call: each twice the one before, less up to a half by chance.

    By chance, so that many who were turned away together do not come back together.

    Args:
        patience: seconds that all pauses take together at most.
        chance: a number from 0 to 1.
    """

    def __init__(self, patience: float = PATIENCE_SECONDS, chance: Callable[[], float] = random.random) -> None:
        self._left, self._next, self._chance = patience, FIRST_SECONDS, chance

    def pause(self, asked: float | None = None) -> float | None:
        """The seconds to wait now; None where that would be too long in all.

        Args:
            asked: for how long the node wants to be left alone, where it says so.
        """
        seconds = self._next * (1 - self._chance() / 2)
        if asked is not None:
            seconds = max(seconds, asked)
        if seconds > self._left:
            return None
        self._left -= seconds
        self._next = min(2 * self._next, MOST_SECONDS)
        return seconds


def is_here(url: str) -> bool:
    """Whether a URL names this machine: who does not answer here is not there, and is no better off in a second."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
