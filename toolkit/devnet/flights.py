"""Transactions on their way: placed at a nonce, sent, replaced if they wait too long, found whichever version lands."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.devnet.accounts import Account
from toolkit.devnet.replacement import MOST_RAISES, PRICE_CALLS, Fees, Price, Verdict, verdict
from toolkit.devnet.rpc import BATCH, Rpc
from toolkit.errors import RpcError

_POLL_SECONDS = 0.02
_SLOWEST_POLL_SECONDS = 1.0

Deliver = Callable[[Sequence[bytes]], Sequence["RpcError | None"]]
"""Gives raw transactions to a node; returns what it says to each: nothing, or why it does not take it."""


@dataclass
class Flight:
    """A transaction that is not known to be in a block, in all its versions.

    Attributes:
        account, nonce: whose it is.
        sign: makes the version with these fees: the raw transaction and its hash.
        fees: of the last version.
        hashes: of all, any of which may land.
        since: the last one was sent (`time.monotonic`).
        raw: the last one.
    """

    account: Account
    nonce: int
    sign: Callable[[Fees], tuple[bytes, bytes]]
    fees: Fees
    hashes: list[bytes] = field(default_factory=list)
    since: float = 0.0
    raw: bytes = b""

    def version(self) -> bytes:
        """The raw transaction with the fees as they are now."""
        self.raw, hash_ = self.sign(self.fees)
        if hash_ not in self.hashes:
            self.hashes.append(hash_)
        self.since = time.monotonic()
        return self.raw


class Flights:
    """Brings the transactions of any accounts into blocks of one chain.

    Args:
        rpc: the connection to its node.
        patience_seconds: after which a transaction that still waits is sent again for higher fees.
        deliver: how the node gets them; plainly where None.

    Raises (every method):
        NodeError: the node does not answer.
    """

    def __init__(self, rpc: Rpc, patience_seconds: float, deliver: Deliver | None = None) -> None:
        self._rpc, self._patience_seconds = rpc, patience_seconds
        self._deliver = deliver or self.deliver
        self._priority: int | None = None
        self._slowest_poll = min(_SLOWEST_POLL_SECONDS, max(_POLL_SECONDS, patience_seconds / 4))

    def _price_after(self, block: dict[str, Any]) -> Price:
        """What gas costs after a block."""
        if self._priority is None:
            (answer,) = self._rpc.responses(PRICE_CALLS[1:])
            self._priority = Price.of("0x0", answer.get("result")).priority
        return Price(int(block.get("baseFeePerGas") or "0x0", 16) + self._priority, self._priority)

    def price(self) -> Price:
        """What gas costs now."""
        return self._price_after(self._rpc.call("eth_getBlockByNumber", "latest", False))

    def place(self, account: Account) -> tuple[int, Price, bool]:
        """The nonce for the account's next transaction, what gas costs, and whether something is stuck with that nonce.

        What waits already has its chance to land first; then its nonce is taken from it.
        """
        end, pause = time.monotonic() + self._patience_seconds, _POLL_SECONDS
        while True:
            calls: list[tuple[str, list[Any]]] = [
                ("eth_getTransactionCount", [account.address, "latest"]),
                ("eth_getTransactionCount", [account.address, "pending"]),
                ("eth_getBlockByNumber", ["latest", False]),
            ]
            landed, known, block = self._rpc.batch(calls)
            if int(known, 16) <= int(landed, 16) or time.monotonic() >= end:
                return int(landed, 16), self._price_after(block), int(known, 16) > int(landed, 16)
            time.sleep(min(pause, max(0.0, end - time.monotonic())))
            pause = min(2 * pause, _SLOWEST_POLL_SECONDS)

    def send(self, flights: Sequence[Flight], *, outbids: bool = True) -> None:
        """Send the transactions as they are now; for more where others wait with their nonces, if it ``outbids`` them.

        Raises RpcError where the node refuses one of which it has no version.
        """
        unsent, refused = list(flights), None
        for _ in range(MOST_RAISES if outbids else 1):
            versions = [(flight, len(flight.hashes), flight.version()) for flight in unsent]
            answers = self._deliver([raw for _, _, raw in versions])
            unsent = []
            for (flight, before, _), answer in zip(versions, answers, strict=True):
                said = verdict(answer)
                if answer is None or said in {Verdict.TAKEN, Verdict.USED}:
                    continue
                del flight.hashes[before:]
                if said is Verdict.OUTBID:
                    flight.fees = flight.fees.outbidding()
                    unsent.append(flight)
                elif not flight.hashes:  # else a version before it can still land
                    refused = refused or answer
            if refused is not None or not unsent:
                break
        left = [flight for flight in unsent if not flight.hashes]
        if refused is None and left:
            refused = next(answer for answer in answers if answer is not None)
        if refused is not None:
            raise refused

    def await_nonces(self, flights: Sequence[Flight], seconds: float) -> list[Flight]:
        """Wait until the nonces of all are used up, and replace what has waited too long; returns what waits still."""
        end, pause = time.monotonic() + seconds, _POLL_SECONDS
        accounts, waiting = list({flight.account.address: None for flight in flights}), list(flights)
        while True:
            counts = self._rpc.batch([("eth_getTransactionCount", [name, "latest"]) for name in accounts])
            used = dict(zip(accounts, (int(count, 16) for count in counts), strict=True))
            waiting = [flight for flight in waiting if flight.nonce >= used[flight.account.address]]
            now = time.monotonic()
            if not waiting or now > end:
                return waiting
            late = [flight for flight in waiting if now - flight.since >= self._patience_seconds]
            if late:
                price = self.price()
                blob_price = self._rpc.quantity("eth_blobBaseFee") if any(each.fees.blob for each in late) else 0
                for flight in late:
                    flight.fees = flight.fees.after_waiting(price, blob_price)
                self.send(late)
            time.sleep(pause)
            pause = min(2 * pause, self._slowest_poll)

    def version_in_block(self, flight: Flight) -> bytes:
        """The hash of the version that is in a block; of the last one where none is known to be."""
        if len(flight.hashes) > 1:
            calls = [("eth_getTransactionReceipt", ["0x" + each.hex()]) for each in flight.hashes]
            for hash_, found in zip(flight.hashes, self._rpc.batch(calls), strict=True):
                if found is not None:
                    return hash_
        return flight.hashes[-1]

    def deliver(self, raw: Sequence[bytes]) -> list[RpcError | None]:
        """What the node says to each transaction: nothing, or why it does not take it."""
        if len(raw) == 1:
            try:
                self._rpc.call("eth_sendRawTransaction", "0x" + raw[0].hex())
            except RpcError as error:
                return [error]
            return [None]
        sends = [("eth_sendRawTransaction", ["0x" + each.hex()]) for each in raw]
        found: list[RpcError | None] = []
        for start in range(0, len(sends), BATCH):
            part = sends[start : start + BATCH]
            for (method, _), answer in zip(part, self._rpc.responses(part), strict=True):
                said = answer.get("error")
                found.append(
                    RpcError(method, said.get("code", 0), said.get("message", ""), said.get("data")) if said else None
                )
        return found
