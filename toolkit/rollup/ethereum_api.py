"""The read part of Ethereum's JSON-RPC (execution-apis), answered from what a service of the rollup knows.

What its words mean here:

- A block is a batch (`toolkit.rollup.blocks`). "latest" is the last batch on L1, and so is "safe": everybody derives
  the same from L1. "finalized" is the last batch that L1 has confirmed, "earliest" the genesis. "pending" is what was
  confirmed to users and is on its way to L1, all of it as one block on the latest.
- Balances and nonces are present ones, and no others are kept: at the sequencer after all that it has confirmed,
  at a verifier after the last batch on L1. They answer for "latest", "pending", and every name of the latest block.
- An account's nonce is that of its owner's account of ETH; L2 counts each token's operations apart.
- A transaction is an operation, named by the EIP-712 digest that was signed. It is shown as a legacy one, with the
  signature's r, s and v (27 or 28) over that digest. It takes one unit of gas, whose price is the fee that it was
  charged (wei), so that gas times price is true. A withdrawal goes to the Bridge, which pays it on L1. Of another token
  than ETH the operation is shown as the call of ERC-20's ``transfer`` at the token's address.
- There is no code, no storage, and there are no logs. `eth_call` knows ``balanceOf`` at the address of a token that
  somebody holds on L2; any other call ends in nothing, as a call of an account without code does.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from typing import Any, NoReturn

from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.devnet.blobs import MAX_BLOBS
from toolkit.devnet.l1 import hex_of, selector
from toolkit.errors import BadInput
from toolkit.rollup import api, jsonrpc
from toolkit.rollup.blocks import Block, Blocks, Growing, Operation, block_hash
from toolkit.rollup.codec import BLOB_RECORDS
from toolkit.rollup.derive import History
from toolkit.rollup.inbox import MAX_MESSAGES
from toolkit.rollup.machine import Genesis, State
from toolkit.rollup.operations import l2_chain_id

GAS_LIMIT = MAX_BLOBS * BLOB_RECORDS + MAX_MESSAGES
"""Operations that a batch can hold, each of one unit of gas."""
MAX_FEE_HISTORY = 1024
"""Blocks in one answer of eth_feeHistory."""

_ETH = bytes(20)
_TAGS = ("earliest", "finalized", "safe", "latest", "pending")
_BALANCE_OF, _TRANSFER = selector("balanceOf(address)"), selector("transfer(address,uint256)")
_NO_BLOOM, _NO_WORD = hex_of(bytes(256)), hex_of(bytes(32))
_NO_UNCLES = hex_of(keccak256(b"\xc0"))
_INSTEAD = (
    "L2 takes operations that are signed as EIP-712 data, not Ethereum's transactions: send one with 'l2kit transfer' "
    "or 'l2kit withdraw', with RollupClient of toolkit.rollup.client, or with l2_sendTransfer or l2_sendWithdrawal here"
)


@dataclass(frozen=True)
class View:
    """What a service knows at one moment.

    Attributes:
        history: what L1 holds; another object after a reorganisation.
        outcomes: of its batches, as of `toolkit.rollup.derive.Replica`; None where they were not kept.
        state: the present one.
        finalized: batches that L1 has confirmed.
        pending: batches that are not on L1 yet.
        poster: who will post them (20 bytes).
        timestamp: L1's time, seconds.
    """

    history: History
    outcomes: Sequence[bytes] | None
    state: State
    finalized: int
    pending: Sequence[Growing]
    poster: bytes
    timestamp: int


class EthereumApi:
    """Ethereum's methods of one service; all of them only read."""

    def __init__(self, role: str, genesis: Genesis, lock: asyncio.Lock, look: Callable[[], View]) -> None:
        """
        Args:
            role: of the service, for its client version.
            genesis: of the rollup.
            lock: is held while ``look`` is called, and while what it gives is read, but for what L1 holds.
        """
        self._role, self._lock, self._look = role, lock, look
        self._genesis, self._chain_id = genesis, l2_chain_id(genesis.domain)
        self._deriving = asyncio.Lock()
        self._history: History | None = None
        self._blocks = Blocks(genesis)

    def methods(self) -> dict[str, api.Method]:
        """The JSON-RPC methods by name."""
        return {
            "web3_clientVersion": self.client_version,
            "web3_sha3": self.sha3,
            "net_version": self.net_version,
            "net_listening": self.listening,
            "net_peerCount": self.zero,
            "eth_chainId": self.chain_id,
            "eth_syncing": self.syncing,
            "eth_accounts": self.nothing,
            "eth_blockNumber": self.block_number,
            "eth_gasPrice": self.zero,
            "eth_maxPriorityFeePerGas": self.zero,
            "eth_feeHistory": self.fee_history,
            "eth_getBalance": self.balance,
            "eth_getTransactionCount": self.transaction_count,
            "eth_getCode": self.code,
            "eth_getStorageAt": self.storage_at,
            "eth_call": self.call,
            "eth_getBlockByNumber": self.block_by_number,
            "eth_getBlockByHash": self.block_by_hash,
            "eth_getBlockReceipts": self.block_receipts,
            "eth_getBlockTransactionCountByNumber": self.count_by_number,
            "eth_getBlockTransactionCountByHash": self.count_by_hash,
            "eth_getUncleCountByBlockNumber": self.uncles_by_number,
            "eth_getUncleCountByBlockHash": self.uncles_by_hash,
            "eth_getTransactionByHash": self.transaction,
            "eth_getTransactionByBlockNumberAndIndex": self.transaction_by_number,
            "eth_getTransactionByBlockHashAndIndex": self.transaction_by_hash,
            "eth_getTransactionReceipt": self.receipt,
            "eth_getLogs": self.logs,
            "eth_estimateGas": self.refuse,
            "eth_sendTransaction": self.refuse,
            "eth_sendRawTransaction": self.refuse,
            "eth_signTransaction": self.refuse,
        }

    # --- the client and the chain ---

    async def client_version(self) -> str:
        """Who answers."""
        return f"l2kit/v{version('l2kit')}/{self._role}"

    async def sha3(self, data: Any) -> str:
        """Keccak-256 of bytes."""
        return hex_of(keccak256(_bytes(data, "data")))

    async def chain_id(self) -> str:
        """L2's own chain id (`toolkit.rollup.operations.l2_chain_id`)."""
        return hex(self._chain_id)

    async def net_version(self) -> str:
        """The chain id in decimal digits."""
        return str(self._chain_id)

    async def listening(self) -> bool:
        """Whether this service takes connections: it does."""
        return True

    async def syncing(self) -> bool:
        """A service answers only after it has read L1, so no."""
        return False

    async def nothing(self) -> list[Any]:
        """An empty list."""
        return []

    async def zero(self) -> str:
        """The quantity 0: of peers, and of the fee that the sequencer asks for."""
        return "0x0"

    async def refuse(self, *_ignored: Any) -> NoReturn:
        """What Ethereum's transactions would need."""
        raise jsonrpc.ApiError(jsonrpc.UNSUPPORTED, _INSTEAD)

    # --- the present state ---

    async def balance(self, address: Any, block: Any = "latest") -> str:
        """Wei of ETH that an address holds on L2."""
        return hex((await self._account(address, block))[0])

    async def transaction_count(self, address: Any, block: Any = "latest") -> str:
        """Operations that an address has signed on its account of ETH."""
        return hex((await self._account(address, block))[1])

    async def code(self, address: Any, block: Any = "latest") -> str:
        """No bytes: there are no contracts on L2."""
        await self._account(address, block)
        return "0x"

    async def storage_at(self, address: Any, slot: Any, block: Any = "latest") -> str:
        """Zero: there are no contracts on L2."""
        _index(slot, "slot", 256)
        await self._account(address, block)
        return _NO_WORD

    async def call(self, transaction: Any, block: Any = "latest") -> str:
        """An owner's balance where the call is a token's ``balanceOf``, else no bytes."""
        if not isinstance(transaction, dict):
            raise BadInput(f"a call is an object, not {type(transaction).__name__}")
        given = transaction.get("input", transaction.get("data"))
        asked = b"" if given is None else _bytes(given, "input")
        to = None if transaction.get("to") is None else jsonrpc.data(transaction["to"], "to", 20)
        async with self._lock:
            state = self._present(block).state
            if to in (None, _ETH) or len(asked) != 36 or asked[:4] != _BALANCE_OF or any(asked[4:16]):
                return "0x"
            held = state.index_of(asked[16:], to)
            if held is None and not any(account.token == to for account in state.accounts):
                return "0x"
            return hex_of((0 if held is None else state.accounts[held].balance).to_bytes(32, "big"))

    # --- blocks ---

    async def block_number(self) -> str:
        """The number of the latest block: batches on L1."""
        async with self._lock:
            return hex(len(self._look().history.posted))

    async def block_by_number(self, block: Any, full: Any = False) -> dict[str, Any] | None:
        """A block by number or tag, with its transactions where ``full``, else with their hashes."""
        return self._shown(await self._block(_number_or_tag(block)), full)

    async def block_by_hash(self, hash: Any, full: Any = False) -> dict[str, Any] | None:
        """As `block_by_number`."""
        return self._shown(await self._block(jsonrpc.data(hash, "hash", 32)), full)

    async def block_receipts(self, block: Any) -> list[dict[str, Any]] | None:
        """The receipts of a block's transactions."""
        found = await self._block(_block_name(block))
        return (
            None
            if found is None or found.hash is None
            else [receipt_json(each, found, self._genesis.bridge) for each in found.operations]
        )

    async def count_by_number(self, block: Any) -> str | None:
        """How many transactions a block has."""
        return _count(await self._block(_number_or_tag(block)))

    async def count_by_hash(self, hash: Any) -> str | None:
        """How many transactions a block has."""
        return _count(await self._block(jsonrpc.data(hash, "hash", 32)))

    async def uncles_by_number(self, block: Any) -> str | None:
        """None has any."""
        return None if await self._block(_number_or_tag(block)) is None else "0x0"

    async def uncles_by_hash(self, hash: Any) -> str | None:
        """None has any."""
        return None if await self._block(jsonrpc.data(hash, "hash", 32)) is None else "0x0"

    async def fee_history(self, count: Any, newest: Any, percentiles: Any = None) -> dict[str, Any]:
        """Fees of the blocks up to ``newest``; the base fee is always 0."""
        wanted, name = _index(count, "the block count", 64), _number_or_tag(newest)
        if percentiles is not None and not _ascend(percentiles):
            raise BadInput("the percentiles are not a list of numbers that ascend from 0 to 100")
        async with self._chain() as (view, blocks):
            latest = len(blocks.all) - 1
            last = latest if name == "pending" else _number(name, view)
            if last > latest:
                raise jsonrpc.ApiError(jsonrpc.NOT_FOUND, f"there is no block {last}; the latest is {latest}")
            first = last + 1 - min(wanted, MAX_FEE_HISTORY, last + 1)
            return fee_history_json(blocks.all[first : last + 1], first, percentiles)

    # --- transactions ---

    async def transaction(self, hash: Any) -> dict[str, Any] | None:
        """An operation by its hash; one that is not on L1 yet is in no block."""
        name = jsonrpc.data(hash, "hash", 32)
        async with self._chain() as (view, blocks):
            if found := blocks.operation(name):
                return transaction_json(found, blocks.all[found.block], self._genesis.bridge)
            if not view.pending:
                return None
            block = await self._pending(view, blocks)
            pending = next((each for each in block.operations if each.hash == name), None)
            return None if pending is None else transaction_json(pending, block, self._genesis.bridge)

    async def transaction_by_number(self, block: Any, index: Any) -> dict[str, Any] | None:
        """A block's transaction by its place."""
        return self._at(await self._block(_number_or_tag(block)), index)

    async def transaction_by_hash(self, hash: Any, index: Any) -> dict[str, Any] | None:
        """A block's transaction by its place."""
        return self._at(await self._block(jsonrpc.data(hash, "hash", 32)), index)

    async def receipt(self, hash: Any) -> dict[str, Any] | None:
        """The receipt of an operation that is on L1; none before that."""
        name = jsonrpc.data(hash, "hash", 32)
        async with self._chain() as (_, blocks):
            found = blocks.operation(name)
            return None if found is None else receipt_json(found, blocks.all[found.block], self._genesis.bridge)

    async def logs(self, filter: Any) -> list[Any]:
        """None: nothing on L2 emits any."""
        if not isinstance(filter, dict):
            raise BadInput(f"a filter is an object, not {type(filter).__name__}")
        return []

    # --- what is asked ---

    async def _account(self, address: Any, block: Any) -> tuple[int, int]:
        """Balance and nonce of an address's account of ETH."""
        owner = jsonrpc.data(address, "address", 20)
        async with self._lock:
            state = self._present(block).state
            index = state.index_of(owner, _ETH)
            return (0, 0) if index is None else state.accounts[index][2:]

    def _present(self, block: Any) -> View:
        """What is known now, where ``block`` names that; the lock must be held.

        Raises:
            ApiError: it names a block whose state is not kept, or none.
        """
        name, view = _block_name(block), self._look()
        latest = len(view.history.posted)
        if isinstance(name, bytes):
            if name == self._hash(view, latest):
                return view
            raise jsonrpc.ApiError(
                jsonrpc.UNAVAILABLE,
                f"the block {hex_of(name)} is not the latest, {latest}: only the present balances and nonces are kept",
            )
        if name == "pending" or (number := _number(name, view)) == latest:
            return view
        if number > latest:
            raise jsonrpc.ApiError(jsonrpc.NOT_FOUND, f"there is no block {number}; the latest is {latest}")
        raise jsonrpc.ApiError(
            jsonrpc.UNAVAILABLE,
            f"block {number} is before the latest, {latest}: only the present balances and nonces are kept",
        )

    def _hash(self, view: View, number: int) -> bytes:
        posted = view.history.posted
        return block_hash(posted[number - 1].accumulator if number else self._genesis.accumulator)

    @asynccontextmanager
    async def _chain(self) -> AsyncIterator[tuple[View, Blocks]]:
        """What is known now (but for the state, which goes on), and the blocks up to then."""
        async with self._deriving:
            async with self._lock:
                view = self._look()
                posted = view.history.posted[:]
            if view.history is not self._history:
                self._history, self._blocks = view.history, Blocks(self._genesis)
            if len(posted) >= len(self._blocks.all):
                await asyncio.to_thread(self._blocks.extend, posted, view.outcomes)
            yield view, self._blocks

    async def _block(self, name: int | str | bytes) -> Block | None:
        async with self._chain() as (view, blocks):
            if name == "pending":
                return await self._pending(view, blocks)
            if isinstance(name, bytes):
                return blocks.by_hash(name)
            number = _number(name, view)
            return blocks.all[number] if number < len(blocks.all) else None

    async def _pending(self, view: View, blocks: Blocks) -> Block:
        return await asyncio.to_thread(blocks.pending, view.pending, view.poster, view.timestamp)

    def _shown(self, block: Block | None, full: Any) -> dict[str, Any] | None:
        if not isinstance(full, bool):
            raise BadInput("whether transactions are shown in full is true or false")
        return None if block is None else block_json(block, self._genesis.bridge, full=full)

    def _at(self, block: Block | None, index: Any) -> dict[str, Any] | None:
        place = _index(index, "the index", 64)
        if block is None or place >= len(block.operations):
            return None
        return transaction_json(block.operations[place], block, self._genesis.bridge)


