"""The services' parts by themselves: contracts as bytes, derivation, journal, the sequencer's mind."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rollup_core.worlds import OWNERS, random_record

from toolkit.compile import artifact
from toolkit.crypto import Domain, address_of
from toolkit.devnet.l1 import L1, selector, topic
from toolkit.errors import BadInput, NodeError, ProtocolError
from toolkit.rollup import contracts as c
from toolkit.rollup.codec import NO_ACCOUNT, RECORD_SIZE, WHOLE_BALANCE, Header, RegisterRecord
from toolkit.rollup.derive import History, Replica
from toolkit.rollup.dispute.game import Rules
from toolkit.rollup.follower import Follower, Step
from toolkit.rollup.inbox import Batch, Message, extend
from toolkit.rollup.machine import (
    Account,
    Genesis,
    Outcome,
    State,
    apply_batch,
    apply_record,
    deposit_data,
    forced_data,
)
from toolkit.rollup.operations import Transfer, Withdraw
from toolkit.rollup.sequencer import BatchFull, Refused, Sequencer
from toolkit.rollup.sequencing import SequencerService
from toolkit.rollup.store import Entry, Journal, L1Copy, L1Log
from toolkit.rollup.watcher import Watcher

INBOX, ROLLUP, BRIDGE, POSTER, DISPUTE = (bytes([i]) * 20 for i in range(1, 6))
ETH = bytes(20)
KEY = b"\x05" * 32
OWNER, PAYEE = address_of(KEY), b"\x07" * 20
DOMAIN = Domain("l2kit rollup", "1", 31337, b"\x09" * 20)
GENESIS = Genesis(DOMAIN, BRIDGE, b"\xaa" * 28)
RULES = Rules(clock=3600, extension=600, max_rounds=8, bond=10**16)
CONTRACTS = c.Contracts(
    INBOX, ROLLUP, GENESIS, b"\xbb" * 32, POSTER, 10**17, DISPUTE, RULES, ring_size=256, window=10_000
)


def declared(name: str, kind: str) -> set[str]:
    """The signatures of a contract's functions, events or errors, from its ABI."""

    def types(inputs: list[dict[str, Any]]) -> str:
        return ",".join(
            str(each["type"]).replace("tuple", f"({types(each['components'])})")
            if "components" in each
            else str(each["type"])
            for each in inputs
        )

    return {f"{e['name']}({types(e['inputs'])})" for e in artifact(name).abi if e["type"] == kind}


def test_names_are_those_of_the_contracts() -> None:
    assert {c.POST_BATCH, c.POST_BLOBS, c.POST_LATE_BATCH, c.CHECKPOINT} <= declared("Inbox", "function")
    assert {c.ASSERT_STATE, c.CONFIRM, c.RECLAIM} <= declared("Rollup", "function")
    inbox, rollup = ({topic(event) for event in declared(name, "event")} for name in ("Inbox", "Rollup"))
    assert {c.MESSAGE_SENT, c.BATCH_POSTED, c.CHECKPOINTED} <= inbox
    assert {c.ASSERTED, c.CONFIRMED, c.REJECTED, c.RECLAIMED} <= rollup
    assert set(c.ERRORS) <= declared("Inbox", "error") | declared("Rollup", "error")


# --- derivation ---


def log_of(address: bytes, topics: tuple[bytes, ...], data: bytes, calldata: bytes = b"", time: int = 100) -> L1Log:
    return L1Log(1, 0, b"\x01" * 32, time, b"\x02" * 32, POSTER, address, topics, data, calldata)


def message_log(data: bytes, sender: bytes = BRIDGE) -> L1Log:
    body = (32).to_bytes(32, "big") + len(data).to_bytes(32, "big") + data + bytes(-len(data) % 32)
    return log_of(INBOX, (c.MESSAGE_SENT, sender.rjust(32, b"\0")), body)


