"""The sequencer's JSON-RPC methods: wallets' JSON in, receipts out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import hex_of
from toolkit.errors import BadInput
from toolkit.rollup import api, jsonrpc
from toolkit.rollup.blocks import Growing
from toolkit.rollup.ethereum_api import EthereumApi, View
from toolkit.rollup.operations import Transfer, Withdraw, l2_chain_id
from toolkit.rollup.sequencer import Refused
from toolkit.rollup.sequencing import Busy, SequencerService, Signed
from toolkit.rollup.store import Entry


class SequencerApi:
    """What the sequencer answers over HTTP."""

    def __init__(self, service: SequencerService, *, seal_on_demand: bool, batch_data_on_demand: bool) -> None:
        self._service = service
        self._ethereum = EthereumApi("sequencer", service.sequencer.state.genesis, service.lock, self._look)
        self._seal_on_demand, self._batch_data_on_demand = seal_on_demand, batch_data_on_demand

    def methods(self) -> dict[str, api.Method]:
        """The JSON-RPC methods by name."""
        methods: dict[str, api.Method] = {
            "l2_sendTransfer": self.send_transfer,
            "l2_sendTransfers": self.send_transfers,
            "l2_sendWithdrawal": self.send_withdrawal,
            "l2_sendWithdrawals": self.send_withdrawals,
            "l2_account": self.account,
            "l2_receipt": self.receipt,
            "l2_batch": self.batch,
            "l2_withdrawals": self.withdrawals,
            "l2_status": self.status,
            **self._ethereum.methods(),
        }
        if self._seal_on_demand:
            methods["l2_seal"] = self.seal
        if self._batch_data_on_demand:
            methods["l2_setBatchData"] = self.set_batch_data
        return methods

    async def send_transfers(self, transfers: Any) -> list[dict[str, Any]]:
        """Many transfers in order; for each what `receipt` tells, or the error."""
        return await self._send(transfers, _transfer)

    async def send_withdrawals(self, withdrawals: Any) -> list[dict[str, Any]]:
        """Many withdrawals in order; for each what `receipt` tells, or the error."""
        return await self._send(withdrawals, _withdrawal)

    async def send_transfer(self, transfer: Any) -> dict[str, Any]:
        """One transfer, as an object; its receipt.

        Members: ``account`` (the sender's index, of `account`), ``to``, ``token`` (ETH where it is missing),
        ``amount``, ``fee`` (0 where it is missing), ``nonce``, and ``signature`` (64 bytes, EIP-2098), over the EIP-712
        struct of `toolkit.rollup.operations`.
        """
        return _only(await self._send([transfer], _transfer))

    async def send_withdrawal(self, withdrawal: Any) -> dict[str, Any]:
        """One withdrawal to its signer's address on L1, as an object; its receipt.

        Members: as of a transfer, without ``to``.
        """
        return _only(await self._send([withdrawal], _withdrawal))

    async def account(self, owner: Any, token: Any = jsonrpc.ETH) -> dict[str, Any]:
        """Index, balance and nonce of an owner's account of a token, everything confirmed included."""
        owner, token = jsonrpc.data(owner, "owner", 20), jsonrpc.data(token, "token", 20)
        service = self._service
        async with service.lock:
            return jsonrpc.account(service.sequencer.state, owner, token)

    async def receipt(self, hash: Any) -> dict[str, Any]:
        """What became of an operation, by its hash."""
        digest = jsonrpc.data(hash, "hash", 32)
        service = self._service
        async with service.lock:
            entry = service.find(digest)
            if entry is None:
                raise jsonrpc.ApiError(jsonrpc.NOT_FOUND, f"there is no operation {hash}")
            return self._receipt(entry)

    async def batch(self, number: Any) -> dict[str, Any]:
        """A batch by number: open, sealed or posted."""
        index = jsonrpc.quantity(number, "batch", 64)
        service = self._service
        async with service.lock:
            if 0 < index <= len(service.history.posted):
                return service.history.posted[index - 1].as_json()
            if service.sealed is not None and index == service.sealed.number:
                size = {"records": len(service.sealed.records), "messages": len(service.sealed.messages)}
                return {"batch": index, "status": "sealed", **size}
            if index == service.sequencer.batch:
                return {"batch": index, "status": "open", "records": len(service.sequencer.records), "messages": 0}
        raise jsonrpc.ApiError(jsonrpc.NOT_FOUND, f"there is no batch {index}")

    async def withdrawals(self, owner: Any) -> list[dict[str, Any]]:
        """An owner's withdrawals, those not posted yet included."""
        address = jsonrpc.data(owner, "owner", 20)
        service = self._service
        async with service.lock:
            return [
                {"index": w.index, "owner": checksum(address), "token": checksum(w.token), "amount": str(w.amount)}
                for w in service.sequencer.state.withdrawals
                if w.owner == address
            ]

    async def seal(self) -> dict[str, Any]:
        """Seal the open batch now; ``batch`` is null where it is empty."""
        return {"batch": await self._service.seal()}

    async def set_batch_data(self, batch_data: Any) -> dict[str, Any]:
        """Post batches from now on as "auto", "calldata" or "blobs"."""
        self._service.post_as(str(batch_data)[:20])
        return {"batchData": self._service.batch_data}

    async def status(self) -> dict[str, Any]:
        """What the sequencer is at."""
        service = self._service
        async with service.lock:
            return {
                "role": "sequencer",
                "address": checksum(service.address),
                "chainId": l2_chain_id(service.sequencer.state.genesis.domain),
                "l1Block": service.head,
                "posted": len(service.history.posted),
                "sealed": None if service.sealed is None else service.sealed.number,
                "open": service.sequencer.batch,
                "openRecords": len(service.sequencer.records),
                "accounts": len(service.sequencer.state.accounts),
                "withdrawals": len(service.sequencer.state.withdrawals),
                "waitingMessages": len(service.history.required) + len(service.history.arrived),
                "queue": service.waiting,
                "batchData": service.batch_data,
                "alarm": service.life.alarm,
                "frozen": None if service.life.frozen is None else hex_of(service.life.frozen),
            }

    async def _send(self, items: Any, parse: Callable[[Any], Signed]) -> list[dict[str, Any]]:
        if not isinstance(items, list):
            raise BadInput("the operations are not a list")
        parsed: list[Signed | Refused] = []
        for item in items:
            try:
                parsed.append(parse(item))
            except BadInput as error:
                parsed.append(Refused(str(error)))
        try:
            results = iter(await self._service.submit([one for one in parsed if not isinstance(one, Refused)]))
        except Busy as busy:
            raise jsonrpc.ApiError(jsonrpc.BUSY, str(busy)) from busy
        answers: list[dict[str, Any]] = []
        for one in parsed:
            result = one if isinstance(one, Refused) else next(results)
            if isinstance(result, Refused):
                answers.append({"error": jsonrpc.ApiError(jsonrpc.REJECTED, str(result)).as_json()})
            else:
                answers.append(self._receipt(result))
        return answers

    def _look(self) -> View:
        """What is known now, for Ethereum's methods; the lock must be held."""
        service, sequencer, sealed = self._service, self._service.sequencer, self._service.sealed
        pending = [] if sealed is None else [Growing(sealed.header, sealed.records, sealed.messages)]
        if sequencer.records:
            pending.append(Growing(sequencer.header.encode(), sequencer.records[:], ()))
        finalized, poster = service.life.batch, service.address
        return View(service.history, None, sequencer.state, finalized, pending, poster, service.timestamp)

    def _receipt(self, entry: Entry) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "hash": hex_of(entry.hash),
            "sequence": entry.sequence,
            "kind": "withdrawal" if entry.to is None else "transfer",
            "account": entry.account,
            "token": checksum(entry.token),
            "amount": str(entry.amount),
            "batch": entry.batch,
        }
        if entry.dropped is not None:
            return {**shown, "batch": None, "status": "dropped", "reason": entry.dropped}
        posted = self._service.history.posted
        if entry.batch <= len(posted):
            return {**shown, "status": "posted", "transaction": hex_of(posted[entry.batch - 1].transaction)}
        return {**shown, "status": "confirmed"}