# --- the translation ---


def block_json(block: Block, bridge: bytes, *, full: bool = False) -> dict[str, Any]:
    """A block as execution-apis has it; what no batch has is zero or empty.

    Args:
        bridge: the Bridge's 20-byte address, as of `transaction_json`.
        full: whether its transactions are shown whole, not by their hashes.
    """
    shown: dict[str, Any] = {
        "number": hex(block.number),
        "hash": None if block.hash is None else hex_of(block.hash),
        "parentHash": hex_of(block.parent),
        "timestamp": hex(block.timestamp),
        "miner": checksum(block.poster),
        "stateRoot": hex_of(block.state_root),
        "transactionsRoot": hex_of(block.records_root),
        "receiptsRoot": hex_of(block.outbox_root),
        "logsBloom": _NO_BLOOM,
        "sha3Uncles": _NO_UNCLES,
        "uncles": [],
        "difficulty": "0x0",
        "nonce": hex_of(bytes(8)),
        "mixHash": _NO_WORD,
        "extraData": "0x",
        "size": hex(block.size),
        "gasLimit": hex(GAS_LIMIT),
        "gasUsed": hex(len(block.operations)),
        "baseFeePerGas": "0x0",
        "transactions": [
            transaction_json(each, block, bridge) if full else hex_of(each.hash) for each in block.operations
        ],
    }
    if block.l1_block is not None and block.l1_transaction is not None:
        shown |= {"l1BlockNumber": hex(block.l1_block), "l1TransactionHash": hex_of(block.l1_transaction)}
    return shown


