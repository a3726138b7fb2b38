"""One L1 chain seen by a client that signs locally: contracts, transactions, receipts, reverts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
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
from toolkit.devnet.replacement import (
    MOST_RAISES,
    PATIENCE_SECONDS,
    PRICE_CALLS,
    Fees,
    Price,
    Verdict,
    verdict,
)
from toolkit.devnet.rpc import BATCH, Rpc
from toolkit.devnet.transaction import TX_GAS_CAP, BlobTransaction, Transaction
from toolkit.errors import BadInput, NodeError, Reverted, RpcError

BURST = 2 * BATCH
"""Transactions that wait to be mined at the same time; Anvil's automine stands still when about 1,000 do."""
MINED_SECONDS = 120.0
"""That a transaction may take into a block before who waits for it gives up."""
_LATE_SECONDS = 5.0
"""By which a node's receipts may be behind its nonces."""
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


@dataclass
class _Flight:
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


class _Overtaken(NodeError):
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
    ) -> None:
        """
        Args:
            packs_blocks: whether `send_many` tells Anvil when to mine, so that the same transactions are in the same
                blocks each time; else the node mines as it likes.
            patience_seconds: after which a transaction that still waits is sent again for higher fees.
            mined_seconds: after which nobody waits for one any more.
            confirmations: blocks that must follow a transaction's own before `send` and `send_many` return. What a
                reorganisation has undone until then is sent again.
        """
        self.rpc = Rpc(url)
        self._packs_blocks = packs_blocks
        self._patience_seconds, self._mined_seconds = patience_seconds, mined_seconds
        self._confirmations = confirmations
        self._priority: int | None = None
        self._slowest_poll = min(_SLOWEST_POLL_SECONDS, max(_POLL_SECONDS, patience_seconds / 4))
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
        sidecar, blob_price = make_sidecar(blobs) if blobs else None, 0
        if sidecar is not None:
            blob_price = self.rpc.quantity("eth_blobBaseFee")
            request["blobVersionedHashes"] = ["0x" + each.hex() for each in sidecar.versioned_hashes]
            request["maxFeePerBlobGas"] = hex(2 * blob_price)
        for tries_left in reversed(range(_TRIES)):
            nonce, price, stuck = self._place(account)
            try:
                if gas is None:
                    estimate = self.rpc.quantity("eth_estimateGas", request, "latest" if stuck else "pending")
                    # Never below the estimate: it may be above the cap where there is none, or where it spares state
                    # gas.
                    gas = max(estimate, min(TX_GAS_CAP, estimate + estimate // 10))
                sign = self._signer(account, nonce, to, value, data, gas, sidecar)
                flight = _Flight(account, nonce, sign, Fees.first(price, blob_price))
                self._send([flight], outbids=stuck)
                (receipt,) = self._landed([flight])
                break
            except RpcError as error:
                if not tries_left or verdict(error) is not Verdict.OUTBID:
                    raise _explained(error, what, account) from error
            except _Overtaken:
                if not tries_left:
                    raise
        if receipt["status"] != 1:
            raise self._why(request, receipt, what)
        return receipt

    def send_many(self, calls: Sequence[Call], *, headroom: int = _HEADROOM) -> list[TxReceipt]:
        """Send many transactions in order, as JSON-RPC batches; returns their receipts in order.

        Args:
            headroom: times the base fee that each may pay at most, and that its account must own.

        Raises:
            Reverted: for the first one that failed; those before it stand.
            BadInput: an account cannot pay.
        """
        price = self._price(self._block())
        fees = Fees(headroom * (price.gas - price.priority) + price.priority, price.priority)
        nonces: dict[str, int] = {}
        receipts: list[TxReceipt] = []
        for part in self._parts(calls, fees.most):
            flights = []
            for call in part:
                name = call.account.address
                nonces[name] = nonces[name] + 1 if name in nonces else self._place(call.account)[0]
                sign = self._signer(call.account, nonces[name], call.to, call.value, call.data, call.gas)
                flights.append(_Flight(call.account, nonces[name], sign, fees))
            try:
                self._send(flights)
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

    def _place(self, account: Account) -> tuple[int, Price, bool]:
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
            landed, known, block = self.rpc.batch(calls)
            if int(known, 16) <= int(landed, 16) or time.monotonic() >= end:
                return int(landed, 16), self._price(block), int(known, 16) > int(landed, 16)
            time.sleep(min(pause, max(0.0, end - time.monotonic())))
            pause = min(2 * pause, _SLOWEST_POLL_SECONDS)

    def _send(self, flights: Sequence[_Flight], *, outbids: bool = True) -> None:
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
            refused = answers[-1] or next(answer for answer in answers if answer is not None)
        if refused is not None:
            raise refused

    def _landed(self, flights: Sequence[_Flight]) -> list[TxReceipt]:
        """The receipts of transactions that were sent, in order, once each is in a block deep enough.

        Raises NodeError where one does not get there in time, or another has taken its nonce.
        """
        end = time.monotonic() + self._mined_seconds
        while True:
            self._await_nonces(flights, end)
            names = [self._version_in_block(flight) for flight in flights]
            try:
                receipts = self.receipts(names, within=_LATE_SECONDS)
            except NodeError as error:
                if isinstance(error.__cause__, TransactionNotFound):
                    raise _Overtaken(f"{error}; another with its nonce is in a block") from error
                raise
            last = max((receipt["blockNumber"] for receipt in receipts), default=0) + self._confirmations
            while self._confirmations and self.block_number() < last:
                if time.monotonic() > end:
                    raise NodeError(f"no block {last} of chain {self.chain_id} within {self._mined_seconds:g} s")
                time.sleep(_SLOWEST_POLL_SECONDS / 2)
            if not self._confirmations or all(map(self._still_there, receipts)):
                return receipts
            self._send(flights)

    def _await_nonces(self, flights: Sequence[_Flight], end: float) -> None:
        """Wait until the nonces of all are used up, and send again what has waited too long."""
        pause, accounts = _POLL_SECONDS, {flight.account.address: flight.account for flight in flights}
        waiting = list(flights)
        while True:
            counts = self.rpc.batch([("eth_getTransactionCount", [name, "latest"]) for name in accounts])
            used = dict(zip(accounts, (int(count, 16) for count in counts), strict=True))
            waiting = [flight for flight in waiting if flight.nonce >= used[flight.account.address]]
            if not waiting:
                return
            now = time.monotonic()
            if now > end:
                name = waiting[0].hashes[-1].hex()
                raise NodeError(
                    f"the transaction 0x{name} is in no block within {self._mined_seconds:g} s; it may yet be"
                )
            late = [flight for flight in waiting if now - flight.since >= self._patience_seconds]
            if late:
                price = self._price(self._block())
                blob_price = self.rpc.quantity("eth_blobBaseFee") if any(each.fees.blob for each in late) else 0
                for flight in late:
                    flight.fees = flight.fees.after_waiting(price, blob_price)
                self._send(late)
            time.sleep(pause)
            pause = min(2 * pause, self._slowest_poll)

    def _version_in_block(self, flight: _Flight) -> bytes:
        """The hash of the version that is in a block; of the last one where none is known to be."""
        if len(flight.hashes) > 1:
            calls = [("eth_getTransactionReceipt", ["0x" + each.hex()]) for each in flight.hashes]
            for hash_, found in zip(flight.hashes, self.rpc.batch(calls), strict=True):
                if found is not None:
                    return hash_
        return flight.hashes[-1]

    def _still_there(self, receipt: TxReceipt) -> bool:
        found = self.rpc.call("eth_getTransactionReceipt", "0x" + receipt["transactionHash"].hex())
        return found is not None and int(found["blockNumber"], 16) == receipt["blockNumber"]

    def _deliver(self, raw: Sequence[bytes]) -> list[RpcError | None]:
        """What the node says to each: nothing, or why it does not take it."""
        if len(raw) == 1:
            try:
                self.rpc.call("eth_sendRawTransaction", "0x" + raw[0].hex())
            except RpcError as error:
                return [error]
            return [None]
        sends = [("eth_sendRawTransaction", ["0x" + each.hex()]) for each in raw]
        if not self._packs_blocks:
            return self._answers(sends)
        self.rpc.call("evm_setAutomine", False)
        try:
            found = self._answers(sends)
            for _ in raw:
                self.rpc.call("evm_mine")
                if not int(self.rpc.call("txpool_status")["pending"], 16):
                    break
        finally:
            self.rpc.call("evm_setAutomine", True)
        return found

    def _answers(self, sends: Sequence[tuple[str, list[Any]]]) -> list[RpcError | None]:
        found: list[RpcError | None] = []
        for start in range(0, len(sends), BATCH):
            part = sends[start : start + BATCH]
            for (method, _), answer in zip(part, self.rpc.responses(part), strict=True):
                error = answer.get("error")
                found.append(
                    RpcError(method, error.get("code", 0), error.get("message", ""), error.get("data"))
                    if error
                    else None
                )
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
        deadline = time.monotonic() + seconds
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
                time.sleep(_POLL_SECONDS)
            else:
                del pending[: len(part)]
        return found

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

    def _price(self, block: dict[str, Any]) -> Price:
        """What gas costs after a block."""
        if self._priority is None:
            (answer,) = self.rpc.responses(PRICE_CALLS[1:])
            self._priority = Price.of("0x0", answer.get("result")).priority
        return Price(int(block.get("baseFeePerGas") or "0x0", 16) + self._priority, self._priority)

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