def batch_log(history: History, records: list[bytes], messages: list[Message], calldata: bytes = b"") -> L1Log:
    header, number = Header().encode(), len(history.posted) + 1
    batch = Batch(header, records, messages, 100, POSTER)
    accumulator = extend(history.accumulator, batch.hash)
    calldata = calldata or c.encode_post_batch(number, header, records, messages)
    return log_of(INBOX, (c.BATCH_POSTED, number.to_bytes(32, "big")), accumulator.ljust(32, b"\0"), calldata)


def message(amount: int, account: int = NO_ACCOUNT) -> Message:
    return Message(BRIDGE, 100, deposit_data(ETH, OWNER, amount), account)


def test_batch_consumes_what_had_arrived_when_the_last_one_was_posted() -> None:
    history = History(CONTRACTS)
    history.add(message_log(message(1).data))
    history.add(batch_log(history, [], []))
    history.add(message_log(message(2).data))
    assert [m.data for m in history.required] == [message(1).data]
    assert [m.data for m in history.arrived] == [message(2).data]
    history.add(batch_log(history, [bytes(RECORD_SIZE)], [message(1, account=7)]))
    assert list(history.posted[1].batch.messages) == [message(1, account=7)]
    assert [m.data for m in history.required] == [message(2).data]


def test_batch_with_other_messages_than_the_rule_says_is_a_lying_node() -> None:
    history = History(CONTRACTS)
    history.add(batch_log(history, [], []))
    with pytest.raises(ProtocolError, match="other messages"):
        history.add(batch_log(history, [], [message(1)]))


def test_what_a_node_once_told_wrong_is_read_again_at_the_next_start() -> None:
    right = batch_log(History(CONTRACTS), [], [])
    copy = L1Copy(":memory:", "a rollup")
    copy.extend([replace(right, timestamp=101)], 1, bytes(32))

    async def step() -> Step:
        return Step(1, 100, [right] if copy.head() is None else [], False)

    async def start() -> Watcher:
        follower = cast(Follower, SimpleNamespace(copy=copy, step=step))
        watcher = Watcher(CONTRACTS, follower, logging.getLogger("test"))
        await watcher.start()
        return watcher

    assert len(asyncio.run(start()).replica.history.posted) == 1


def test_batch_that_does_not_give_its_accumulator_is_a_lying_node() -> None:
    history = History(CONTRACTS)
    with pytest.raises(ProtocolError, match="accumulator"):
        history.add(replace(batch_log(history, [], []), timestamp=101))


@settings(max_examples=50)
@given(
    records=st.lists(st.binary(min_size=RECORD_SIZE, max_size=RECORD_SIZE), max_size=4),
    gap=st.integers(0, 70),
    padding=st.binary(max_size=40),
)
def test_calldata_is_read_wherever_its_parts_stand(records: list[bytes], gap: int, padding: bytes) -> None:
    """Solidity takes any offsets and any padding, so a batch laid out strangely is a batch."""
    history, data = History(CONTRACTS), b"".join(records)
    places = (4 * 32 + gap + 32, 4 * 32 + gap)  # the records after the (empty) messages, which come after a gap
    calldata = b"".join(
        (
            selector(c.POST_BATCH), (1).to_bytes(32, "big"), Header().encode(), places[0].to_bytes(32, "big"),
            places[1].to_bytes(32, "big"), b"\xee" * gap, bytes(32), len(data).to_bytes(32, "big"), data, padding,
        )
    )  # fmt: skip
    history.add(batch_log(history, records, [], calldata))
    assert list(history.posted[0].batch.records) == records


def asserted_log(replica: Replica, name: int, parent: bytes, batch: int, wrong: bool = False) -> L1Log:
    derived = replica.derived[batch]
    machine_hash = b"\x66" * 32 if wrong else derived.machine_hash
    words = (batch.to_bytes(32, "big"), derived.accumulator.ljust(32, b"\0"), machine_hash, bytes(64))
    return log_of(ROLLUP, (c.ASSERTED, bytes([name]) * 32, parent), b"".join(words))