def transaction_json(operation: Operation, block: Block, bridge: bytes) -> dict[str, Any]:
    """An operation as a legacy transaction; ``bridge`` (20 bytes) is where withdrawals go."""
    to, value, data = _call_of(operation, bridge)
    signature = operation.signature
    return {
        "type": "0x0",
        "hash": hex_of(operation.hash),
        "nonce": hex(operation.nonce),
        **_place(operation, block),
        "blockTimestamp": None if block.hash is None else hex(block.timestamp),
        "from": checksum(operation.owner),
        "to": checksum(to),
        "value": hex(value),
        "gas": "0x1",
        "gasPrice": hex(_price(operation)),
        "input": hex_of(data),
        "r": hex(int.from_bytes(signature[:32], "big")),
        "s": hex(int.from_bytes(signature[32:], "big") & ((1 << 255) - 1)),
        "v": hex(27 + (signature[32] >> 7)),
    }


def receipt_json(operation: Operation, block: Block, bridge: bytes) -> dict[str, Any]:
    """The receipt of an operation in a block on L1; ``bridge`` as of `transaction_json`."""
    return {
        "type": "0x0",
        "transactionHash": hex_of(operation.hash),
        **_place(operation, block),
        "from": checksum(operation.owner),
        "to": checksum(_call_of(operation, bridge)[0]),
        "cumulativeGasUsed": hex(operation.index + 1),
        "gasUsed": "0x1",
        "effectiveGasPrice": hex(_price(operation)),
        "contractAddress": None,
        "logs": [],
        "logsBloom": _NO_BLOOM,
        "status": "0x1",
    }


