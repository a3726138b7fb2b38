"""One L1 chain seen by a client that signs locally: contracts, transactions, receipts, reverts."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from threading import Thread
from typing import Any, cast

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from eth_utils.abi import collapse_if_tuple
from hexbytes import HexBytes
from web3 import Web3
from web3.contract import Contract
from web3.contract.contract import ContractFunction
from web3.exceptions import ContractLogicError, TransactionNotFound, Web3RPCError
from web3.providers.base import JSONBaseProvider
from web3.types import RPCEndpoint, RPCResponse, TxParams, TxReceipt

from toolkit.compile import artifact, compile_contracts
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import Account
from toolkit.devnet.blobs import Sidecar, make_sidecar, versioned_hash
from toolkit.devnet.l1 import BLOB_CALLS
from toolkit.devnet.rpc import BATCH, Rpc
from toolkit.devnet.transaction import TX_GAS_CAP, BlobTransaction, Transaction
from toolkit.errors import BadInput, NodeError, Reverted, RpcError

BURST = 2 * BATCH
"""Transactions that wait to be mined at the same time; Anvil's automine stands still when about 1,000 do."""
_TIP = 10**9
_MINED_SECONDS = 120.0
_STUCK_SECONDS = 30.0
_POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Call:
    """What one transaction of `Chain.send_many` does.

    Attributes:
        account: who signs and pays.
        to: the called address (EIP-55 text).
        value: wei sent along.
        data: calldata.
        gas: its gas limit.
    """

    account: Account
    to: str
    value: int = 0
    data: bytes = b""
    gas: int = 100_000