def test_of_siblings_that_are_right_the_first_made_is_built_on() -> None:
    """It is confirmed first; what is built on the other is left behind then, however far that goes."""
    replica = Replica(CONTRACTS)
    for _ in range(3):
        replica.add(batch_log(replica.history, [], []))
    genesis = CONTRACTS.genesis_assertion
    assert replica.tip() == (genesis, 0)
    replica.add(asserted_log(replica, 1, genesis, 3, wrong=True))
    assert replica.tip() == (genesis, 0)
    replica.add(asserted_log(replica, 2, genesis, 1))
    replica.add(asserted_log(replica, 3, genesis, 3))
    assert replica.tip() == (b"\x02" * 32, 1)
    replica.add(asserted_log(replica, 4, b"\x02" * 32, 2))
    assert replica.tip() == (b"\x04" * 32, 2)
    replica.add(log_of(ROLLUP, (c.CONFIRMED, b"\x02" * 32), bytes(32)))
    assert replica.tip() == (b"\x04" * 32, 2)


def test_state_after_any_batch_can_be_had_again() -> None:
    rng, replica = random.Random(5), Replica(CONTRACTS)
    for number in range(3):
        replica.add(message_log(deposit_data(ETH, OWNERS[number], 10**18)))
    replica.add(batch_log(replica.history, [], []))
    replica.add(batch_log(replica.history, [], list(replica.history.required)))
    stepwise = [State(GENESIS), replica.state_at(1), replica.state.copy()]
    for length in (0, 90, 3, 70):
        working, records = replica.state.copy(), list[bytes]()
        for _ in range(length):
            records.append(random_record(rng, working))
            apply_record(working, Header(), records[-1])
        replica.add(message_log(forced_data(random_record(rng, working))))
        replica.add(batch_log(replica.history, records, list(replica.history.required)))
        stepwise.append(replica.state.copy())
    assert replica.refused > 10
    for number, expected in enumerate(stepwise):
        found = replica.state_at(number)
        assert (found.batch, found.machine_hash) == (number, replica.derived[number].machine_hash)
        assert (found.accounts, found.withdrawals) == (expected.accounts, expected.withdrawals)
        apply_record(found, Header(), RegisterRecord(b"\x55" * 20, ETH).encode())  # it is nobody else's
        assert replica.state_at(number).machine_hash == expected.machine_hash
    for number in (-1, len(stepwise)):
        with pytest.raises(BadInput, match=f"there is no batch {number} on L1"):
            replica.state_at(number)


# --- the sequencer's mind ---


def mind(batch_records: int = 100, balance: int = 10**18) -> Sequencer:
    return Sequencer(State(GENESIS, [Account(OWNER, ETH, balance, 0)]), POSTER, batch_records=batch_records)


def pay(sequencer: Sequencer, amount: int, to: bytes = PAYEE, fee: int = 0) -> Entry:
    transfer = Transfer(0, to, ETH, amount, fee, sequencer.state.accounts[0].nonce)
    return sequencer.submit(transfer, transfer.sign(DOMAIN, KEY))


