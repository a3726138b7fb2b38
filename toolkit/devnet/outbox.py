"""The transactions of one key that are to be on L1 soon: many at once, looked after until they are in a block.

Nothing here is kept on disk. Whoever uses it says again and again what is wanted now, from what L1 shows; so what a
reorganisation, a restart or another transaction with the same nonce has undone is simply wanted again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.crypto import address_of, keccak256
from toolkit.devnet.l1 import L1, explained, hex_of
from toolkit.devnet.replacement import MOST_RAISES, PATIENCE_SECONDS, PRICE_CALLS, Fees, Price, Verdict, verdict
from toolkit.devnet.transaction import TX_GAS_CAP, Transaction
from toolkit.errors import L2KitError, NodeError, RpcError

_CANCEL_GAS = 21_000
_POLL_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Order:
    """A transaction that is wanted.

    Attributes:
        name: of two orders with the same name only one waits at a time.
        to: the called 20-byte address.
        data: calldata.
        value: wei sent along.
        at: the block at whose state its gas is estimated: "latest", or "pending" where it is good only from the next
            block's timestamp on. Never "pending" where somebody gains by its absence: a transaction that waits, and
            need not ever be in a block, would make the estimate fail.
    """

    name: Hashable
    to: bytes
    data: bytes
    at: str = "latest"
    value: int = 0


@dataclass(frozen=True)
class Landed:
    """An order whose transaction is in a block: its hash, the block's number, the gas it used, whether it succeeded."""

    order: Order
    transaction: bytes
    block: int
    gas_used: int
    succeeded: bool


@dataclass(frozen=True)
class Tended:
    """What came of it: the orders that are in a block now, and those that were not sent with the reason."""

    landed: Sequence[Landed]
    refused: Sequence[tuple[Order, L2KitError]]


@dataclass
class _Waiting:
    order: Order
    nonce: int
    fees: Fees
    since: float
    hashes: list[bytes] = field(default_factory=list)  # of all versions, any of which may land
    arrived: bool = False  # the node has said that it has it
    overtaken: bool = False  # its nonce is used up
    cancelled: bool = False