def _only(answers: list[dict[str, Any]]) -> dict[str, Any]:
    (answer,) = answers
    if "error" in answer:
        raise jsonrpc.ApiError(answer["error"]["code"], answer["error"]["message"])
    return answer


def _transfer(item: Any) -> Signed:
    fields = _fields(item, "transfer")
    to = jsonrpc.data(fields.get("to"), "to", 20)
    account, token, amount, fee, nonce, signature = _common(fields)
    return Transfer(account, to, token, amount, fee, nonce), signature


def _withdrawal(item: Any) -> Signed:
    account, token, amount, fee, nonce, signature = _common(_fields(item, "withdrawal"))
    return Withdraw(account, token, amount, fee, nonce), signature


def _fields(item: Any, what: str) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise BadInput(f"a {what} is an object, not {type(item).__name__}")
    return item


def _common(fields: dict[str, Any]) -> tuple[int, bytes, int, int, int, bytes]:
    return (
        jsonrpc.quantity(fields.get("account"), "account", 32),
        jsonrpc.data(fields.get("token", jsonrpc.ETH), "token", 20),
        jsonrpc.quantity(fields.get("amount"), "amount", 128),
        jsonrpc.quantity(fields.get("fee", 0), "fee", 128),
        jsonrpc.quantity(fields.get("nonce"), "nonce", 64),
        jsonrpc.data(fields.get("signature"), "signature", 64),
    )