@settings(max_examples=30, deadline=None)
@given(
    groups=st.lists(
        st.tuples(
            st.lists(st.tuples(st.integers(0, 3), st.integers(0, 10**17), st.integers(0, 2)), max_size=4),
            st.lists(st.integers(1, 10**6), max_size=2),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_sealed_gives_the_promised_state_when_derived(
    groups: list[tuple[list[tuple[int, int, int]], list[int]]],
) -> None:
    """Promises (accounts, outbox) equal what anybody derives from the sealed batches, whatever is submitted."""
    sequencer = mind()
    derived = sequencer.state.copy()
    for submissions, deposits in groups:
        for kind, amount, fee in submissions:
            amount -= amount % 10**12  # noqa: PLW2901
            nonce = sequencer.state.accounts[0].nonce
            operation = (
                Withdraw(0, ETH, amount, fee, nonce)
                if kind == 3
                else Transfer(0, (OWNER, PAYEE, b"\x08" * 20)[kind], ETH, amount, fee, nonce)
            )
            before = sequencer.state.copy()
            try:
                sequencer.submit(operation, operation.sign(DOMAIN, KEY))
            except Refused:
                assert sequencer.state.accounts == before.accounts
                assert len(sequencer.state.withdrawals) == len(before.withdrawals)
        sealed = sequencer.seal([message(amount) for amount in deposits])
        apply_batch(derived, Batch(sealed.header, sealed.records, sealed.messages, 100, POSTER))
    assert derived.accounts == sequencer.state.accounts
    assert derived.outbox_root == sequencer.state.outbox_root
    assert derived.batch == sequencer.state.batch


def test_full_batch_takes_no_more_until_it_is_sealed() -> None:
    sequencer = mind(batch_records=3)
    pay(sequencer, 10**12)  # registers its payee, so two records
    pay(sequencer, 10**12)
    before = sequencer.state.copy()
    with pytest.raises(BatchFull):
        pay(sequencer, 10**12)
    assert sequencer.state.accounts == before.accounts
    assert len(sequencer.seal([]).records) == 3
    assert pay(sequencer, 10**12).batch == 2


def service(batch_seconds: float = 1e9) -> SequencerService:
    """A sequencer's service that has no node: nothing runs, and L1 is what is put into its history."""
    config = SimpleNamespace(batch_records=3, batch_data="calldata", batch_seconds=batch_seconds)
    journal = SimpleNamespace(seal=lambda batch: None)
    made = SequencerService(*cast(Any, (config, CONTRACTS, None, SimpleNamespace(address=POSTER), None, journal)))
    made.sequencer = mind(batch_records=3)
    return made


def test_asking_to_seal_again_posts_no_empty_batch() -> None:
    async def ask() -> None:
        made = service()
        assert await made.seal() is None
        made.history.add(message_log(message(1).data))
        for number, consumed in ((1, []), (2, [message(1, account=0)])):
            assert await made.seal() == number
            assert made._seconds_to_seal() == 0.0
            assert made._seal()
            asked_again = await made.seal()
            assert asked_again == (2 if number == 1 else None)
            made.history.add(batch_log(made.history, [], consumed))
            made.sealed = None
        assert made._seconds_to_seal() is None

    asyncio.run(ask())


def test_what_somebody_asked_to_seal_and_l1_holds_by_now_is_not_sealed() -> None:
    async def ask() -> None:
        made = service()
        pay(made.sequencer, 10**12)
        assert await made.seal() == 1
        made.sequencer = mind(batch_records=3)
        assert made._seconds_to_seal() is None
        pay(made.sequencer, 10**12)
        made._open_since = asyncio.get_running_loop().time()
        assert (made._seconds_to_seal() or 0) > 1e8, "nobody has asked for this one"

    asyncio.run(ask())


def test_forged_transfer_opens_no_account() -> None:
    sequencer = mind()
    with pytest.raises(Refused, match="signature"):
        sequencer.submit(Transfer(0, PAYEE, ETH, 10**12, 0, 0), bytes(64))
    assert (len(sequencer.state.accounts), sequencer.records) == (1, [])


def test_whole_balance_is_taken_whatever_its_digits_and_refused_below_the_fee() -> None:
    sequencer = mind(balance=123_456_789_012_345_678)
    pay(sequencer, WHOLE_BALANCE, fee=5)
    assert [account.balance for account in sequencer.state.accounts] == [0, 123_456_789_012_345_673]
    with pytest.raises(Refused, match="holds 0, less than amount 0 plus fee 5"):
        pay(sequencer, WHOLE_BALANCE, fee=5)
    withdraw = Withdraw(0, ETH, WHOLE_BALANCE, 0, 1)
    entry = sequencer.submit(withdraw, withdraw.sign(DOMAIN, KEY))
    assert (entry.amount, sequencer.state.withdrawals[0].amount) == (WHOLE_BALANCE, 0)


def test_forced_operation_counts_from_the_batch_that_consumes_it_on() -> None:
    sequencer = mind()
    forced = Transfer(0, OWNER, ETH, 10**12, 7, 1)  # to itself, after the payment below
    record = forced.record(0, forced.sign(DOMAIN, KEY)).encode()
    pay(sequencer, 10**12)
    sealed = sequencer.seal([Message(b"\x66" * 20, 1, forced_data(record))])
    assert [account.nonce for account in sequencer.state.accounts] == [2, 0]
    with pytest.raises(Refused, match="nonce 1 is not the next one of account 0, 2"):
        sequencer.submit(forced, forced.sign(DOMAIN, KEY))
    pay(sequencer, 10**12)
    derived = mind().state
    sealed_again = sequencer.seal([])
    for each in (sealed, sealed_again):
        outcomes = apply_batch(derived, Batch(each.header, each.records, each.messages, 100, POSTER))
        assert set(outcomes) == {Outcome.APPLIED}
    assert derived.accounts == sequencer.state.accounts


def test_deposit_goes_to_the_account_that_is_there() -> None:
    sequencer = mind()
    sealed = sequencer.seal([message(5), Message(b"\x66" * 20, 1, b"what is this")])
    assert [m.account for m in sealed.messages] == [0, NO_ACCOUNT]
    assert sequencer.state.accounts == [Account(OWNER, ETH, 10**18 + 5, 0)]


# --- disk ---


def test_journal_gives_back_what_it_was_told(tmp_path: Path) -> None:
    sequencer, journal = mind(), Journal(tmp_path / "journal.sqlite", "this")
    entries = [pay(sequencer, 10**12), pay(sequencer, 2 * 10**12)]
    journal.append(entries)
    journal.seal(1)
    journal.move([(2, 5)], [(1, "L1 reorganised")])
    journal.close()
    again = Journal(tmp_path / "journal.sqlite", "this")
    assert again.standing() == [replace(entries[1], batch=5)]
    assert again.find(entries[0].hash) == replace(entries[0], dropped="L1 reorganised")
    assert (again.sealed(), again.next_sequence(), again.find(bytes(32))) == (1, 3, None)
    again.close()


def test_database_of_another_rollup_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path / "journal.sqlite", "this").close()
    with pytest.raises(BadInput, match=r"belongs to another rollup \(this, not that\)"):
        Journal(tmp_path / "journal.sqlite", "that")


def test_copy_of_l1_forgets_from_a_block_on(tmp_path: Path) -> None:
    copy = L1Copy(tmp_path / "l1.sqlite", "this")
    logs = [replace(message_log(bytes([i])), block=i, block_hash=bytes([i]) * 32) for i in range(1, 6)]
    for log in logs:
        copy.extend([log], log.block, log.block_hash)
    assert list(copy.logs()) == logs
    assert all(newer[0] > older[0] for newer, older in pairwise(copy.known_blocks()))
    copy.rewind(3, bytes([3]) * 32)
    assert list(copy.logs()) == logs[:3]
    assert copy.head() == (3, bytes([3]) * 32)
    copy.rewind(-1, b"")
    assert (list(copy.logs()), copy.head()) == ([], None)
    copy.close()


# --- following L1 ---


class FakeL1(L1):
    """A chain of block names; logs cannot be had while ``broken``."""

    def __init__(self, names: str) -> None:
        super().__init__("http://nowhere")
        self.names, self.broken = names, False

    async def call(self, method: str, *params: Any) -> Any:
        if method == "eth_getLogs":
            if self.broken:
                raise NodeError("broken")
            return []
        number = len(self.names) - 1 if params[0] == "latest" else int(params[0], 16)
        if number >= len(self.names):
            return None
        return {"number": hex(number), "hash": "0x" + self.names[number].encode().hex() * 32, "timestamp": "0x1"}


def test_follower_tells_of_a_reorganisation_even_if_it_could_not_read_on(tmp_path: Path) -> None:
    async def follow() -> None:
        l1, copy = FakeL1("abcd"), L1Copy(tmp_path / "l1.sqlite", "this")
        follower = Follower(l1, copy, [INBOX], 0)
        assert not (await follower.step()).rewound
        copy.rewind(2, b"c" * 32)  # so that a block below the head is known as well
        l1.names = "abcxyz"
        assert not (await follower.step()).rewound
        l1.names, l1.broken = "abcq", True
        with pytest.raises(NodeError):
            await follower.step()
        l1.broken = False
        assert (await follower.step()).rewound
        assert copy.head() == (3, b"q" * 32)
        assert not (await follower.step()).rewound
        copy.close()
        l1.close()

    asyncio.run(follow())
