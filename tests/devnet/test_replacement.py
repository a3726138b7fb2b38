"""Transactions that are stuck: what is offered instead, what nodes mean, and that whichever version lands is found."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pytest
from waiting import eventually

from devnet.beside import run
from devnet.gateway import Reply, gateway
from toolkit.devnet import Account, Call, Chain, Transaction, replacement
from toolkit.devnet.l1 import L1, Sender, hex_of
from toolkit.devnet.replacement import MOST_TIMES, PRIORITY_FEE, Fees, Price, Verdict, verdict
from toolkit.errors import NodeError, Reverted, RpcError, ServiceError

T = TypeVar("T")
GWEI = 10**9
PRICE = Price(20 * GWEI, GWEI)


# --- the rules ---


def test_each_fee_of_a_replacement_is_higher_by_a_tenth_at_least() -> None:
    for before in (Fees(1, 1), Fees(41 * GWEI, GWEI), Fees(9, 0)):
        after = before.outbidding()
        assert 10 * after.most >= 11 * before.most and 10 * after.priority >= 11 * before.priority
        assert after.most > before.most and after.priority > before.priority
    blobs = Fees(41 * GWEI, GWEI, 5)
    assert blobs.outbidding().blob >= 2 * 5 and blobs.outbidding().most >= 2 * blobs.most, "blob pools ask for twice"


def test_what_waited_gets_the_price_of_now_and_never_a_fortune() -> None:
    fees = Fees.first(PRICE)
    assert fees == Fees(41 * GWEI, GWEI)
    dearer = fees.after_waiting(Price(100 * GWEI, GWEI))
    assert dearer.most >= 200 * GWEI
    seen = set[Fees]()
    while fees not in seen:
        seen.add(fees)
        fees = fees.after_waiting(PRICE)
    assert MOST_TIMES * PRICE.gas <= fees.priority < 1.3 * MOST_TIMES * PRICE.gas


def test_the_first_offer_follows_a_cheap_network() -> None:
    assert Price.of("0x5", None).priority == Price.of("0x5", RpcError("x", -32601, "no")).priority == PRIORITY_FEE
    assert Price.of("0x10", "0x3") == Price(16, 3)
    assert Price.of("0x10", hex(5 * GWEI)).priority == PRIORITY_FEE, "not more, whatever others pay"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("already known", Verdict.TAKEN),
        ("transaction already imported", Verdict.TAKEN),
        ("Known transaction: 0x12", Verdict.TAKEN),
        ("AlreadyKnown", Verdict.TAKEN),
        ("nonce too low: next nonce 5, tx nonce 4", Verdict.USED),
        ("Nonce too low. Expected nonce to be 5 but got 4.", Verdict.USED),
        ("OldNonce", Verdict.USED),
        ("replacement transaction underpriced", Verdict.OUTBID),
        ("transaction underpriced: tip needed 1000000, tip permitted 1", Verdict.OUTBID),
        ("max fee per gas less than block base fee", Verdict.OUTBID),
        ("ReplacementNotAllowed", Verdict.OUTBID),
        ("FeeTooLow, FeePerGas needs to be higher than 7", Verdict.OUTBID),
        ("insufficient funds for gas * price + value", Verdict.REFUSED),
        ("unknown transaction type", Verdict.REFUSED),
        ("execution reverted", Verdict.REFUSED),
    ],
)
def test_what_nodes_mean(text: str, meant: Verdict) -> None:
    assert verdict(RpcError("eth_sendRawTransaction", -32000, text)) is meant


# --- on a node ---


@pytest.fixture
def idle(chain: Chain) -> Iterator[Chain]:
    """A chain that makes blocks only when told to, as others do every 12 s."""
    chain.rpc.call("evm_setAutomine", False)
    yield chain
    chain.rpc.call("anvil_dropAllTransactions")
    chain.rpc.call("evm_setAutomine", True)


def waiting(chain: Chain) -> list[tuple[int, int]]:
    """Nonce and most fee of each transaction that waits."""
    pool = chain.rpc.call("txpool_content")
    found = (each for part in ("pending", "queued") for by in pool[part].values() for each in by.values())
    return sorted((int(each["nonce"], 16), int(each["maxFeePerGas"], 16)) for each in found)


def leave(chain: Chain, account: Account, nonce: int, fee: int = 2 * GWEI) -> bytes:
    """A transaction that a run before this one has left; returns its hash."""
    raw = Transaction(chain.chain_id, nonce, account.address_bytes, 1, b"", 21_000, fee, 1).signed(account.key)
    return bytes.fromhex(chain.rpc.call("eth_sendRawTransaction", hex_of(raw))[2:])


def while_mining(chain: Chain, when: Callable[[], bool], work: Callable[[], T]) -> T:
    """Do ``work`` beside a node that makes a block once ``when``."""

    def mine() -> None:
        if eventually(when):
            chain.rpc.call("evm_mine")

    miner = threading.Thread(target=mine)
    miner.start()
    try:
        return work()
    finally:
        miner.join()


def test_what_the_base_fee_has_left_behind_is_sent_again_for_more(idle: Chain, accounts: dict[str, Account]) -> None:
    alice, bob = accounts["alice"], accounts["bob"]
    chain = Chain(idle.rpc.url, patience_seconds=0.1)
    fees: list[int] = []
    base = int(idle.rpc.call("eth_getBlockByNumber", "latest", False)["baseFeePerGas"], 16)

    def risen() -> bool:
        """It has waited, the base fee of the next block is above all it offers, and it has been replaced."""
        if not fees and (pool := waiting(idle)):
            fees.append(pool[0][1])
            idle.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(3 * fees[0]))
            idle.rpc.call("evm_mine")
        return bool(fees) and any(fee >= 4 * fees[0] for _, fee in waiting(idle))

    receipt = while_mining(idle, risen, lambda: chain.send(alice, to=bob.address, value=7))
    idle.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(base))  # which no snapshot undoes
    idle.rpc.call("evm_mine")
    assert receipt["status"] == 1
    assert chain.nonce(alice) == 1
    assert int(chain.rpc.call("eth_getTransactionByHash", "0x" + receipt["transactionHash"].hex())["value"], 16) == 7


def test_whichever_version_lands_is_the_transaction(idle: Chain, accounts: dict[str, Account]) -> None:
    alice, bob = accounts["alice"], accounts["bob"]
    sent: list[str] = []

    def first_alone(body: dict[str, str]) -> Reply | None:
        """The node takes the first version, and says so of the others without having them."""
        if isinstance(body, dict) and body["method"] == "eth_sendRawTransaction":
            sent.append(body["params"][0])
            if len(sent) > 1:
                return Reply(200, {"jsonrpc": "2.0", "id": body["id"], "result": "0x" + 64 * "0"})
        return None

    with gateway(idle.rpc.url, first_alone) as proxy:
        chain = Chain(proxy.url, patience_seconds=0.05)
        receipt = while_mining(idle, lambda: len(set(sent)) > 2, lambda: chain.send(alice, to=bob.address, value=7))
    found = idle.rpc.call("eth_getRawTransactionByHash", "0x" + receipt["transactionHash"].hex())
    assert found == sent[0]


def test_who_cannot_pay_for_more_still_has_what_was_sent(idle: Chain, accounts: dict[str, Account]) -> None:
    alice, bob = accounts["alice"], accounts["bob"]
    refused: list[bool] = []

    def short(body: Any) -> Reply | None:
        """The node takes the first version, and no other: there is no money for it."""
        if isinstance(body, dict) and body["method"] == "eth_sendRawTransaction":
            refused.append(bool(refused or waiting(idle)))
            if refused[-1]:
                error = {"code": -32000, "message": "insufficient funds for gas * price + value"}
                return Reply(200, {"jsonrpc": "2.0", "id": body["id"], "error": error})
        return None

    with gateway(idle.rpc.url, short) as proxy:
        chain = Chain(proxy.url, patience_seconds=0.05)
        receipt = while_mining(idle, lambda: sum(refused) > 2, lambda: chain.send(alice, to=bob.address, value=7))
    assert receipt["status"] == 1


def test_what_was_left_stuck_gives_up_its_nonce(idle: Chain, accounts: dict[str, Account]) -> None:
    alice, bob = accounts["alice"], accounts["bob"]
    stuck = leave(idle, alice, 0)
    leave(idle, alice, 2)  # beyond a gap: 1 is missing
    chain = Chain(idle.rpc.url, patience_seconds=0.1)
    receipt = while_mining(
        idle,
        lambda: any(nonce == 0 and fee > 2 * GWEI for nonce, fee in waiting(idle)),
        lambda: chain.send(alice, to=bob.address, value=7),
    )
    assert receipt["status"] == 1 and receipt["transactionHash"] != stuck
    idle.rpc.call("evm_setAutomine", True)
    chain.send(alice, to=bob.address, value=7)  # fills the gap, and what waited behind it lands
    idle.rpc.call("evm_mine")
    assert idle.rpc.quantity("eth_getTransactionCount", alice.address, "latest") == 3
    assert waiting(idle) == []


def test_what_waits_with_a_good_fee_is_left_alone(idle: Chain, accounts: dict[str, Account]) -> None:
    """It may be that of another command of ours, at this moment."""
    alice, bob = accounts["alice"], accounts["bob"]
    other = leave(idle, alice, 0, fee=10 * GWEI)
    chain = Chain(idle.rpc.url, patience_seconds=20)
    threading.Timer(0.2, lambda: (idle.rpc.call("evm_mine"), idle.rpc.call("evm_setAutomine", True))).start()
    receipt = chain.send(alice, to=bob.address, value=7)
    assert receipt["status"] == 1
    assert idle.receipts([other])[0]["status"] == 1
    assert chain.nonce(alice) == 2


def test_many_are_replaced_in_order(idle: Chain, accounts: dict[str, Account]) -> None:
    alice, bob = accounts["alice"], accounts["bob"]
    chain = Chain(idle.rpc.url, patience_seconds=0.2)
    before, first = chain.balance(bob.address), list[tuple[int, int]]()

    def replaced() -> bool:
        pool = waiting(idle)
        if len(pool) == 5 and not first:
            first.extend(pool)
        return bool(first) and all(new > old for (_, new), (_, old) in zip(pool, first, strict=True))

    receipts = while_mining(
        idle, replaced, lambda: chain.send_many([Call(alice, bob.address, value=10**i, gas=21_000) for i in range(5)])
    )
    assert [receipt["transactionIndex"] for receipt in receipts] == list(range(5))
    assert chain.balance(bob.address) == before + 11_111


def test_what_a_reorganisation_has_undone_is_sent_again(chain: Chain, accounts: dict[str, Account]) -> None:
    alice, bob = accounts["alice"], accounts["bob"]
    careful = Chain(chain.rpc.url, confirmations=2, patience_seconds=0.5)
    before, base, state = chain.balance(bob.address), chain.block_number(), [0]

    def meanwhile() -> None:
        eventually(lambda: chain.block_number() > base)
        chain.rpc.call("anvil_reorg", 1, [])
        state[0] = chain.nonce(alice)
        for _ in range(2):
            chain.rpc.call("evm_mine")
        eventually(lambda: chain.nonce(alice) == 1)
        for _ in range(2):
            chain.rpc.call("evm_mine")

    other = threading.Thread(target=meanwhile)
    other.start()
    receipt = careful.send(alice, to=bob.address, value=7)
    other.join()
    assert state == [0], "the reorganisation has undone it"
    assert chain.block_number() >= receipt["blockNumber"] + 2
    assert chain.balance(bob.address) == before + 7


def test_nobody_waits_for_ever(idle: Chain, accounts: dict[str, Account]) -> None:
    chain = Chain(idle.rpc.url, patience_seconds=10, mined_seconds=0.1)
    with pytest.raises(NodeError, match=r"the transaction 0x[0-9a-f]{64} is in no block within 0.1 s; it may yet be"):
        chain.send(accounts["alice"], to=accounts["bob"].address, value=7)


def test_a_service_s_sender_replaces_in_the_call_after_as_well(
    idle: Chain, accounts: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacement, "LATE_SECONDS", 0.05)
    alice, bob = accounts["alice"], accounts["bob"]

    async def work(l1: L1) -> list[bytes]:
        sender = Sender(l1, alice.key, idle.chain_id, patience_seconds=0.3, timeout_seconds=0.2)
        offered = []
        for _ in range(3):
            with pytest.raises(ServiceError, match=r"was not mined within 0.2 s"):
                await sender.send(bob.address_bytes, b"", value=7, nonce=0)
            offered.append(waiting(idle))
        assert len(offered[-1]) == 1
        assert offered[-1] > offered[0]
        idle.rpc.call("evm_mine")
        landed = await sender.send(bob.address_bytes, b"", value=7, nonce=0)
        assert landed.succeeded
        again = Sender(l1, alice.key, idle.chain_id)
        with pytest.raises(ServiceError, match="took nonce 0"):
            await again.send(bob.address_bytes, b"", value=8, nonce=0)
        return [landed.transaction]

    began = idle.balance(bob.address)
    (name,) = run(idle, work)
    assert idle.balance(bob.address) == began + 7
    assert idle.receipts([name])[0]["status"] == 1


def test_a_service_s_sender_outbids_what_it_sent_before_a_restart(idle: Chain, accounts: dict[str, Account]) -> None:
    alice, bob = accounts["alice"], accounts["bob"]
    leave(idle, alice, 0, fee=6 * GWEI)

    async def work(l1: L1) -> bool:
        sender = Sender(l1, alice.key, idle.chain_id)
        sending = asyncio.create_task(sender.send(bob.address_bytes, b"", value=7))
        while not any(fee > 6 * GWEI for _, fee in waiting(idle)):
            assert not sending.done() or sending.result()
            await asyncio.sleep(0.01)
        idle.rpc.call("evm_mine")
        return (await sending).succeeded

    assert run(idle, work)


def test_a_sender_s_failed_transaction_is_told_and_forgotten(chain: Chain, accounts: dict[str, Account]) -> None:
    place = b"\xcc" * 20
    chain.rpc.call("anvil_setCode", hex_of(place), "0x60006000fd")

    async def work(l1: L1) -> None:
        sender = Sender(l1, accounts["alice"].key, chain.chain_id)
        with pytest.raises(Reverted):
            await sender.send(place, b"")
        assert (await sender.send(accounts["bob"].address_bytes, b"", value=1)).succeeded

    run(chain, work)


def test_two_at_once_take_a_nonce_each(
    chain: Chain, accounts: dict[str, Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replacement, "LATE_SECONDS", 0.2)
    alice, bob = accounts["alice"], accounts["bob"]
    before, first = chain.balance(bob.address), chain.nonce(alice)
    chains = [Chain(chain.rpc.url) for _ in range(3)]
    with ThreadPoolExecutor() as pool:
        sending = [pool.submit(each.send, alice, to=bob.address, value=1) for each in chains]
    assert len({each.result()["transactionHash"] for each in sending}) == 3
    assert (chain.balance(bob.address), chain.nonce(alice)) == (before + 3, first + 3)