class Outbox:
    """Signs, sends and replaces the transactions of one key.

    The key is the outbox's alone while it has something to do: like `toolkit.devnet.l1.Sender` it counts only nonces
    in blocks, and replaces what else waits.

    Attributes:
        address: the key's 20-byte address.
    """

    def __init__(
        self,
        l1: L1,
        key: bytes,
        chain_id: int,
        errors: Sequence[str] = (),
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """
        Args:
            errors: the custom errors that the called contracts may answer with, e.g. ``"InboxFull(uint256)"``.
            patience_seconds: after which a transaction that still waits is sent again for a higher fee.
        """
        self.address = address_of(key)
        self._l1, self._key, self._chain_id, self._errors = l1, key, chain_id, errors
        self._patience_seconds = patience_seconds
        self._waiting: dict[Hashable, _Waiting] = {}
        self._landed: list[Landed] = []  # not told yet
        self._busy = asyncio.Lock()

    @property
    def waiting(self) -> frozenset[Hashable]:
        """The names of the orders that were sent and are in no block yet."""
        return frozenset(self._waiting)

    async def balance(self) -> int:
        """What the key owns (wei), without counting what waits. Raises as `tend`."""
        return int(await self._l1.call("eth_getBalance", hex_of(self.address), "latest"), 16)

    async def tend(self, wanted: Sequence[Order], *, wait_seconds: float = 1.0) -> Tended:
        """See to it that the orders wanted now get into blocks, and those from before.

        One of the same name that waits already is left alone until it has waited too long. Then it is sent again as it
        is wanted now, for a higher fee (a priority fee of some ten times the going price at most); or, where the
        contract would refuse it by now, replaced by nothing. What the contract refuses (somebody was faster) ends up
        among the refused, or among the landed that failed.

        Args:
            wait_seconds: how long to wait for blocks; what takes longer is told by a later call.

        Raises:
            NodeError: the node does not answer. Nothing is forgotten.
        """
        async with self._busy:
            current = {order.name: order for order in wanted}
            before = set(self._waiting)
            await self._collect()
            refused = await self._replace(current)
            refused += await self._send([order for name, order in current.items() if name not in before])
            loop = asyncio.get_running_loop()
            end, pauses = loop.time() + wait_seconds, iter(_POLL_SECONDS)
            while self._waiting and loop.time() < end:
                await asyncio.sleep(next(pauses, _POLL_SECONDS[-1]))
                await self._collect()
            landed, self._landed = self._landed, []
            return Tended(landed, refused)

    async def _collect(self) -> None:
        """Take what is in blocks off the waiting, and what cannot be any more."""
        waiting = list(self._waiting.values())
        if not waiting:
            return
        hashes = [hash_ for each in waiting for hash_ in each.hashes]
        count, *receipts = await self._l1.batch(
            [self._count(), *(("eth_getTransactionReceipt", [hex_of(hash_)]) for hash_ in hashes)]
        )
        found = dict(zip(hashes, receipts, strict=True))
        for each in waiting:
            receipt = next((found[hash_] for hash_ in each.hashes if found[hash_] is not None), None)
            was_overtaken, each.overtaken = each.overtaken, each.nonce < int(count, 16)
            if receipt is not None:
                del self._waiting[each.order.name]
                if not each.cancelled:
                    self._landed.append(_landed(each.order, receipt))
            elif was_overtaken and each.overtaken:  # twice: a batch's answers need not be of one block
                log.warning("another transaction of %s took nonce %d", hex_of(self.address), each.nonce)
                del self._waiting[each.order.name]

    async def _replace(self, current: dict[Hashable, Order]) -> list[tuple[Order, L2KitError]]:
        """Send again, for a higher fee, what has waited too long; nothing in place of what would revert now.

        A nonce that stays behind would keep back all after it, so none is just left.
        """
        now = asyncio.get_running_loop().time()
        late = [
            each
            for each in self._waiting.values()
            if not each.arrived or (now - each.since >= self._patience_seconds and not each.overtaken)
        ]
        if not late:
            return []
        orders = [current.get(each.order.name, each.order) for each in late]
        estimates, price, _ = await self._estimate(orders)
        refused: list[tuple[Order, L2KitError]] = []
        for each, order, gas in zip(late, orders, estimates, strict=True):
            each.since, each.order = now, order
            each.cancelled = isinstance(gas, L2KitError)
            before = each.fees
            if each.arrived:
                each.fees = each.fees.after_waiting(price)
                log.warning("nonce %d has waited too long, sent again for %d wei a gas", each.nonce, each.fees.most)
            error = await self._deliver(each, _CANCEL_GAS if isinstance(gas, L2KitError) else gas)
            if error is not None:
                each.fees = before  # what cannot be paid now is no reason to ask for more later
                refused.append((order, error))
        return refused

    async def _send(self, orders: Sequence[Order]) -> list[tuple[Order, L2KitError]]:
        """Sign and send; those that the contract or the node refuse come back with the reason."""
        if not orders:
            return []
        estimates, price, nonce = await self._estimate(orders)
        refused: list[tuple[Order, L2KitError]] = []
        taken = {each.nonce for each in self._waiting.values()}
        now = asyncio.get_running_loop().time()
        for order, gas in zip(orders, estimates, strict=True):
            if isinstance(gas, L2KitError):
                refused.append((order, gas))
                continue
            while nonce in taken:
                nonce += 1
            each = _Waiting(order, nonce, Fees.first(price), now)
            self._waiting[order.name] = each
            taken.add(nonce)
            error = await self._deliver(each, gas)
            if error is not None:
                del self._waiting[order.name]
                taken.discard(nonce)
                refused.append((order, error))
        return refused

    async def _deliver(self, each: _Waiting, gas: int) -> L2KitError | None:
        """Send one version of a transaction; returns why the node does not take it.

        Raises NodeError where it does not answer: the transaction may be there, and so it goes on waiting.
        """
        for _ in range(MOST_RAISES):
            order = Order(each.order.name, self.address, b"") if each.cancelled else each.order
            raw = Transaction(
                self._chain_id, each.nonce, order.to, order.value, order.data, gas, each.fees.most, each.fees.priority
            ).signed(self._key)  # fmt: skip
            if (hash_ := keccak256(raw)) not in each.hashes:
                each.hashes.append(hash_)
            (answer,) = await self._l1.answers([("eth_sendRawTransaction", [hex_of(raw)])])
            each.arrived = True
            said = verdict(answer)
            if said in {Verdict.TAKEN, Verdict.USED}:
                return None  # where the nonce is gone, the next look at the receipts tells
            if said is Verdict.REFUSED:
                return explained(answer, self._errors)
            # Another transaction with this nonce waits, from before a restart perhaps, and is to be outbid.
            each.fees = each.fees.outbidding()
        error: L2KitError = answer
        return error

    async def _estimate(self, orders: Sequence[Order]) -> tuple[list[int | L2KitError], Price, int]:
        """The gas limit of each order or why it is refused, what gas costs, and the next nonce."""
        calls: list[tuple[str, list[Any]]] = [self._count(), *PRICE_CALLS]
        for order in orders:
            to, data = hex_of(order.to), hex_of(order.data)
            call = {"from": hex_of(self.address), "to": to, "data": data, "value": hex(order.value)}
            calls.append(("eth_estimateGas", [call, order.at]))
        count, price, priority, *found = await self._l1.answers(calls)
        if isinstance(count, RpcError) or isinstance(price, RpcError):
            raise NodeError(f"{self._l1.shown} knows no nonce or no gas price: {count}, {price}")
        estimates: list[int | L2KitError] = []
        for answer in found:
            if isinstance(answer, RpcError):
                estimates.append(explained(answer, self._errors))
            else:
                gas = int(answer, 16)
                # Others' transactions may come first and make ours dearer (a word to be written anew).
                estimates.append(min(TX_GAS_CAP, gas + gas // 4 + 25_000))
        return estimates, Price.of(price, priority), int(count, 16)

    def _count(self) -> tuple[str, list[Any]]:
        return "eth_getTransactionCount", [hex_of(self.address), "latest"]


def _landed(order: Order, receipt: dict[str, Any]) -> Landed:
    return Landed(
        order,
        bytes.fromhex(receipt["transactionHash"][2:]),
        int(receipt["blockNumber"], 16),
        int(receipt["gasUsed"], 16),
        int(receipt["status"], 16) == 1,
    )
