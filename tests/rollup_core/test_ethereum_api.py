"""What Ethereum's block tags and hashes mean at a sequencer, at any moment of a batch's way to L1."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from toolkit.devnet.l1 import hex_of
from toolkit.rollup import derive
from toolkit.rollup.blocks import Growing, block_hash
from toolkit.rollup.codec import Header
from toolkit.rollup.derive import Posted
from toolkit.rollup.ethereum_api import EthereumApi, View
from toolkit.rollup.inbox import Batch, Message, extend
from toolkit.rollup.jsonrpc import NOT_FOUND, UNAVAILABLE, ApiError
from toolkit.rollup.machine import State, apply_batch, apply_message, apply_record, deposit_data
from toolkit.rollup.operations import Transfer

from .worlds import BRIDGE, ETH, KEYS, OWNERS, POSTER, genesis

ORIGIN = genesis(b"\x11" * 20)
ALICE, BOB = hex_of(OWNERS[0]), hex_of(OWNERS[1])
WORD = Header().encode()


class Service:
    """A sequencer in miniature: three batches on L1 of which L1 has confirmed one, then one sealed and one open."""

    def __init__(self) -> None:
        self.on_l1 = State(ORIGIN)
        self.posted: list[Posted] = []
        self.sealed: Batch | None = None
        self.post(Batch(WORD, (), (self._deposit(0), self._deposit(1)), 100, POSTER))
        for nonce in range(2):
            self.post(Batch(WORD, (self.transfer(nonce),), (), 101 + nonce, POSTER))
        self.state = self.on_l1.copy()
        self.history = cast(derive.History, _Posted(self.posted))
        self.sealed = Batch(WORD, (self.transfer(2),), (self._deposit(0),), 200, POSTER)
        self.open = [self.transfer(3)]
        for record in (*self.sealed.records, *self.open):
            apply_record(self.state, Header(), record)
        apply_message(self.state, self.sealed.messages[0])
        self.finalized = 1
        self.api = EthereumApi("sequencer", ORIGIN, asyncio.Lock(), self.look)

    def post(self, batch: Batch) -> None:
        before = self.posted[-1].accumulator if self.posted else ORIGIN.accumulator
        apply_batch(self.on_l1, batch)
        place = extend(before, batch.hash), 50 + len(self.posted), b"\xdd" * 32
        self.posted.append(Posted(len(self.posted) + 1, batch, 0, *place))

    def look(self) -> View:
        pending = [Growing(WORD, self.open, ())]
        if self.sealed is not None:
            pending.insert(0, Growing(self.sealed.header, self.sealed.records, self.sealed.messages))
        return View(self.history, None, self.state, self.finalized, pending, POSTER, 999)

    def call(self, method: str, *params: Any) -> Any:
        async def called() -> Any:
            return await self.api.methods()[method](*params)

        return asyncio.run(called())

    def refusal(self, method: str, *params: Any) -> tuple[int, str]:
        with pytest.raises(ApiError) as refused:
            self.call(method, *params)
        return refused.value.code, str(refused.value)

    @staticmethod
    def name(nonce: int) -> str:
        return hex_of(_signed(nonce).digest(ORIGIN.domain))

    @staticmethod
    def transfer(nonce: int) -> bytes:
        operation = _signed(nonce)
        return operation.record(1, operation.sign(ORIGIN.domain, KEYS[0])).encode()

    @staticmethod
    def _deposit(owner: int) -> Message:
        return Message(BRIDGE, 1, deposit_data(ETH, OWNERS[owner], 1000), owner)


class _Posted:
    def __init__(self, posted: list[Posted]) -> None:
        self.posted = posted


def _signed(nonce: int) -> Transfer:
    return Transfer(0, OWNERS[1], ETH, 10 + nonce, 1, nonce)


@pytest.fixture
def service() -> Service:
    return Service()


def test_tags_name_blocks_by_how_final_they_are(service: Service) -> None:
    shown = {
        tag: service.call("eth_getBlockByNumber", tag, False)
        for tag in ("earliest", "finalized", "safe", "latest", "pending")
    }
    assert {tag: int(block["number"], 16) for tag, block in shown.items()} == {
        "earliest": 0, "finalized": 1, "safe": 3, "latest": 3, "pending": 4,
    }  # fmt: skip
    assert service.call("eth_blockNumber") == "0x3"
    assert shown["pending"]["hash"] is None and shown["pending"]["parentHash"] == shown["latest"]["hash"]
    assert (shown["pending"]["timestamp"], shown["latest"]["timestamp"]) == (hex(999), hex(102))
    assert service.call("eth_getBlockByNumber", "0x4", False) is None


def test_what_is_sealed_and_what_is_open_is_pending(service: Service) -> None:
    block = service.call("eth_getBlockByNumber", "pending", True)
    assert [each["hash"] for each in block["transactions"]] == [service.name(2), service.name(3)]
    for each in block["transactions"]:
        assert (each["blockHash"], each["blockNumber"], each["transactionIndex"]) == (None, None, None)
        assert service.call("eth_getTransactionByHash", each["hash"]) == each
        assert service.call("eth_getTransactionReceipt", each["hash"]) is None
    assert service.call("eth_getBlockTransactionCountByNumber", "pending") == "0x2"
    assert service.call("eth_getBlockReceipts", "pending") is None
    assert service.call("eth_getTransactionByHash", service.name(4)) is None


def test_a_batch_that_lands_becomes_the_latest_block(service: Service) -> None:
    assert service.sealed is not None
    service.call("eth_getBlockByNumber", "latest", False)
    service.post(service.sealed)
    service.sealed = None
    assert service.call("eth_getTransactionReceipt", service.name(2))["blockNumber"] == "0x4"
    latest = service.call("eth_getBlockByNumber", "latest", False)
    assert latest["stateRoot"] == hex_of(service.on_l1.machine_hash)
    assert [service.name(3)] == service.call("eth_getBlockByNumber", "pending", False)["transactions"]


def test_after_a_reorganisation_other_blocks_are_told(service: Service) -> None:
    gone = service.call("eth_getBlockByNumber", "0x3", False)["hash"]
    last = service.posted.pop()
    service.on_l1, kept, service.posted = State(ORIGIN), service.posted, []
    for each in kept:
        service.post(each.batch)
    service.post(Batch(WORD, (), (), 777, POSTER))
    service.history = cast(derive.History, _Posted(service.posted))
    found = service.call("eth_getBlockByNumber", "0x3", False)
    assert (found["timestamp"], found["transactions"]) == (hex(777), [])
    assert service.call("eth_getBlockByHash", gone, False) is None
    assert service.call("eth_getTransactionReceipt", service.name(1)) is None
    assert last.accumulator != service.posted[-1].accumulator


def test_balances_are_present_ones_under_every_name_of_the_latest_block(service: Service) -> None:
    latest = hex_of(block_hash(service.posted[-1].accumulator))
    names = ("latest", "pending", "safe", "0x3", latest, {"blockNumber": "0x3"}, {"blockHash": latest})
    paid = sum(10 + nonce for nonce in range(4))
    for name in names:
        assert service.call("eth_getBalance", BOB, name) == hex(1000 + paid)
        assert service.call("eth_getBalance", ALICE, name) == hex(2000 - paid - 4)
        assert service.call("eth_getTransactionCount", ALICE, name) == "0x4"
    assert service.call("eth_getBalance", BOB) == hex(1000 + paid)


def test_balances_of_the_past_are_refused_and_not_guessed(service: Service) -> None:
    earlier = hex_of(block_hash(service.posted[0].accumulator))
    for name in ("earliest", "finalized", "0x2", earlier, {"blockHash": earlier}):
        code, reason = service.refusal("eth_getBalance", BOB, name)
        assert code == UNAVAILABLE and "only the present balances and nonces are kept" in reason
    assert service.refusal("eth_getBalance", BOB, "0x4") == (NOT_FOUND, "there is no block 4; the latest is 3")
    service.finalized = 3
    assert service.call("eth_getBalance", BOB, "finalized") == service.call("eth_getBalance", BOB)


def test_fees_are_told_up_to_the_latest_block(service: Service) -> None:
    told = service.call("eth_feeHistory", "0x2", "pending", [100])
    assert (told["oldestBlock"], told["reward"]) == ("0x2", [["0x1"], ["0x1"]])
    assert service.call("eth_feeHistory", 99, "0x1")["oldestBlock"] == "0x0"
    assert service.call("eth_feeHistory", "0x0", "latest")["gasUsedRatio"] == []
    assert service.refusal("eth_feeHistory", "0x1", "0x9")[0] == NOT_FOUND
