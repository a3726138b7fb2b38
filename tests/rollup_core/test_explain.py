"""A step of the machine in words."""

from __future__ import annotations

import random

from toolkit.devnet.accounts import checksum
from toolkit.rollup.codec import NO_ACCOUNT, Header, RegisterRecord
from toolkit.rollup.dispute.explain import Balance, explain
from toolkit.rollup.dispute.trace import Trace
from toolkit.rollup.inbox import Batch, Message
from toolkit.rollup.machine import Account, State, deposit_data, forced_data
from toolkit.rollup.operations import Transfer, Withdraw

from .worlds import BRIDGE, ETH, KEYS, OWNERS, POSTER, TOKEN, genesis

NAMES = {OWNERS[0]: "alice", OWNERS[1]: "bob", OWNERS[3]: "the poster"}
ETHER = 10**18


def name(address: bytes) -> str:
    return NAMES.get(address, checksum(address))


def test_every_kind_of_step_is_told_with_the_balances_that_it_changes() -> None:
    state = State(genesis(b"\x3a" * 20), [Account(OWNERS[0], ETH, 3 * ETHER, 0), Account(OWNERS[1], ETH, 0, 0)])
    domain = state.genesis.domain
    pay, take = Transfer(0, OWNERS[1], ETH, ETHER, 0, 0), Withdraw(0, ETH, ETHER // 2, 0, 1)
    forced = Withdraw(0, ETH, ETHER // 4, 0, 2)
    records = [
        RegisterRecord(OWNERS[1], TOKEN).encode(),
        pay.record(1, pay.sign(domain, KEYS[0])).encode(),
        take.record(take.sign(domain, KEYS[0])).encode(),
        pay.record(1, pay.sign(domain, KEYS[1])).encode(),
        (9).to_bytes(4, "big") + random.Random(1).randbytes(72),
    ]
    messages = [
        Message(BRIDGE, 7, deposit_data(TOKEN, OWNERS[1], 5 * ETHER), 2),
        Message(OWNERS[1], 7, forced_data(forced.record(forced.sign(domain, KEYS[0])).encode()), NO_ACCOUNT),
        Message(OWNERS[1], 7, b"hello", NO_ACCOUNT),
    ]
    trace = Trace(state, [Batch(Header().encode(), records, messages, 8, POSTER)])
    told = [explain(trace, step, name) for step in range(trace.steps)]
    assert [each.operation for each in told if each is not None] == [
        "an account is opened for bob",
        "alice pays bob 1 ETH",
        "alice withdraws 0.5 ETH",
        "alice pays bob 1 ETH (without effect: bad signature)",
        told[4].operation if told[4] else "",
        "bob deposits 5 tokens",
        "forced through L1: alice withdraws 0.25 ETH",
        "a message of bob with 5 bytes (without effect: unknown message)",
        "the end of batch 1, fees 0",
    ]
    assert told[4] is not None
    assert told[4].operation.startswith("account 9 pays account ")
    assert told[4].operation.endswith("(without effect: unknown sender)")
    assert explain(trace, trace.steps) is None
    paid, moved = told[1], told[5]
    assert paid is not None and moved is not None
    assert paid.balances == (
        Balance(OWNERS[0], ETH, 3 * ETHER, 2 * ETHER), Balance(OWNERS[1], ETH, 0, ETHER),
    )  # fmt: skip
    assert moved.balances == (Balance(OWNERS[1], TOKEN, 0, 5 * ETHER),)
    assert [(each.before, each.after) for each in told if each] == [
        (trace.hash(step), trace.hash(step + 1)) for step in range(trace.steps)
    ]
    assert [(each.batch, each.position) for each in told if each] == [(1, position) for position in range(9)]
