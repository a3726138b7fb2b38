"""Batches as blocks, operations as transactions: they tell what the machine did, in the shapes of execution-apis."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.crypto import recover
from toolkit.devnet.accounts import checksum
from toolkit.rollup.blocks import Block, Blocks, Growing, Operation
from toolkit.rollup.codec import WHOLE_BALANCE, Header
from toolkit.rollup.derive import Posted
from toolkit.rollup.ethereum_api import block_json, fee_history_json, receipt_json, transaction_json
from toolkit.rollup.inbox import Batch, Message, extend
from toolkit.rollup.machine import Account, State, apply_batch, apply_record, deposit_data, forced_data
from toolkit.rollup.operations import Transfer, Withdraw, l2_chain_id, rollup_domain

from .worlds import BRIDGE, ETH, KEYS, OWNERS, POSTER, TOKEN, genesis, random_record

MACHINE = b"\x11" * 20
ORIGIN = genesis(MACHINE)
HASH, ADDRESS, UINT, BYTES = r"0x[0-9a-f]{64}", r"0x[0-9a-fA-F]{40}", r"0x(0|[1-9a-f][0-9a-f]*)", r"0x([0-9a-f]{2})*"
BLOOM = r"0x[0-9a-f]{512}"
BLOCK = {
    "parentHash": HASH, "sha3Uncles": HASH, "miner": ADDRESS, "stateRoot": HASH, "transactionsRoot": HASH,
    "receiptsRoot": HASH, "logsBloom": BLOOM, "number": UINT, "gasLimit": UINT, "gasUsed": UINT, "timestamp": UINT,
    "extraData": BYTES, "mixHash": HASH, "nonce": r"0x[0-9a-f]{16}", "size": UINT, "hash": HASH, "difficulty": UINT,
    "baseFeePerGas": UINT,
}  # fmt: skip
PLACE = {"blockHash": HASH, "blockNumber": UINT, "transactionIndex": UINT}
TRANSACTION = {
    "type": "0x0", "hash": HASH, "nonce": UINT, "from": ADDRESS, "to": ADDRESS, "value": UINT, "gas": UINT,
    "gasPrice": UINT, "input": BYTES, "v": UINT, "r": UINT, "s": UINT, "blockTimestamp": UINT, **PLACE,
}  # fmt: skip
RECEIPT = {
    "type": "0x0", "transactionHash": HASH, "from": ADDRESS, "to": ADDRESS, "cumulativeGasUsed": UINT, "gasUsed": "0x1",
    "effectiveGasPrice": UINT, "logsBloom": BLOOM, "status": "0x1", **PLACE,
}  # fmt: skip


class History:
    """Batches posted one after another, with the outcomes and states that the specification gives."""

    def __init__(self) -> None:
        self.state, self.posted, self.outcomes = State(ORIGIN), list[Posted](), list[bytes]()
        self.roots, self.messages = [self.state.machine_hash], 0

    def post(self, records: list[bytes], messages: tuple[Message, ...] = (), header: Header | None = None) -> Batch:
        batch = Batch((header or Header()).encode(), records, messages, 1000 + len(self.posted), POSTER)
        before = self.posted[-1].accumulator if self.posted else ORIGIN.accumulator
        self.outcomes.append(bytes(apply_batch(self.state, batch)))
        place = extend(before, batch.hash), 7 + len(self.posted), b"\xdd" * 32
        self.posted.append(Posted(len(self.posted) + 1, batch, self.messages, *place))
        self.messages += len(messages)
        self.roots.append(self.state.machine_hash)
        return batch


def deposit(owner: int, amount: int, token: bytes = ETH) -> Message:
    return Message(BRIDGE, 1, deposit_data(token, OWNERS[owner], amount))


def random_history(rng: random.Random) -> History:
    """Deposits of both tokens, then batches of records that are good for the most part, some forced."""
    history = History()
    history.post([], tuple(deposit(o, rng.randint(0, 10**12), t) for o in range(4) for t in (ETH, TOKEN)))
    for _ in range(rng.randint(1, 3)):
        working, records = history.state.copy(), list[bytes]()
        header = Header(rng.choice([0, 6, 0xFFFFFFFF]), rng.choice([ETH, TOKEN]))
        for _ in range(rng.randint(0, 8)):
            records.append(random_record(rng, working))
            apply_record(working, header, records[-1])
        forced = [Message(OWNERS[0], 1, forced_data(random_record(rng, working))) for _ in range(rng.randint(0, 2))]
        history.post(records, (*forced, deposit(rng.randrange(4), 5)), header)
    return history


def blocks_of(history: History, *, known: bool = True) -> Blocks:
    blocks = Blocks(ORIGIN)
    blocks.extend(history.posted, history.outcomes if known else None)
    return blocks


def fits(shown: Mapping[str, Any], shape: Mapping[str, str]) -> bool:
    return all(re.fullmatch(pattern, shown[name]) for name, pattern in shape.items())


@settings(max_examples=60, deadline=None)
@given(st.randoms(use_true_random=False))
def test_transactions_account_for_every_balance_and_nonce(rng: random.Random) -> None:
    history = random_history(rng)
    held, signed = defaultdict[tuple[bytes, bytes], int](int), defaultdict[tuple[bytes, bytes], int](int)
    for posted, block in zip(history.posted, blocks_of(history).all[1:], strict=True):
        for message in posted.batch.messages:
            if message.sender == BRIDGE:
                token, owner = message.data[1:21], message.data[21:41]
                held[owner, token] += int.from_bytes(message.data[41:], "big")
        for each in block.operations:
            held[each.owner, each.token] -= each.amount + each.fee
            held[POSTER, each.token] += each.fee
            signed[each.owner, each.token] += 1
            if each.to is not None:
                held[each.to, each.token] += each.amount
    found, nonces = defaultdict[tuple[bytes, bytes], int](int), defaultdict[tuple[bytes, bytes], int](int)
    for owner, token, balance, nonce in history.state.accounts:
        found[owner, token] += balance
        nonces[owner, token] += nonce
    assert {k: v for k, v in held.items() if v} == {k: v for k, v in found.items() if v}
    assert {k: v for k, v in signed.items() if v} == {k: v for k, v in nonces.items() if v}


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_blocks_are_a_chain_whether_or_not_the_outcomes_are_known(rng: random.Random) -> None:
    history = random_history(rng)
    blocks = blocks_of(history)
    assert blocks.all == blocks_of(history, known=False).all
    assert [block.state_root for block in blocks.all] == history.roots
    assert all(child.parent == block.hash for block, child in zip(blocks.all, blocks.all[1:], strict=False))
    for block in blocks.all:
        assert block.hash is not None and blocks.by_hash(block.hash) is block
        for index, each in enumerate(block.operations):
            assert (each.block, each.index) == (block.number, index)
            assert blocks.operation(each.hash) is each
            assert recover(each.hash, each.signature) == each.owner
    assert blocks.by_hash(b"\x01" * 32) is None and blocks.operation(b"\x01" * 32) is None


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_every_answer_has_the_shape_of_execution_apis(rng: random.Random) -> None:
    history = random_history(rng)
    for block in blocks_of(history).all:
        shown = block_json(block, BRIDGE)
        assert fits(shown, BLOCK) and shown["miner"] == checksum(block.poster)
        assert shown["transactions"] == [each["hash"] for each in block_json(block, BRIDGE, full=True)["transactions"]]
        for each in block.operations:
            transaction, receipt = transaction_json(each, block, BRIDGE), receipt_json(each, block, BRIDGE)
            assert fits(transaction, TRANSACTION) and fits(receipt, RECEIPT)
            assert transaction["from"] == receipt["from"] == checksum(each.owner)
            r, s, v = (int(transaction[name], 16) for name in "rsv")
            assert each.signature == r.to_bytes(32, "big") + (s | (v - 27) << 255).to_bytes(32, "big")


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False))
def test_what_is_pending_has_the_transactions_of_the_batches_that_come(rng: random.Random) -> None:
    """A sequencer's own records are all good; what comes of the two batches is told before they are on L1."""
    history = History()
    history.post([], tuple(deposit(owner, 10**9, token) for owner in range(4) for token in (ETH, TOKEN)))
    blocks, growing = blocks_of(history), list[Growing]()
    for _ in range(2):
        working, records, header = history.state.copy(), list[bytes](), Header(0, ETH)
        for record in (random_record(rng, working) for _ in range(6)):
            if not apply_record(trial := working.copy(), header, record).outcome:
                working = trial
                records.append(record)
        batch = history.post(records, (deposit(0, 5),), header)
        growing.append(Growing(batch.header, records, batch.messages))
    pending = blocks.pending(growing, POSTER, 5000)
    assert (pending.number, pending.hash, pending.parent) == (2, None, blocks.all[1].hash)
    assert fits({**block_json(pending, BRIDGE), "hash": "0x" + 64 * "0"}, BLOCK)
    blocks.extend(history.posted, history.outcomes)
    landed = [each for block in blocks.all[2:] for each in block.operations]
    assert [replace(each, block=0, index=0) for each in pending.operations] == [
        replace(each, block=0, index=0) for each in landed
    ]