def fee_history_json(blocks: Sequence[Block], first: int, percentiles: Sequence[float] | None = None) -> dict[str, Any]:
    """The answer of eth_feeHistory about ``blocks``, of which the first has the number ``first``."""
    shown: dict[str, Any] = {
        "oldestBlock": hex(first),
        "baseFeePerGas": ["0x0"] * (len(blocks) + 1),
        "gasUsedRatio": [len(block.operations) / GAS_LIMIT for block in blocks],
    }
    if percentiles is not None:
        shown["reward"] = [[hex(price) for price in _prices(block, percentiles)] for block in blocks]
    return shown


def _prices(block: Block, percentiles: Sequence[float]) -> list[int]:
    """The price at each percentile of a block's gas, 0 where it has none."""
    prices = sorted(map(_price, block.operations)) or [0]
    return [prices[max(0, math.ceil(each / 100 * len(prices)) - 1)] for each in percentiles]


def _call_of(operation: Operation, bridge: bytes) -> tuple[bytes, int, bytes]:
    """Address, wei and calldata of the transaction that an operation is like."""
    recipient = bridge if operation.to is None else operation.to
    if operation.token == _ETH:
        return recipient, operation.amount, b""
    return operation.token, 0, _TRANSFER + recipient.rjust(32, b"\0") + operation.amount.to_bytes(32, "big")


