"""L1 as the services see it: calls beside the event loop, and signed transactions, without the weight of web3.

web3 takes 1.8 s to import, more than everything else a service does before it is ready.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from toolkit.crypto import address_of, keccak256
from toolkit.devnet.replacement import (
    MOST_RAISES,
    PATIENCE_SECONDS,
    PRICE_CALLS,
    Fees,
    Price,
    Verdict,
    late_seconds,
    verdict,
)
from toolkit.devnet.rpc import BATCH, Rpc
from toolkit.devnet.transaction import TX_GAS_CAP, BlobTransaction, Transaction
from toolkit.errors import NodeError, Reverted, RpcError, ServiceError

if TYPE_CHECKING:
    from toolkit.devnet.blobs import Sidecar

_RECEIPT_POLL_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_LOG_BLOCKS = 2_000
_REPEAT_SECONDS = 5.0
"""That a call is tried again for; whoever uses this tries again for longer, and does other things meanwhile."""
_GET_BLOBS = "anvil_getBlobsByTransactionHash"
BLOB_CALLS: Sequence[tuple[str, list[Any]]] = (("eth_blobBaseFee", []), (_GET_BLOBS, ["0x" + 64 * "0"]))
"""What a node must answer that takes blobs and gives them back."""

T = TypeVar("T")

log = logging.getLogger(__name__)


class L1:
    """A JSON-RPC connection to an L1 node that never blocks the event loop.

    Attributes:
        shown: the node's URL as messages show it.
        late_seconds: by which its receipts may be behind its nonces.

    Raises (every method):
        NodeError: the node does not answer.
        RpcError: it answers with an error.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 20.0) -> None:
        self._rpc = Rpc(url, timeout_seconds, patience=_REPEAT_SECONDS)
        self.shown, self.late_seconds = self._rpc.shown, late_seconds(url)
        self._thread = ThreadPoolExecutor(1, "l1")  # one connection, so one call at a time
        self._gives_blobs: bool | None = None

    async def call(self, method: str, *params: Any) -> Any:
        """The result of one call."""
        return await self._run(self._rpc.call, method, *params)

    async def batch(self, calls: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        """The results of many calls, in their order."""
        return await self._run(self._rpc.batch, list(calls))

    async def answers(self, calls: Sequence[tuple[str, list[Any]]]) -> list[Any | RpcError]:
        """The results of many calls in their order, and for each that failed its error."""
        found: list[Any | RpcError] = []
        for start in range(0, len(calls), BATCH):
            part = calls[start : start + BATCH]
            for (method, _), answer in zip(part, await self._run(self._rpc.responses, part), strict=True):
                error = answer.get("error")
                found.append(
                    RpcError(method, error.get("code", 0), error.get("message", ""), error.get("data"))
                    if error
                    else answer["result"]
                )
        return found

    async def idle(self) -> None:
        """Wait until no call is under way any more, nor one whose caller has given up on it."""
        await self._run(lambda: None)

    async def _run(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def close(self) -> None:
        """Close the connection."""
        self._thread.shutdown(wait=False, cancel_futures=True)
        self._rpc.close()

    async def chain_id(self) -> int:
        """The EIP-155 chain id."""
        return int(await self.call("eth_chainId"), 16)

    async def block(self, number: int | str) -> dict[str, Any] | None:
        """A block's header by number or tag; None where there is no such block."""
        tag = hex(number) if isinstance(number, int) else number
        block: dict[str, Any] | None = await self.call("eth_getBlockByNumber", tag, False)
        return block

    async def has_code(self, address: bytes) -> bool:
        """Whether a contract stands at ``address``."""
        return bool(await self.call("eth_getCode", hex_of(address), "latest") not in ("0x", None))

    async def logs(self, query: dict[str, Any], first: int) -> list[dict[str, Any]]:
        """All logs that match, from block ``first`` on: at once, or in parts where the node finds that too much.

        Args:
            query: as eth_getLogs takes it, without the blocks.
        """
        try:
            found: list[dict[str, Any]] = await self.call("eth_getLogs", {**query, "fromBlock": hex(first)})
        except RpcError:
            head, chunk, found = int(await self.call("eth_blockNumber"), 16), _LOG_BLOCKS, []
            while first <= head:
                last = min(head, first + chunk - 1)
                part = {**query, "fromBlock": hex(first), "toBlock": hex(last)}
                try:
                    found += await self.call("eth_getLogs", part)
                except RpcError:
                    if first == last:
                        raise
                    chunk = max(1, (last - first + 1) // 2)
                else:
                    first = last + 1
        return found

    async def read(self, to: bytes, data: bytes) -> bytes:
        """The return data of a call to a view function at the latest block."""
        return bytes_of(await self.call("eth_call", {"to": hex_of(to), "data": hex_of(data)}, "latest"))

    async def blobs(self, transaction: bytes) -> list[bytes]:
        """The blobs that a transaction brought (131,072 bytes each), as the node gives them: not checked.

        Only Anvil gives them by JSON-RPC; other nodes leave it to the consensus layer's.
        """
        found: list[str] | None = await self.call(_GET_BLOBS, hex_of(transaction))
        if found is None:
            raise NodeError(f"{self.shown} has no blobs of the transaction {hex_of(transaction)}")
        return [bytes_of(blob) for blob in found]

    async def gives_blobs(self) -> bool:
        """Whether the node takes blobs and gives them back; it is asked once."""
        if self._gives_blobs is None:
            self._gives_blobs = not any(isinstance(answer, RpcError) for answer in await self.answers(BLOB_CALLS))
        return self._gives_blobs

    async def blob_fee(self) -> int:
        """The price of blob gas in the next block (wei)."""
        return int(await self.call("eth_blobBaseFee"), 16)


@dataclass(frozen=True)
class Receipt:
    """A transaction that is in a block: its hash, the block's number, the gas it used, and the blob gas (EIP-4844)."""

    transaction: bytes
    block: int
    gas_used: int
    succeeded: bool
    blob_gas_used: int = 0


@dataclass
class _Flight:
    """The transaction of a nonce that is not known to be in a block, in all its versions.

    Attributes:
        what: it does: target, calldata, value and blobs.
        hashes: of its versions, any of which may land.
        since: the last one was sent (the event loop's clock).
    """

    nonce: int
    what: tuple[bytes, bytes, int, tuple[bytes, ...]]
    fees: Fees
    since: float
    hashes: list[bytes] = field(default_factory=list)


class Sender:
    """Signs and sends the transactions of one key, one after the other.

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
        timeout_seconds: float = 30.0,
    ) -> None:
        """
        Args:
            errors: the custom errors that the called contracts may answer with, e.g. ``"InboxFull(uint256)"``.
            patience_seconds: after which a transaction that still waits is sent again for higher fees.
            timeout_seconds: after which `send` gives up waiting.
        """
        self.address = address_of(key)
        self._l1, self._key, self._chain_id = l1, key, chain_id
        self._errors = errors
        self._patience_seconds, self._timeout_seconds = patience_seconds, timeout_seconds
        self._flight: _Flight | None = None

    async def next_nonce(self) -> int:
        """The nonce of the next transaction, counting only those in blocks."""
        return int(await self._l1.call("eth_getTransactionCount", hex_of(self.address), "latest"), 16)

    async def send(
        self, to: bytes, data: bytes, *, value: int = 0, nonce: int | None = None, sidecar: Sidecar | None = None
    ) -> Receipt:
        """Send a transaction, with blobs if there is a sidecar, and wait until it is in a block.

        A transaction with the same nonce that still waits is replaced, so a repeated send lands once. One that has
        waited too long, in this call or in those before it, is sent again for higher fees (`Fees.after_waiting`).

        Raises:
            Reverted: a contract refuses it (nothing was sent, or it was mined and failed).
            NodeError, RpcError: the node does not answer or take it.
            ServiceError: it was not mined in time, or another took its nonce.
        """
        if nonce is None:
            nonce = await self.next_nonce()
        call: dict[str, Any] = {
            "from": hex_of(self.address),
            "to": hex_of(to),
            "data": hex_of(data),
            "value": hex(value),
        }
        blob_price = 0
        if sidecar is not None:
            blob_price = await self._l1.blob_fee()
            call["blobVersionedHashes"] = [hex_of(each) for each in sidecar.versioned_hashes]
            call["maxFeePerBlobGas"] = hex(2 * blob_price)
        estimate, gas_price, priority = await self._l1.answers([("eth_estimateGas", [call]), *PRICE_CALLS])
        if isinstance(estimate, RpcError):
            raise explained(estimate, self._errors) from estimate
        if isinstance(gas_price, RpcError):
            raise gas_price
        price, gas = Price.of(gas_price, priority), int(estimate, 16)
        gas = min(TX_GAS_CAP, gas + gas // 10)

        def signed(fees: Fees) -> tuple[bytes, bytes]:
            fields = (self._chain_id, nonce, to, value, data, gas, fees.most, fees.priority)
            if sidecar is None:
                raw = Transaction(*fields).signed(self._key)
                return raw, keccak256(raw)
            return BlobTransaction(*fields, fees.blob, sidecar).signed(self._key)

        now = asyncio.get_running_loop().time()
        what = to, data, value, () if sidecar is None else tuple(sidecar.versioned_hashes)
        flight, before = _Flight(nonce, what, Fees.first(price, blob_price), now), self._flight
        if before is not None and before.nonce == nonce:
            same = before.what == what and bool(before.fees.blob) == bool(flight.fees.blob)
            flight = before if same else replace(flight, fees=_above(before.fees, flight.fees))
        self._flight = flight
        return await self._land(flight, signed)

    async def _land(self, flight: _Flight, signed: Callable[[Fees], tuple[bytes, bytes]]) -> Receipt:
        """Send what is to be sent until one of its versions is in a block."""
        loop = asyncio.get_running_loop()
        deadline, taken_at = loop.time() + self._timeout_seconds, 0.0
        await self._deliver(flight, signed)
        for pause in itertools.chain(_RECEIPT_POLL_SECONDS, itertools.repeat(_RECEIPT_POLL_SECONDS[-1])):
            found = await self._l1.batch([("eth_getTransactionReceipt", [hex_of(each)]) for each in flight.hashes])
            if (landed := next((each for each in found if each is not None), None)) is not None:
                self._flight = None
                receipt = Receipt(
                    bytes_of(landed["transactionHash"]),
                    int(landed["blockNumber"], 16),
                    int(landed["gasUsed"], 16),
                    int(landed["status"], 16) == 1,
                    int(landed.get("blobGasUsed") or "0x0", 16),
                )
                if not receipt.succeeded:
                    raise Reverted("", call=f"the transaction {hex_of(receipt.transaction)}")
                return receipt
            if await self.next_nonce() > flight.nonce:
                # A node may count a transaction a moment before it has the receipt.
                taken_at = taken_at or loop.time()
                if loop.time() > taken_at + self._l1.late_seconds:
                    self._flight = None
                    raise ServiceError(f"another transaction of {hex_of(self.address)} took nonce {flight.nonce}")
            elif loop.time() - flight.since >= self._patience_seconds:
                await self._raise(flight)
                await self._deliver(flight, signed)
            if loop.time() > deadline:
                break
            await asyncio.sleep(pause)
        raise ServiceError(
            f"the transaction {hex_of(flight.hashes[-1])} was not mined within {self._timeout_seconds:g} s"
        )

    async def _raise(self, flight: _Flight) -> None:
        gas, priority = await self._l1.answers(PRICE_CALLS)
        if isinstance(gas, RpcError):
            raise gas
        blob_price = await self._l1.blob_fee() if flight.fees.blob else 0
        flight.fees = flight.fees.after_waiting(Price.of(gas, priority), blob_price)
        flight.since = asyncio.get_running_loop().time()

    async def _deliver(self, flight: _Flight, signed: Callable[[Fees], tuple[bytes, bytes]]) -> None:
        """Send one version; for more where another waits with its nonce, from before a restart perhaps.

        Raises RpcError or Reverted where the node does not take it, and none of the versions before.
        """
        for _ in range(MOST_RAISES):
            raw, hash_ = await asyncio.to_thread(signed, flight.fees)  # a blob transaction is half a megabyte
            is_new = hash_ not in flight.hashes
            if is_new:
                flight.hashes.append(hash_)
                flight.since = asyncio.get_running_loop().time()
            (answer,) = await self._l1.answers([("eth_sendRawTransaction", [hex_of(raw)])])
            said = verdict(answer)
            if said in {Verdict.TAKEN, Verdict.USED}:
                return  # where the nonce is gone, the receipts tell
            if said is Verdict.REFUSED:
                break
            flight.fees = flight.fees.outbidding()
        if is_new:
            flight.hashes.remove(hash_)
        if not flight.hashes:
            self._flight = None
            raise explained(answer, self._errors) from answer
        # What is there already can still land; that it cannot be outbid now is no reason to leave it.
        log.warning("nonce %d is not replaced: %s", flight.nonce, answer)


def _above(waiting: Fees, fees: Fees) -> Fees:
    """``fees``, and enough to take the place of what waits."""
    more = waiting.outbidding()
    return Fees(max(more.most, fees.most), max(more.priority, fees.priority), max(more.blob, fees.blob))


def explained(error: RpcError, errors: Sequence[str]) -> RpcError | Reverted:
    """The revert that an RPC error stands for, or the error itself.

    Args:
        errors: the custom errors that the called contract may answer with, e.g. ``"InboxFull(uint256)"``.
    """
    data = bytes_of(error.data) if isinstance(error.data, str) and error.data.startswith("0x") else b""
    if not data and "revert" not in str(error):
        return error
    known = {selector(each): each for each in errors}
    name, _, types = known.get(data[:4], "").rstrip(")").partition("(")
    words = [data[4 + 32 * i : 36 + 32 * i] for i in range(len(types.split(",")) if types else 0)]
    arguments = [
        int.from_bytes(word, "big") if kind.startswith("uint") else hex_of(word)
        for kind, word in zip(types.split(","), words, strict=False)
    ]
    return Reverted(name, arguments, data, "the transaction")


def hex_of(data: bytes) -> str:
    """``data`` as 0x-prefixed hex."""
    return "0x" + data.hex()


def bytes_of(text: str) -> bytes:
    """The bytes of 0x-prefixed hex."""
    return bytes.fromhex(text[2:])


def selector(signature: str) -> bytes:
    """The 4-byte selector of a function or a custom error, e.g. ``selector("confirm(bytes32)")``."""
    return keccak256(signature.encode())[:4]


def topic(signature: str) -> bytes:
    """The first topic of an event (32 bytes)."""
    return keccak256(signature.encode())
