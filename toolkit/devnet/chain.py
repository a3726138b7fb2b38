"""One L1 chain seen by a client that signs locally: contracts, transactions, receipts, reverts."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
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
from toolkit.devnet.flights import Flight, Flights
from toolkit.devnet.l1 import BLOB_CALLS
from toolkit.devnet.replacement import PATIENCE_SECONDS, Fees, Verdict, late_seconds, verdict
from toolkit.devnet.rpc import BATCH, Rpc
from toolkit.devnet.transaction import TX_GAS_CAP, BlobTransaction, Transaction
from toolkit.errors import BadInput, NodeError, Reverted, RpcError

BURST = 2 * BATCH
"""Transactions that wait to be mined at the same time; Anvil's automine stands still when about 1,000 do."""
TRANSFER_GAS = 21_000
MINED_SECONDS = 120.0
"""That a transaction may take into a block before who waits for it gives up."""
_TRIES = 3
"""To get a nonce that nobody else takes at the same moment."""
_POLL_SECONDS = 0.02
_SLOWEST_POLL_SECONDS = 1.0
_HEADROOM = 20
"""Times the base fee that the transactions of `Chain.send_many` may pay: many fill many blocks, and it rises."""


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


class Overtaken(NodeError):
    """Another transaction of the same account has taken a nonce of ours, so ours can land no more."""