def _price(operation: Operation) -> int:
    """Wei that an operation was charged; a fee in another token has no price in wei."""
    return operation.fee if operation.token == _ETH else 0


def _place(operation: Operation, block: Block) -> dict[str, Any]:
    if block.hash is None:
        return {"blockHash": None, "blockNumber": None, "transactionIndex": None}
    return {
        "blockHash": hex_of(block.hash),
        "blockNumber": hex(block.number),
        "transactionIndex": hex(operation.index),
    }


def _count(block: Block | None) -> str | None:
    return None if block is None else hex(len(block.operations))


# --- what comes in ---


def _block_name(value: Any) -> int | str | bytes:
    """A block by number, tag or 32-byte hash, as text or as an object (EIP-1898)."""
    if isinstance(value, dict):
        if "blockHash" in value:
            return jsonrpc.data(value["blockHash"], "blockHash", 32)
        value = value.get("blockNumber")
    if isinstance(value, str) and len(value) == 66:
        return jsonrpc.data(value, "the block", 32)
    return _number_or_tag(value)


def _number_or_tag(value: Any) -> int | str:
    return value if isinstance(value, str) and value in _TAGS else _index(value, "the block", 64, " nor a tag")


def _number(name: int | str, view: View) -> int:
    """The number of a block that is on L1, or by its number may be."""
    if isinstance(name, int):
        return name
    latest = len(view.history.posted)
    return {"earliest": 0, "finalized": view.finalized}.get(name, latest)


def _index(value: Any, what: str, bits: int, or_else: str = "") -> int:
    """A quantity: 0x-hex, or a JSON number. Decimal text is none (EIP-1474), for it may be meant as hex."""
    if isinstance(value, str) and value[:2] != "0x":
        raise BadInput(f"{what} {value[:20]!r} is not a quantity in 0x-hex{or_else}")
    return jsonrpc.quantity(value, what, bits)


def _bytes(value: Any, what: str) -> bytes:
    if not isinstance(value, str):
        raise BadInput(f"{what} is not 0x-hex")
    return jsonrpc.data(value, what, max(0, len(value) - 2) // 2)


def _ascend(percentiles: Any) -> bool:
    if not isinstance(percentiles, list) or len(percentiles) > 100:
        return False
    if not all(isinstance(each, (int, float)) and not isinstance(each, bool) for each in percentiles):
        return False
    return all(low <= high for low, high in pairwise([0, *percentiles, 100]))
