"""How a transaction that waits too long is replaced, and what a node means by its answers: rules, nothing is sent here.

Of all transactions of one sender with one nonce at most one is ever in a block. A node keeps one of them in its pool,
and takes another in its place only where every fee is higher by a tenth at least, or by all of it again where there are
blobs (EIP-4844 leaves that to the pool; geth's blob pool asks for it).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from toolkit.devnet.retry import is_here
from toolkit.errors import RpcError

PATIENCE_SECONDS = 30.0
"""After which a transaction that still waits is sent again for higher fees: two blocks of Ethereum and a half."""
PRIORITY_FEE = 10**9
"""Wei a gas that a block's proposer is offered at first, at most."""
LATE_SECONDS, LATE_ELSEWHERE_SECONDS = 2.0, 20.0
"""By which the receipts of a node on this machine, and of many behind one URL, may be behind their nonces.

Who gave up on one of ours too early would take a nonce that is used up for another's, and pay again.
"""
MOST_TIMES = 10
"""The going price, as the priority fee: who waits even so waits for something else, and would only pay more for it."""
MOST_RAISES = 8
"""How often in a row something unknown that waits with our nonce is outbid: to six times the fees."""
PRICE_CALLS: Sequence[tuple[str, list[Any]]] = (("eth_gasPrice", []), ("eth_maxPriorityFeePerGas", []))
"""What a node is asked for `Price.of`."""


def late_seconds(url: str) -> float:
    """How long a receipt may be missing whose nonce is used up before it is another's that was in its place."""
    return LATE_SECONDS if is_here(url) else LATE_ELSEWHERE_SECONDS


@dataclass(frozen=True)
class Price:
    """What gas costs now.

    Attributes:
        gas: wei a gas, the base fee and a usual priority fee together (eth_gasPrice).
        priority: wei a gas of it for the block's proposer; `PRIORITY_FEE` at most.
    """

    gas: int
    priority: int

    @staticmethod
    def of(gas: str, priority: str | RpcError | None) -> Price:
        """From the answers to `PRICE_CALLS`; not every node knows the second."""
        usual = PRIORITY_FEE if priority is None or isinstance(priority, RpcError) else int(priority, 16)
        return Price(int(gas, 16), min(PRIORITY_FEE, max(1, usual)))


@dataclass(frozen=True)
class Fees:
    """What a transaction offers.

    Attributes:
        most: wei a gas, all in all.
        priority: wei a gas of it for the block's proposer.
        blob: wei a blob gas; 0 where it has no blobs.
    """

    most: int
    priority: int
    blob: int = 0

    @staticmethod
    def first(price: Price, blob_price: int = 0) -> Fees:
        """With room for the base fee, and a blob's, to double."""
        return Fees(2 * price.gas + price.priority, price.priority, 2 * blob_price)

    def outbidding(self) -> Fees:
        """Enough to take the place of these, whatever gas costs."""
        return Fees(_raised(self.most, self.blob), _raised(self.priority, self.blob), 2 * self.blob)

    def after_waiting(self, price: Price, blob_price: int = 0) -> Fees:
        """For what has waited too long: enough to take its place and for the price of now; the same again at the most.

        The most is `MOST_TIMES` the price, offered as a priority fee.
        """
        if self.priority >= MOST_TIMES * max(price.gas, price.priority):
            return self
        more = self.outbidding()
        most = max(more.most, 2 * price.gas + more.priority)
        return Fees(most, more.priority, max(more.blob, 2 * blob_price) if self.blob else 0)


class Verdict(Enum):
    """What a node's answer to eth_sendRawTransaction means."""

    TAKEN = "it has it now, or had it already"
    USED = "the nonce is used up: by this transaction, an earlier version of it, or another"
    OUTBID = "it has another with this nonce, or asks for more: higher fees may help"
    REFUSED = "it does not take it"


def verdict(answer: object) -> Verdict:
    """What the answer to eth_sendRawTransaction means: a hash, or an RpcError in the words of the nodes there are."""
    if not isinstance(answer, RpcError):
        return Verdict.TAKEN
    text = str(answer).lower()
    if re.search(r"already ?(known|imported)|(?<!un)known transaction", text):
        return Verdict.TAKEN
    if any(words in text for words in ("nonce too low", "nonce is too low", "oldnonce", "nonce has already been used")):
        return Verdict.USED
    if any(
        words in text for words in ("underpriced", "replac", "feetoolow", "less than block base fee", "fee too low")
    ):
        return Verdict.OUTBID
    return Verdict.REFUSED


def _raised(fee: int, blob: int) -> int:
    """More than the tenth that nodes ask for, or twice as much beside blobs."""
    return 2 * fee + 1 if blob else fee + fee // 4 + 1