def _block(*operations: Operation) -> Block:
    zero = bytes(32)
    return Block(1, b"\x02" * 32, zero, 9, POSTER, operations, zero, zero, zero, 0)


def test_kinds_of_operations_are_told_as_ethereum_would() -> None:
    history = History()
    history.post([], (deposit(0, 1000), deposit(1, 1), deposit(0, 70, TOKEN), deposit(1, 1, TOKEN)))
    domain, key = ORIGIN.domain, KEYS[0]
    transfers = [
        Transfer(0, OWNERS[1], ETH, 5, 2, 0), Transfer(2, OWNERS[1], TOKEN, 6, 0, 0),
        Transfer(0, OWNERS[1], ETH, WHOLE_BALANCE, 3, 1),
    ]  # fmt: skip
    withdrawal = Withdraw(2, TOKEN, 7, 0, 1)
    records = [each.record(to, each.sign(domain, key)).encode() for each, to in zip(transfers, (1, 3, 1), strict=True)]
    history.post([*records, withdrawal.record(withdrawal.sign(domain, key)).encode()])
    block = blocks_of(history).all[2]
    shown = block_json(block, BRIDGE, full=True)["transactions"]
    names = [*(each.digest(domain) for each in transfers), withdrawal.digest(domain)]
    assert [each["hash"] for each in shown] == ["0x" + name.hex() for name in names]
    call = "0xa9059cbb" + 24 * "0"
    assert [(each["to"], int(each["value"], 16), int(each["gasPrice"], 16), each["input"]) for each in shown] == [
        (checksum(OWNERS[1]), 5, 2, "0x"),
        (checksum(TOKEN), 0, 0, call + OWNERS[1].hex() + f"{6:064x}"),
        (checksum(OWNERS[1]), 1000 - 5 - 2 - 3, 3, "0x"),
        (checksum(TOKEN), 0, 0, call + BRIDGE.hex() + f"{7:064x}"),
    ]
    assert [int(each["nonce"], 16) for each in shown] == [0, 0, 1, 1]
    told = fee_history_json([block], 2, [0, 50, 51, 75, 100])
    assert told["reward"] == [["0x0", "0x0", "0x2", "0x2", "0x3"]]
    assert (told["oldestBlock"], told["baseFeePerGas"]) == ("0x2", ["0x0", "0x0"])
    assert fee_history_json([_block()], 1, [50])["reward"] == [["0x0"]]
    assert "reward" not in fee_history_json([block], 2)


@given(st.integers(1, 2**64), st.binary(min_size=20, max_size=20))
def test_the_chain_id_is_bound_to_l1_and_machine_and_fits_json_and_wallets(chain_id: int, machine: bytes) -> None:
    found = l2_chain_id(rollup_domain(chain_id, machine))
    assert 1 << 47 <= found < 1 << 48
    assert found == l2_chain_id(rollup_domain(chain_id, machine))
    assert found not in (chain_id, l2_chain_id(rollup_domain(chain_id + 1, machine)))
    assert found != l2_chain_id(rollup_domain(chain_id, machine[1:] + bytes([machine[0] ^ 1])))


def test_a_deposit_is_no_transaction() -> None:
    history = History()
    history.post([], (deposit(0, 1000),))
    assert history.state.accounts == [Account(OWNERS[0], ETH, 1000, 0)]
    assert blocks_of(history).all[1].operations == ()