class Chain:
    """A connection to an L1 node.

    A transaction that waits too long is replaced by the same for higher fees (`toolkit.devnet.replacement`); whichever
    version lands is it. What a run before this one has left waiting gets the same patience, and is then replaced, so
    that no stuck nonce keeps back what comes after it.

    Attributes:
        rpc: the JSON-RPC connection.
        w3: the same connection as web3 sees it, for contracts and logs.
        chain_id: the EIP-155 chain id.
        flights: what brings transactions into blocks.

    Raises (every method):
        NodeError: the node does not answer.
    """

    def __init__(
        self,
        url: str,
        *,
        packs_blocks: bool = False,
        patience_seconds: float = PATIENCE_SECONDS,
        mined_seconds: float = MINED_SECONDS,
        confirmations: int = 0,
        rpc: Rpc | None = None,
        chain_id: int | None = None,
    ) -> None:
        """
        Args:
            packs_blocks: whether `send_many` tells Anvil when to mine, so that the same transactions are in the same
                blocks each time; else the node mines as it likes.
            patience_seconds: after which a transaction that still waits is sent again for higher fees.
            mined_seconds: after which nobody waits for one any more.
            confirmations: blocks that must follow a transaction's own before `send` and `send_many` return. What a
                reorganisation has undone until then is sent again.
            rpc: a connection to be used; one of its own where None.
            chain_id: that the node must be on, as it was when it was let in; any where None.

        Raises:
            NodeError: it is on another one by now: nothing is signed for that.
        """
        self.rpc = rpc or Rpc(url)
        self.flights = Flights(self.rpc, patience_seconds, self._deliver)
        self._packs_blocks, self._mined_seconds = packs_blocks, mined_seconds
        self._confirmations = confirmations
        # Wei a gas that nobody pays, so that of two who send the same at the same moment neither takes the other's
        # transaction for its own.
        self._own = 0 if packs_blocks else secrets.randbelow(1 << 16)
        self.w3 = Web3(_Provider(self.rpc))
        self.chain_id = self.rpc.quantity("eth_chainId")
        if chain_id is not None and self.chain_id != chain_id:
            raise NodeError(f"the node at {self.rpc.shown} was on chain {chain_id}, and says {self.chain_id} now")

    def now(self) -> int:
        """The latest block's timestamp (seconds)."""
        return int(self._block()["timestamp"], 16)

    def block_number(self) -> int:
        """The latest block's number."""
        return self.rpc.quantity("eth_blockNumber")

    def balance(self, address: str) -> int:
        """The balance of ``address`` in wei."""
        return self.rpc.quantity("eth_getBalance", address, "latest")

    def balances(self, addresses: Iterable[str]) -> list[int]:
        """The balances of addresses in wei, in their order."""
        found = self.rpc.batch(("eth_getBalance", [address, "latest"]) for address in addresses)
        return [int(wei, 16) for wei in found]

    def gas_price(self) -> int:
        """Wei a gas, base fee and a usual priority fee together."""
        return self.rpc.quantity("eth_gasPrice")

    def transfer_gas(self, sender: str, to: str) -> int:
        """The gas that a payment from one address to another may take: 21,000, but not on every network."""
        estimate = self.rpc.quantity("eth_estimateGas", {"from": sender, "to": to, "value": "0x1"}, "latest")
        return estimate if estimate == TRANSFER_GAS else estimate + estimate // 4

    def settle(self, account: Account) -> None:
        """Wait until nothing of the account's waits to be in a block, as long as it has any chance to be."""
        self.flights.place(account)

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
            to, data, what = function.address, self.calldata(function), function.fn_name
        request: dict[str, Any] = {"from": account.address, "value": hex(value), "data": "0x" + data.hex()}
        if to is not None:
            request["to"] = to
        sidecar, blob_price = make_sidecar(blobs) if blobs else None, 0
        if sidecar is not None:
            blob_price = self.rpc.quantity("eth_blobBaseFee")
            request["blobVersionedHashes"] = ["0x" + each.hex() for each in sidecar.versioned_hashes]
            request["maxFeePerBlobGas"] = hex(2 * blob_price)
        for tries_left in reversed(range(_TRIES)):
            nonce, price, stuck = self.flights.place(account)
            try:
                if gas is None:
                    estimate = self.rpc.quantity("eth_estimateGas", request, "latest" if stuck else "pending")
                    # Never below the estimate: it may be above the cap where there is none, or where it spares state
                    # gas.
                    gas = max(estimate, min(TX_GAS_CAP, estimate + estimate // 10))
                sign = self._signer(account, nonce, to, value, data, gas, sidecar)
                first = Fees.first(price, blob_price)
                flight = Flight(account, nonce, sign, replace(first, most=first.most + self._own))
                self.flights.send([flight], outbids=stuck)
                (receipt,) = self._landed([flight])
                break
            except RpcError as error:
                if not tries_left or verdict(error) is not Verdict.OUTBID:
                    raise _explained(error, what, account) from error
            except Overtaken:
                if not tries_left:
                    raise
        if receipt["status"] != 1:
            raise self._why(request, receipt, what)
        return receipt

    def calldata(self, function: ContractFunction) -> bytes:
        """What a call of a bound contract function sends; the node is asked nothing."""
        priced = {"gas": 0, "nonce": 0, "maxFeePerGas": 0, "maxPriorityFeePerGas": 0, "chainId": self.chain_id}
        built = function.build_transaction(cast(TxParams, priced))
        return bytes.fromhex(str(built["data"])[2:])

    def send_many(self, calls: Sequence[Call], *, headroom: int = _HEADROOM) -> list[TxReceipt]:
        """Send many transactions in order, as JSON-RPC batches; returns their receipts in order.

        Args:
            headroom: times the base fee that each may pay at most, and that its account must own.

        Raises:
            Reverted: for the first one that failed; those before it stand.
            BadInput: an account cannot pay.
        """
        price = self.flights.price()
        fees = Fees(headroom * (price.gas - price.priority) + price.priority, price.priority)
        nonces: dict[str, int] = {}
        receipts: list[TxReceipt] = []
        for part in self._parts(calls, fees.most):
            flights = []
            for call in part:
                name = call.account.address
                nonces[name] = nonces[name] + 1 if name in nonces else self.flights.place(call.account)[0]
                sign = self._signer(call.account, nonces[name], call.to, call.value, call.data, call.gas)
                flights.append(Flight(call.account, nonces[name], sign, fees))
            try:
                self.flights.send(flights)
            except RpcError as error:
                raise _explained(error, "one of the transactions", None) from error
            new = self._landed(flights)
            for call, receipt in zip(part, new, strict=True):
                if receipt["status"] != 1:
                    request = {"from": call.account.address, "to": call.to, "value": hex(call.value)}
                    request["data"] = "0x" + call.data.hex()
                    raise self._why(request, receipt, f"the transaction to {call.to}")
            receipts += new
        return receipts

    def _landed(self, flights: Sequence[Flight]) -> list[TxReceipt]:
        """The receipts of transactions that were sent, in order, once each is in a block deep enough.

        Raises NodeError where one does not get there in time, or another has taken its nonce.
        """
        end = time.monotonic() + self._mined_seconds
        while True:
            if waiting := self.flights.await_nonces(flights, self._mined_seconds):
                name = waiting[0].hashes[-1].hex()
                raise NodeError(
                    f"the transaction 0x{name} is in no block within {self._mined_seconds:g} s; it may yet be"
                )
            names = [self.flights.version_in_block(flight) for flight in flights]
            try:
                receipts = self.receipts(names, within=late_seconds(self.rpc.url))
            except NodeError as error:
                if isinstance(error.__cause__, TransactionNotFound):
                    raise Overtaken(f"{error}; another with its nonce is in a block") from error
                raise
            last = max((receipt["blockNumber"] for receipt in receipts), default=0) + self._confirmations
            while self._confirmations and self.block_number() < last:
                if time.monotonic() > end:
                    raise NodeError(f"no block {last} of chain {self.chain_id} within {self._mined_seconds:g} s")
                time.sleep(_SLOWEST_POLL_SECONDS / 2)
            if not self._confirmations or all(map(self._still_there, receipts)):
                return receipts
            self.flights.send(flights)

    def _still_there(self, receipt: TxReceipt) -> bool:
        found = self.rpc.call("eth_getTransactionReceipt", "0x" + receipt["transactionHash"].hex())
        return found is not None and int(found["blockNumber"], 16) == receipt["blockNumber"]

    def _deliver(self, raw: Sequence[bytes]) -> Sequence[RpcError | None]:
        """Give the node transactions; it mines those of `send_many` as we say, where it ``packs_blocks``."""
        if not self._packs_blocks or len(raw) == 1:
            return self.flights.deliver(raw)
        self.rpc.call("evm_setAutomine", False)
        try:
            found = self.flights.deliver(raw)
            for _ in raw:
                self.rpc.call("evm_mine")
                if not int(self.rpc.call("txpool_status")["pending"], 16):
                    break
        finally:
            self.rpc.call("evm_setAutomine", True)
        return found

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

    def receipts(self, tx_hashes: Iterable[bytes], *, within: float | None = None) -> list[TxReceipt]:
        """The receipts of transactions in order, waiting for each to be mined.

        Args:
            within: so many seconds; as long as for all transactions where None.
        """
        pending, found = [HexBytes(tx_hash) for tx_hash in tx_hashes], []
        seconds = self._mined_seconds if within is None else within
        deadline, pause = time.monotonic() + seconds, _POLL_SECONDS
        while pending:
            part = pending[:BATCH]
            try:
                with self.w3.batch_requests() as batch:
                    for tx_hash in part:
                        batch.add(self.w3.eth.get_transaction_receipt(tx_hash))
                    found += cast(list[TxReceipt], batch.execute())
            except TransactionNotFound as error:
                if time.monotonic() > deadline:
                    raise NodeError(f"{error} within {seconds:g} s") from error
                time.sleep(pause)
                pause = min(1.5 * pause, _SLOWEST_POLL_SECONDS)
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

    def _signer(
        self,
        account: Account,
        nonce: int,
        to: str | None,
        value: int,
        data: bytes,
        gas: int,
        sidecar: Sidecar | None = None,
    ) -> Callable[[Fees], tuple[bytes, bytes]]:
        """What makes a transaction and its hash for given fees."""
        recipient = None if to is None else bytes.fromhex(to[2:])
        if sidecar is None:

            def plain(fees: Fees) -> tuple[bytes, bytes]:
                fields = (value, data, gas, fees.most, fees.priority)
                raw = Transaction(self.chain_id, nonce, recipient, *fields).signed(account.key)
                return raw, keccak256(raw)

            return plain
        if recipient is None:
            raise BadInput("a transaction with blobs creates no contract (EIP-4844)")

        def with_blobs(fees: Fees) -> tuple[bytes, bytes]:
            fields = (value, data, gas, fees.most, fees.priority, fees.blob, sidecar)
            return BlobTransaction(self.chain_id, nonce, recipient, *fields).signed(account.key)

        return with_blobs

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