class Chain:
    """A connection to an L1 node.

    Attributes:
        rpc: the JSON-RPC connection.
        w3: the same connection as web3 sees it, for contracts and logs.
        chain_id: the EIP-155 chain id.

    Raises (every method):
        NodeError: the node does not answer.
    """

    def __init__(self, url: str, *, packs_blocks: bool = False) -> None:
        """
        Args:
            packs_blocks: whether `send_many` tells Anvil when to mine, so that the same transactions are in the same
                blocks each time; else the node mines as it likes.
        """
        self.rpc = Rpc(url)
        self._packs_blocks = packs_blocks
        self.w3 = Web3(_Provider(self.rpc))
        self.chain_id = self.rpc.quantity("eth_chainId")

    def now(self) -> int:
        """The latest block's timestamp (seconds)."""
        return int(self._block()["timestamp"], 16)

    def block_number(self) -> int:
        """The latest block's number."""
        return self.rpc.quantity("eth_blockNumber")

    def balance(self, address: str) -> int:
        """The balance of ``address`` in wei."""
        return self.rpc.quantity("eth_getBalance", address, "latest")

    def contract(self, name: str, address: str) -> Contract:
        """The contract of our artifact ``name`` at ``address``.

        Raises BadInput where there is no code at that address.
        """
        if self.rpc.call("eth_getCode", address, "latest") in ("0x", "0x0"):
            raise BadInput(f"there is no contract at {address} on chain {self.chain_id}: {name} is not deployed there")
        return self.w3.eth.contract(address=Web3.to_checksum_address(address), abi=artifact(name).abi)

    def deploy(self, account: Account, name: str, *arguments: Any, value: int = 0) -> tuple[Contract, TxReceipt]:
        """Deploy our artifact ``name``; returns the contract and the deployment's receipt."""
        found = artifact(name)
        factory = self.w3.eth.contract(abi=found.abi, bytecode=found.bytecode)
        data = bytes.fromhex(str(factory.constructor(*arguments).data_in_transaction)[2:])
        receipt = self.send(account, data=data, value=value)
        address = receipt["contractAddress"]
        if address is None:
            raise NodeError(f"the node's receipt of {name}'s deployment has no contract address")
        return self.w3.eth.contract(address=address, abi=found.abi), receipt

    def call(self, function: ContractFunction, **transaction: Any) -> Any:
        """The result of a view call; raises Reverted with the contract's own error."""
        try:
            return function.call(cast(TxParams, transaction))
        except ContractLogicError as error:
            raise _reverted(error.data, function.fn_name) from error
        except Web3RPCError as error:
            raise NodeError(str(error)) from error

    def send(
        self,
        account: Account,
        function: ContractFunction | None = None,
        *,
        to: str | None = None,
        value: int = 0,
        data: bytes = b"",
        gas: int | None = None,
        blobs: Sequence[bytes] = (),
    ) -> TxReceipt:
        """Sign a transaction, send it and wait for its receipt.

        Args:
            account: who signs and pays.
            function: a bound contract function; else ``to`` and ``data`` say what is called (``to`` None: create).
            value: wei sent along.
            gas: the gas limit; the node's estimate where None.
            blobs: that the transaction carries (EIP-4844), of up to 131,072 bytes each, trailing zeros left out.

        Raises:
            Reverted: the contract refused; nothing was sent where the estimate already says so.
            BadInput: the account cannot pay, or the blobs are none.
            RpcError: the node does not take it.
        """
        what = "the deployment" if function is None and to is None else "the transaction"
        if function is not None:
            priced = {"gas": 0, "nonce": 0, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "chainId": self.chain_id}
            built = function.build_transaction(cast(TxParams, {**priced, "value": value}))  # asks the node nothing
            to, data, what = str(built["to"]), bytes.fromhex(str(built["data"])[2:]), function.fn_name
        request: dict[str, Any] = {"from": account.address, "value": hex(value), "data": "0x" + data.hex()}
        if to is not None:
            request["to"] = to
        sidecar = make_sidecar(blobs) if blobs else None
        if sidecar is not None:
            request["blobVersionedHashes"] = ["0x" + each.hex() for each in sidecar.versioned_hashes]
            request["maxFeePerBlobGas"] = hex(self._blob_fee())
        try:
            if gas is None:
                estimate = self.rpc.quantity("eth_estimateGas", request, "pending")
                # Never below the estimate: it may be above the cap where there is none, or where it spares state gas.
                gas = max(estimate, min(TX_GAS_CAP, estimate + estimate // 10))
            fields = (account, to, value, data, gas, self.nonce(account), *self._fees())
            raw, tx_hash = self._signed(*fields, sidecar)
            self.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())
        except RpcError as error:
            raise _explained(error, what, account) from error
        (receipt,) = self.receipts([tx_hash])
        if receipt["status"] != 1:
            raise self._why(request, receipt, what)
        return receipt

    def send_many(self, calls: Sequence[Call]) -> list[TxReceipt]:
        """Send many transactions in order, as JSON-RPC batches; returns their receipts in order.

        Raises:
            Reverted: for the first one that failed; those before it stand.
            BadInput: an account cannot pay.
        """
        fees = self._fees(headroom=20)
        nonces: dict[str, int] = {}
        receipts: list[TxReceipt] = []
        for part in self._parts(calls, fees[0]):
            signed = []
            for call in part:
                name = call.account.address
                nonces[name] = nonces[name] + 1 if name in nonces else self.nonce(call.account)
                signed.append(self._signed(call.account, call.to, call.value, call.data, call.gas, nonces[name], *fees))
            try:
                self._deliver([raw for raw, _ in signed])
            except RpcError as error:
                raise _explained(error, "one of the transactions", None) from error
            new = self.receipts([tx_hash for _, tx_hash in signed])
            for call, receipt in zip(part, new, strict=True):
                if receipt["status"] != 1:
                    request = {"from": call.account.address, "to": call.to, "value": hex(call.value)}
                    request["data"] = "0x" + call.data.hex()
                    raise self._why(request, receipt, f"the transaction to {call.to}")
            receipts += new
        return receipts

    def _deliver(self, raw: Sequence[bytes]) -> None:
        sends = [("eth_sendRawTransaction", ["0x" + each.hex()]) for each in raw]
        if not self._packs_blocks or len(raw) == 1:
            self.rpc.batch(sends)
            return
        self.rpc.call("evm_setAutomine", False)
        try:
            self.rpc.batch(sends)
            for _ in raw:
                self.rpc.call("evm_mine")
                if not int(self.rpc.call("txpool_status")["pending"], 16):
                    break
        finally:
            self.rpc.call("evm_setAutomine", True)

    def _parts(self, calls: Sequence[Call], max_fee: int) -> Iterator[list[Call]]:
        """The calls in parts of `BURST` at most, each to be mined before the next.

        A node takes only what the sender can pay from what it owned before the part.
        """
        part: list[Call] = []
        left: dict[str, int] = {}
        for call in calls:
            name, spends = call.account.address, call.value + call.gas * max_fee
            if name not in left:
                left[name] = self.balance(name)
            if part and (left[name] < spends or len(part) == BURST):
                yield part
                part, left = [], {name: self.balance(name)}
            left[name] -= spends
            part.append(call)
        if part:
            yield part

    def receipts(self, tx_hashes: Iterable[bytes]) -> list[TxReceipt]:
        """The receipts of transactions in order, waiting for each to be mined."""
        pending, found = [HexBytes(tx_hash) for tx_hash in tx_hashes], []
        deadline = time.monotonic() + _MINED_SECONDS
        stuck = time.monotonic() + _STUCK_SECONDS
        while pending:
            part = pending[:BATCH]
            try:
                with self.w3.batch_requests() as batch:
                    for tx_hash in part:
                        batch.add(self.w3.eth.get_transaction_receipt(tx_hash))
                    found += cast(list[TxReceipt], batch.execute())
            except TransactionNotFound as error:
                if time.monotonic() > deadline:
                    raise NodeError(f"{error} within {_MINED_SECONDS} s") from error
                if time.monotonic() > stuck:  # a busy Anvil has left the last of a burst in its pool (seen once)
                    stuck = time.monotonic() + _STUCK_SECONDS
                    with suppress(RpcError):
                        self.rpc.call("evm_mine")
                time.sleep(_POLL_SECONDS)
            else:
                del pending[: len(part)]
        return found

    def mined(self, first: int, last: int | None = None) -> list[TxReceipt]:
        """The receipts of all transactions in the blocks from ``first`` to ``last`` (the latest where None), in order.

        Block by block and not by eth_getBlockReceipts, which Hardhat has not.
        """
        hashes = list[bytes]()
        for number in range(first, (self.block_number() if last is None else last) + 1):
            found = self.rpc.call("eth_getBlockByNumber", hex(number), False)
            hashes += [bytes.fromhex(each[2:]) for each in found["transactions"]]
        return self.receipts(hashes)

    def gives_blobs(self) -> bool:
        """Whether the node takes blobs and gives them back."""
        return not any("error" in answer for answer in self.rpc.responses(BLOB_CALLS))

    def prepare_for_blobs(self) -> None:
        """Have the node load its trusted setup while we go on: its first blob would take two seconds longer."""
        Thread(target=_prepare_for_blobs, args=(self.rpc.url,), daemon=True).start()

    def nonce(self, account: Account) -> int:
        """The nonce of the account's next transaction."""
        return self.rpc.quantity("eth_getTransactionCount", account.address, "pending")

    def _block(self) -> dict[str, Any]:
        block: dict[str, Any] = self.rpc.call("eth_getBlockByNumber", "latest", False)
        return block

    def _fees(self, headroom: int = 2) -> tuple[int, int]:
        return headroom * int(self._block().get("baseFeePerGas", "0x0"), 16) + _TIP, _TIP

    def _signed(
        self,
        account: Account,
        to: str | None,
        value: int,
        data: bytes,
        gas: int,
        nonce: int,
        max_fee: int,
        tip: int,
        sidecar: Sidecar | None = None,
    ) -> tuple[bytes, bytes]:
        recipient = None if to is None else bytes.fromhex(to[2:])
        fields = (value, data, gas, max_fee, tip)
        if sidecar is None:
            raw = Transaction(self.chain_id, nonce, recipient, *fields).signed(account.key)
            return raw, keccak256(raw)
        if recipient is None:
            raise BadInput("a transaction with blobs creates no contract (EIP-4844)")
        transaction = BlobTransaction(self.chain_id, nonce, recipient, *fields, self._blob_fee(), sidecar)
        return transaction.signed(account.key)

    def _blob_fee(self) -> int:
        """Wei a blob gas at most, with room for it to rise."""
        return 2 * self.rpc.quantity("eth_blobBaseFee")

    def _why(self, request: dict[str, Any], receipt: TxReceipt, what: str) -> Reverted:
        try:
            self.rpc.call("eth_call", request, hex(receipt["blockNumber"]))
        except RpcError as error:
            return _reverted(_revert_data(error), what)
        return Reverted("", call=f"{what} (out of {receipt['gasUsed']:,} gas)")


def evaluate_zero(rpc: Rpc) -> bytes:
    """What a node's point evaluation precompile (EIP-4844) answers for the polynomial that is zero everywhere."""
    infinity = b"\xc0" + bytes(47)  # its commitment, and every proof
    data = versioned_hash(infinity) + bytes(64) + infinity + infinity
    return bytes(HexBytes(rpc.call("eth_call", {"to": "0x" + 39 * "0" + "a", "data": "0x" + data.hex()}, "latest")))


def _prepare_for_blobs(url: str) -> None:
    rpc = Rpc(url)
    with suppress(NodeError):  # then it is not prepared
        evaluate_zero(rpc)
    rpc.close()


class _Provider(JSONBaseProvider):
    """web3's view of an `Rpc`."""

    def __init__(self, rpc: Rpc) -> None:
        super().__init__()
        self._rpc = rpc

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        return cast(RPCResponse, self._rpc.response(method, params))

    def make_batch_request(self, requests: list[tuple[RPCEndpoint, Any]]) -> list[RPCResponse]:
        return [cast(RPCResponse, answer) for answer in self._rpc.responses(requests)]

    def is_connected(self, show_traceback: bool = False) -> bool:
        return self._rpc.answers()


def _explained(error: RpcError, what: str, account: Account | None) -> Exception:
    data = _revert_data(error)
    text = str(error).lower()
    if data or "revert" in text:
        return _reverted(data, what)
    if "insufficient" in text or "doesn't have enough funds" in text or "exceeds balance" in text:
        who = f"{account.name} ({account.address})" if account else "an account"
        return BadInput(f"{who} cannot pay for {what}: {error}")
    return error


def _revert_data(error: RpcError) -> bytes:
    found: Any = error.data
    while isinstance(found, dict):
        found = found.get("data")
    if isinstance(found, str) and found.startswith("0x"):
        return bytes.fromhex(found[2:])
    return b""


def _reverted(data: Any, what: str) -> Reverted:
    raw = data if isinstance(data, bytes) else b""
    if isinstance(data, str) and data.startswith("0x"):
        raw = bytes.fromhex(data[2:])
    known = _errors().get(raw[:4])
    if known is not None:
        try:
            return Reverted(known[0], decode(known[1], raw[4:]), raw, what)
        except DecodingError:
            pass
    return Reverted("", data=raw, call=what)


@cache
def _errors() -> dict[bytes, tuple[str, list[str]]]:
    """Every custom error of our contracts, and Solidity's own two, by selector."""
    known = {
        bytes.fromhex("08c379a0"): ("Error", ["string"]),
        bytes.fromhex("4e487b71"): ("Panic", ["uint256"]),
    }
    for found in compile_contracts().values():
        for entry in found.abi:
            if entry["type"] == "error":
                types = [collapse_if_tuple(dict(each)) for each in entry["inputs"]]
                selector = keccak256(f"{entry['name']}({','.join(types)})".encode())[:4]
                known[selector] = (entry["name"], types)
    return known
