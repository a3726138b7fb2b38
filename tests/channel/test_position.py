"""A channel's position in one word, and the roots of locks: Python against Solidity, function by function."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rollup_core.evm import Contract

from toolkit.channel.position import Position, read_position
from toolkit.channel.state import MAX_UNITS, Deposits, Lock, Signing, Withdrawal, balances, locks_root
from toolkit.devnet.rpc import Rpc
from toolkit.errors import NodeError

from .people import A
from .world import CHAIN_ID, World

hashes = st.binary(min_size=32, max_size=32)
nonces = st.integers(0, 2**48 - 1)
deadlines = st.integers(1, 2**37 - 1)
units = st.one_of(st.integers(0, MAX_UNITS), st.integers(0, 300))
nets = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**57), 2**57), st.integers(-300, 300))
locks = st.builds(Lock, hashes, st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**40 - 1))


@dataclass(frozen=True)
class Fields:
    """Of the word; `third` is the balance of A or the number of withdrawals."""

    total: int
    deposit_a: int
    third: int = 0
    nonce: int = 0
    is_ether: bool = False
    has_locks: bool = False
    deadline: int = 0

    @property
    def word(self) -> int:
        low = self.total | (self.deposit_a % 2**57) << 56 | self.third << 113
        return low | self.nonce << 169 | self.is_ether << 217 | self.has_locks << 218 | self.deadline << 219


some_fields = st.builds(
    Fields, st.one_of(st.integers(1, MAX_UNITS), st.integers(1, 300)),
    st.one_of(st.integers(-(2**56), MAX_UNITS), st.integers(-300, 300), st.sampled_from([-(2**56), -1, MAX_UNITS])),
    units, nonces, st.booleans(), st.booleans(), st.one_of(st.just(0), deadlines),
)  # fmt: skip


@pytest.fixture(scope="module")
def world() -> World:
    return World()


@pytest.fixture(scope="module")
def probe(world: World) -> Contract:
    return world.deploy_odd("Probe")


@settings(max_examples=200)
@given(fields=some_fields)
def test_every_field_is_read(world: World, probe: Contract, fields: Fields) -> None:
    deposit_b = fields.total - fields.deposit_a
    balance_b = (fields.total - fields.third) % 2**256
    assert world.evm.call(probe, "fields", fields.word) == (
        fields.total, fields.deposit_a, deposit_b, fields.third, balance_b, fields.third,
        fields.nonce, fields.is_ether, fields.has_locks, fields.deadline,
    )  # fmt: skip
    deposits = Deposits(fields.deposit_a, deposit_b)
    closing = Position(deposits, fields.third, fields.nonce, fields.deadline, fields.has_locks)
    open_ = Position(deposits, 0, fields.nonce, 0, fields.has_locks, withdrawals=fields.third)
    assert Position.unpack(fields.word) == (closing if fields.deadline else open_)
    assert Position.unpack(fields.word, closed=True) == closing
    assert closing.exists


@settings(max_examples=200)
@given(fields=some_fields, for_a=st.booleans(), amount=units)
def test_a_deposit_moves_the_total_and_its_side(
    world: World, probe: Contract, fields: Fields, for_a: bool, amount: int
) -> None:
    room = MAX_UNITS - fields.total
    if for_a:
        room = min(room, MAX_UNITS - fields.deposit_a)
    assert world.evm.call(probe, "roomFor", fields.word, for_a) == room
    amount = min(amount, room)
    after = replace(fields, total=fields.total + amount, deposit_a=fields.deposit_a + amount * for_a)
    assert world.evm.call(probe, "deposit", fields.word, for_a, amount) == after.word


@settings(max_examples=200)
@given(fields=some_fields, a=units, b=units)
def test_a_withdrawal_moves_the_total_and_counts(world: World, probe: Contract, fields: Fields, a: int, b: int) -> None:
    room = fields.deposit_a + 2**56
    assert world.evm.call(probe, "roomForWithdrawal", fields.word) == room
    a = min(a, fields.total - 1, room)
    b = min(b, fields.total - 1 - a)
    fields = replace(fields, third=min(fields.third, MAX_UNITS - 1))
    after = replace(fields, total=fields.total - a - b, deposit_a=fields.deposit_a - a, third=fields.third + 1)
    assert world.evm.call(probe, "withdraw", fields.word, a, b) == after.word


@settings(max_examples=200)
@given(fields=some_fields, balance=units, nonce=nonces, pending=st.one_of(st.just(bytes(32)), hashes), at=deadlines)
def test_closing_keeps_the_deposits(
    world: World, probe: Contract, fields: Fields, balance: int, nonce: int, pending: bytes, at: int
) -> None:
    balance = min(balance, fields.total)
    shown = replace(fields, third=balance, nonce=nonce, has_locks=any(pending), deadline=at)
    assert world.evm.call(probe, "start", fields.word, balance, nonce, pending, at) == shown.word
    resolved = replace(fields, third=balance, has_locks=any(pending))
    assert world.evm.call(probe, "resolve", fields.word, balance, pending) == resolved.word
    ended = replace(fields, third=balance, nonce=0, deadline=0)
    assert world.evm.call(probe, "end", fields.word, balance) == ended.word


@settings(max_examples=300)
@given(fields=some_fields, net=nets)
def test_balances_are_those_of_the_specification(world: World, probe: Contract, fields: Fields, net: int) -> None:
    deposits = Deposits(fields.deposit_a, fields.total - fields.deposit_a)
    assert world.evm.call(probe, "balanceAfter", fields.word, net) == balances(deposits, net)[0]
    fields = replace(fields, third=min(fields.third, fields.total))
    after = min(max(fields.third - net, 0), fields.total)
    assert world.evm.call(probe, "balanceAfterLocks", fields.word, net) == after


@given(amount=st.integers(1, MAX_UNITS), is_ether=st.booleans())
def test_an_opened_channel_is_all_as(world: World, probe: Contract, amount: int, is_ether: bool) -> None:
    assert world.evm.call(probe, "open", amount, is_ether) == Fields(amount, amount, is_ether=is_ether).word


@settings(max_examples=100)
@given(found=st.lists(locks, max_size=6))
def test_solidity_computes_the_same_root_of_locks(world: World, probe: Contract, found: list[Lock]) -> None:
    assert world.evm.call(probe, "roots", found) == (locks_root(found),) * 3
    assert [Lock.decode(lock.encode()) for lock in found] == found


@settings(max_examples=100)
@given(id_=hashes, withdrawal=st.builds(Withdrawal, units, units, units, st.integers(0, 2**40 - 1)))
def test_solidity_computes_the_same_withdrawal(world: World, id_: bytes, withdrawal: Withdrawal) -> None:
    expected = Signing(CHAIN_ID, world.channels.address_bytes, id_).withdrawal_digest(withdrawal)
    assert world.call(A, "withdrawalDigest", id_, withdrawal) == expected


@pytest.mark.parametrize("size", [0, 192, 255, 257])
def test_another_contracts_answer_is_no_position(size: int) -> None:
    with pytest.raises(ValueError, match=str(size)):
        Position.decode(bytes(size))


def test_where_there_is_no_contract_the_node_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(*_: Any) -> str:
        return "0x"

    monkeypatch.setattr(Rpc, "call", answer)
    with pytest.raises(NodeError, match=r"no PaymentChannels at 0x0707\w+: http://\*\*\*@127\.0\.0\.1:1 answers"):
        read_position(Rpc("http://me:password@127.0.0.1:1"), b"\7" * 20, bytes(32))
