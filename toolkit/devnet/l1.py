"""L1 as the services see it: calls beside the event loop, and signed transactions, without the weight of web3.

web3 takes 1.8 s to import, more than everything else a service does before it is ready.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from toolkit.crypto import address_of, keccak256
from toolkit.devnet.rpc import BATCH, Rpc
from toolkit.devnet.transaction import TX_GAS_CAP, BlobTransaction, Transaction
from toolkit.errors import NodeError, Reverted, RpcError, ServiceError

if TYPE_CHECKING:
    from toolkit.devnet.blobs import Sidecar

_RECEIPT_POLL_SECONDS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_RECEIPT_LATE_SECONDS = 2.0
_PRIORITY_FEE = 10**9  # wei a gas
_GET_BLOBS = "anvil_getBlobsByTransactionHash"
BLOB_CALLS: Sequence[tuple[str, list[Any]]] = (("eth_blobBaseFee", []), (_GET_BLOBS, ["0x" + 64 * "0"]))
"""What a node must answer that takes blobs and gives them back."""

T = TypeVar("T")


class L1:
    """A JSON-RPC connection to an L1 node that never blocks the event loop.

    Attributes:
        shown: the node's URL as messages show it.

    Raises (every method):
        NodeError: the node does not answer.
        RpcError: it answers with an error.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 20.0) -> None:
        self._rpc = Rpc(url, timeout_seconds)
        self.shown = self._rpc.shown
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


class Sender:
    """Signs and sends the transactions of one key, one after the other.

    Attributes:
        address: the key's 20-byte address.
    """

    def __init__(self, l1: L1, key: bytes, chain_id: int, errors: Sequence[str] = ()) -> None:
        """``errors`` are the custom errors that the called contracts may answer with, e.g. ``"InboxFull(uint256)"``."""
        self.address = address_of(key)
        self._l1, self._key, self._chain_id = l1, key, chain_id
        self._errors = errors

    async def next_nonce(self) -> int:
        """The nonce of the next transaction, counting only those in blocks."""
        return int(await self._l1.call("eth_getTransactionCount", hex_of(self.address), "latest"), 16)

    async def send(
        self, to: bytes, data: bytes, *, value: int = 0, nonce: int | None = None, sidecar: Sidecar | None = None
    ) -> Receipt:
        """Send a transaction, with blobs if there is a sidecar, and wait until it is in a block.

        A transaction with the same nonce that still waits is replaced, so a repeated send lands once.

        Raises:
            Reverted: a contract refuses it (nothing was sent, or it was mined and failed).
            NodeError, RpcError: the node does not answer or take it.
            ServiceError: it was not mined in 30 s, or another took its nonce.
        """
        if nonce is None:
            nonce = await self.next_nonce()
        call: dict[str, Any] = {
            "from": hex_of(self.address),
            "to": hex_of(to),
            "data": hex_of(data),
            "value": hex(value),
        }
        blob_fee = 0
        if sidecar is not None:
            blob_fee = 2 * await self._l1.blob_fee()
            call["blobVersionedHashes"] = [hex_of(each) for each in sidecar.versioned_hashes]
            call["maxFeePerBlobGas"] = hex(blob_fee)
        try:
            estimate, price = await self._l1.batch([("eth_estimateGas", [call]), ("eth_gasPrice", [])])
        except RpcError as error:
            raise explained(error, self._errors) from error
        gas = int(estimate, 16)
        gas = min(TX_GAS_CAP, gas + gas // 10)
        max_fee = 2 * int(price, 16) + _PRIORITY_FEE
        fields = (self._chain_id, nonce, to, value, data, gas, max_fee, _PRIORITY_FEE)
        if sidecar is None:
            raw = Transaction(*fields).signed(self._key)
            return await self._deliver(raw, keccak256(raw), nonce)
        return await self._deliver(*BlobTransaction(*fields, blob_fee, sidecar).signed(self._key), nonce)

    async def _deliver(self, raw: bytes, transaction: bytes, nonce: int, timeout_seconds: float = 30.0) -> Receipt:
        try:
            await self._l1.call("eth_sendRawTransaction", hex_of(raw))
        except RpcError as error:
            known = ("already known", "already imported", "underpriced", "nonce too low")
            if not any(words in str(error) for words in known):
                raise explained(error, self._errors) from error
        loop = asyncio.get_running_loop()
        deadline, taken_at = loop.time() + timeout_seconds, 0.0
        for pause in itertools.chain(_RECEIPT_POLL_SECONDS, itertools.repeat(_RECEIPT_POLL_SECONDS[-1])):
            found = await self._l1.call("eth_getTransactionReceipt", hex_of(transaction))
            if found is not None:
                receipt = Receipt(
                    transaction,
                    int(found["blockNumber"], 16),
                    int(found["gasUsed"], 16),
                    int(found["status"], 16) == 1,
                    int(found.get("blobGasUsed") or "0x0", 16),
                )
                if not receipt.succeeded:
                    raise Reverted("", call=f"the transaction {hex_of(transaction)}")
                return receipt
            if await self.next_nonce() > nonce:
                # A node may count a transaction a moment before it has the receipt.
                taken_at = taken_at or loop.time()
                if loop.time() > taken_at + _RECEIPT_LATE_SECONDS:
                    raise ServiceError(f"another transaction of {hex_of(self.address)} took nonce {nonce}")
            if loop.time() > deadline:
                break
            await asyncio.sleep(pause)
        raise ServiceError(f"the transaction {hex_of(transaction)} was not mined within {timeout_seconds:.0f} s")


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
