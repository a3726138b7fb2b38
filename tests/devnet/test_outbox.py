"""Transactions that wait, are replaced, taken over, refused and forgotten, on a real node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from devnet.beside import run
from toolkit.devnet import Account, Chain, Transaction
from toolkit.devnet.l1 import L1, hex_of, selector
from toolkit.devnet.outbox import Order, Outbox, Tended
from toolkit.errors import NodeError, Reverted, RpcError

pytestmark = pytest.mark.node

SET = selector("set(uint256)")


@pytest.fixture
def box(chain: Chain, accounts: dict[str, Account]) -> bytes:
    """A contract with a number, whose setter anybody may call."""
    contract, _ = chain.deploy(accounts["deployer"], "SimpleStorage")
    return bytes.fromhex(contract.address[2:])


@pytest.fixture
def idle(chain: Chain, box: bytes) -> Iterator[Chain]:
    """A chain that makes blocks only when told to, as others do every 12 s."""
    chain.rpc.call("evm_setAutomine", False)
    yield chain
    chain.rpc.call("anvil_dropAllTransactions")
    chain.rpc.call("evm_setAutomine", True)


def order(box: bytes, number: int, name: str = "set", **changes: Any) -> Order:
    return Order(name, box, SET + number.to_bytes(32, "big"), **changes)


def waiting(chain: Chain) -> list[dict[str, Any]]:
    pool = chain.rpc.call("txpool_content")
    return [each for part in ("pending", "queued") for by in pool[part].values() for each in by.values()]


def value(chain: Chain, box: bytes) -> int:
    return int(chain.rpc.call("eth_getStorageAt", hex_of(box), "0x0", "latest"), 16)


def test_many_are_in_a_block_at_once_and_told(chain: Chain, accounts: dict[str, Account], box: bytes) -> None:
    async def work(l1: L1) -> tuple[Tended, Tended]:
        outbox = Outbox(l1, accounts["alice"].key, chain.chain_id)
        return await outbox.tend([order(box, 7 + i, f"set {i}") for i in range(5)]), await outbox.tend([])

    first, second = run(chain, work)
    assert [each.order.name for each in first.landed] == [f"set {i}" for i in range(5)]
    for each in first.landed:
        receipt = chain.rpc.call("eth_getTransactionReceipt", hex_of(each.transaction))
        assert each.succeeded
        assert (each.block, each.gas_used) == (int(receipt["blockNumber"], 16), int(receipt["gasUsed"], 16))
    assert value(chain, box) == 11
    assert second == Tended([], []), "told once"


def test_what_the_contract_refuses_is_not_sent_and_keeps_nothing_back(
    chain: Chain, accounts: dict[str, Account], box: bytes
) -> None:
    async def work(l1: L1) -> Tended:
        outbox = Outbox(l1, accounts["alice"].key, chain.chain_id)
        return await outbox.tend([Order("bad", box, b"????"), order(box, 9)])

    nonce = chain.nonce(accounts["alice"])
    tended = run(chain, work)
    ((refused, error),) = tended.refused
    assert refused.name == "bad"
    assert isinstance(error, Reverted)
    assert [each.order.name for each in tended.landed] == ["set"]
    assert chain.nonce(accounts["alice"]) == nonce + 1


def test_nothing_is_sent_twice_while_it_waits(idle: Chain, accounts: dict[str, Account], box: bytes) -> None:
    async def work(l1: L1) -> list[Tended]:
        outbox = Outbox(l1, accounts["alice"].key, idle.chain_id)
        told = [await outbox.tend([order(box, 9)], wait_seconds=0.05) for _ in range(3)]
        assert len(waiting(idle)) == 1
        assert outbox.waiting == {"set"}
        idle.rpc.call("evm_mine")
        return [*told, await outbox.tend([order(box, 9)])]

    *before, last = run(idle, work)
    assert all(each == Tended([], []) for each in before)
    assert [each.succeeded for each in last.landed] == [True]
    assert waiting(idle) == [], "what was wanted while it waited is not sent once more"


def test_what_waits_too_long_is_sent_again_for_more(idle: Chain, accounts: dict[str, Account], box: bytes) -> None:
    async def work(l1: L1) -> Tended:
        outbox = Outbox(l1, accounts["alice"].key, idle.chain_id, patience_seconds=0.0)
        await outbox.tend([order(box, 9)], wait_seconds=0.0)
        (first,) = waiting(idle)
        await outbox.tend([order(box, 10)], wait_seconds=0.0)
        (second,) = waiting(idle)
        assert first["nonce"] == second["nonce"]
        for fee in ("maxFeePerGas", "maxPriorityFeePerGas"):
            assert int(second[fee], 16) >= 1.1 * int(first[fee], 16)
        idle.rpc.call("evm_mine")
        return await outbox.tend([])

    (landed,) = run(idle, work).landed
    assert landed.succeeded
    assert value(idle, box) == 10, "as it was wanted last"


def test_no_wait_is_so_long_that_a_fortune_is_bid(idle: Chain, accounts: dict[str, Account], box: bytes) -> None:
    async def work(l1: L1) -> Tended:
        outbox = Outbox(l1, accounts["alice"].key, idle.chain_id, patience_seconds=0.0)
        for _ in range(60):
            await outbox.tend([order(box, 9)], wait_seconds=0.0)
        (each,) = waiting(idle)
        price = max(idle.rpc.quantity("eth_gasPrice"), 10**9)
        assert 2 * price < int(each["maxPriorityFeePerGas"], 16) < 20 * price
        await outbox.tend([order(box, 10)], wait_seconds=0.0)
        (newer,) = waiting(idle)
        assert newer["input"] != each["input"], "what is wanted now can still take its place"
        idle.rpc.call("anvil_dropAllTransactions")
        await outbox.tend([order(box, 10)], wait_seconds=0.0)
        assert len(waiting(idle)) == 1, "what the node has lost is sent again"
        idle.rpc.call("evm_mine")
        return await outbox.tend([])

    (landed,) = run(idle, work).landed
    assert landed.succeeded
    assert value(idle, box) == 10


def test_what_would_fail_by_now_makes_room_for_the_next(idle: Chain, accounts: dict[str, Account], box: bytes) -> None:
    async def work(l1: L1) -> tuple[Tended, Tended]:
        outbox = Outbox(l1, accounts["alice"].key, idle.chain_id, patience_seconds=0.0)
        await outbox.tend([order(box, 9)], wait_seconds=0.0)
        code = idle.rpc.call("eth_getCode", hex_of(box), "latest")
        idle.rpc.call("anvil_setCode", hex_of(box), "0x60006000fd")
        await outbox.tend([], wait_seconds=0.0)
        (each,) = waiting(idle)
        assert (each["to"], each["input"]) == (hex_of(outbox.address), "0x"), "nothing in its place"
        idle.rpc.call("evm_mine")
        gone = await outbox.tend([])
        idle.rpc.call("anvil_setCode", hex_of(box), code)
        idle.rpc.call("evm_setAutomine", True)
        return gone, await outbox.tend([order(box, 11)])

    gone, after = run(idle, work)
    assert gone.landed == []
    assert [each.succeeded for each in after.landed] == [True]
    assert value(idle, box) == 11


def test_after_a_restart_its_own_older_transaction_is_outbid(
    idle: Chain, accounts: dict[str, Account], box: bytes
) -> None:
    async def work(l1: L1) -> Tended:
        killed = Outbox(l1, accounts["alice"].key, idle.chain_id)
        await killed.tend([order(box, 9)], wait_seconds=0.0)
        again = Outbox(l1, accounts["alice"].key, idle.chain_id)
        await again.tend([order(box, 10)], wait_seconds=0.0)
        assert len(waiting(idle)) == 1
        idle.rpc.call("evm_mine")
        return await again.tend([])

    (landed,) = run(idle, work).landed
    assert landed.succeeded
    assert value(idle, box) == 10


def test_a_nonce_that_another_transaction_took_is_forgotten(
    idle: Chain, accounts: dict[str, Account], box: bytes
) -> None:
    alice = accounts["alice"]

    async def work(l1: L1) -> tuple[Tended, Tended]:
        outbox = Outbox(l1, alice.key, idle.chain_id)
        await outbox.tend([order(box, 9)], wait_seconds=0.0)
        (each,) = waiting(idle)
        fee = 10 * int(each["maxFeePerGas"], 16)
        other = Transaction(idle.chain_id, int(each["nonce"], 16), alice.address_bytes, 1, b"", 21_000, fee, fee)
        idle.rpc.call("eth_sendRawTransaction", hex_of(other.signed(alice.key)))
        idle.rpc.call("evm_mine")
        taken = await outbox.tend([])
        assert outbox.waiting == frozenset()
        idle.rpc.call("evm_setAutomine", True)
        return taken, await outbox.tend([order(box, 9)])

    taken, after = run(idle, work)
    assert taken == Tended([], [])
    assert [each.succeeded for each in after.landed] == [True]


def test_who_cannot_pay_is_told_and_nothing_waits(chain: Chain, accounts: dict[str, Account], box: bytes) -> None:
    chain.rpc.call("anvil_setBalance", accounts["alice"].address, hex(10**9))

    async def work(l1: L1) -> tuple[Tended, frozenset[Any]]:
        outbox = Outbox(l1, accounts["alice"].key, chain.chain_id)
        return await outbox.tend([order(box, 9)]), outbox.waiting

    tended, waits = run(chain, work)
    assert isinstance(tended.refused[0][1], RpcError)
    assert waits == frozenset()


def test_an_estimate_at_the_pending_block_sees_its_time(chain: Chain, accounts: dict[str, Account]) -> None:
    # returns where the timestamp is later than the latest block's now, else reverts
    code = "0x42" + "63" + f"{chain.now() + 500:08x}" + "10" + "600f57" + "60006000fd" + "5b00"
    place = b"\xcc" * 20
    chain.rpc.call("anvil_setCode", hex_of(place), code)
    chain.rpc.call("evm_increaseTime", hex(1000))

    async def work(l1: L1) -> list[Tended]:
        outbox = Outbox(l1, accounts["alice"].key, chain.chain_id)
        return [await outbox.tend([Order("when", place, b"", at)]) for at in ("latest", "pending")]

    latest, pending = run(chain, work)
    assert len(latest.refused) == 1
    assert [each.succeeded for each in pending.landed] == [True]


class Fickle(L1):
    """A connection that breaks off after so many calls."""

    left = 10**9

    async def _run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            raise NodeError("it is away")
        return await super()._run(function, *arguments)


@pytest.mark.parametrize("calls", range(4))
def test_a_node_that_breaks_off_anywhere_makes_nothing_done_twice_or_never(
    chain: Chain, accounts: dict[str, Account], box: bytes, calls: int
) -> None:
    async def work(_: L1) -> Tended:
        l1 = Fickle(chain.rpc.url)
        outbox = Outbox(l1, accounts["alice"].key, chain.chain_id)
        l1.left = calls
        try:
            with pytest.raises(NodeError, match="it is away"):
                await outbox.tend([order(box, 9), order(box, 9, "again")])
            l1.left = 10**9
            return await outbox.tend([order(box, 9), order(box, 9, "again")])
        finally:
            l1.close()

    nonce = chain.nonce(accounts["alice"])
    assert {each.order.name for each in run(chain, work).landed} == {"set", "again"}
    assert chain.nonce(accounts["alice"]) == nonce + 2
