"""Disputes about payments, with batches that were really posted: whatever a cheat gets wrong, L1 sees it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from toolkit.compile import artifact
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted
from toolkit.rollup.codec import NO_ACCOUNT, Header, RegisterRecord
from toolkit.rollup.dispute import game as g
from toolkit.rollup.inbox import Batch, Message, genesis_accumulator
from toolkit.rollup.machine import Account, Genesis, Outcome, State, Withdrawal, apply_step, deposit_data, record_change
from toolkit.rollup.operations import rollup_domain
from toolkit.rollup.witness import build_witness

from .arena import PENDING, REJECTED, SEQUENCER, Arena
from .evm import refusal
from .machines import signed_transfer, signed_withdrawal
from .worlds import BRIDGE, CHAIN_ID, ETH, OWNERS, TOKEN, random_message, random_record

CHEAT, VERIFIER = b"\xc0" * 20, b"\xa1" * 20
HINT = Header(fee_token=ETH)
"""Fees in ETH, credited to an account that is opened."""


class Payments(Arena):
    """Batches of payments in the real Inbox, and every state on the way.

    Attributes:
        places: each step's state before it and its batch, from the beginning on.
        last: the state after all batches.
    """

    def __init__(self, seed: int) -> None:
        super().__init__(
            lambda evm, inbox: evm.deploy(artifact("PaymentsMachine"), inbox.address, checksum(BRIDGE), 31, 32)
        )
        self.rng = random.Random(seed)
        inbox, machine = self.inbox.address_bytes, self.machine.address_bytes
        start = genesis_accumulator(CHAIN_ID, inbox, self.genesis_time)
        self.last = State(Genesis(rollup_domain(CHAIN_ID, machine), BRIDGE, start))
        self.places: list[tuple[State, Batch]] = []
        self._sent: list[Message] = []
        self._snapshot: list[Message] = []

    def send_message(self, message: Message) -> None:
        """Send it now; the hint is the poster's."""
        self.evm.call(self.inbox, "send", message.data, sender=checksum(message.sender))
        self._sent.append(Message(message.sender, self.now, message.data, message.account))

    def post_batch(self, header: Header, records: list[bytes]) -> None:
        word, messages = header.encode(), self._snapshot
        references = b"".join(each.reference() for each in messages)
        self.post(self.last.batch + 1, word, b"".join(records), references)
        self._snapshot, self._sent = self._sent, []
        batch = Batch(word, records, messages, self.now, SEQUENCER)
        for _ in range(batch.steps):
            self.places.append((self.last.copy(), batch))
            apply_step(self.last, batch)
        assert self.accumulator(self.last.batch) == self.last.accumulator

    def deposit(self, owner: int, token: bytes, amount: int, hint: int = NO_ACCOUNT) -> None:
        self.send_message(Message(BRIDGE, 0, deposit_data(token, OWNERS[owner], amount), hint))

    def fill(self) -> None:
        """Accounts with money, then three batches of all kinds of operations, good and bad."""
        for owner, token in ((0, ETH), (1, ETH), (2, ETH), (0, TOKEN), (1, TOKEN)):
            self.deposit(owner, token, 10**18)
        self.post_batch(HINT, [])
        self.deposit(0, ETH, 10**18, hint=0)
        self.deposit(3, ETH, 5)
        self.post_batch(HINT, [])
        state, working, records = self.last, self.last.copy(), list[bytes]()
        makers: list[Callable[[], bytes]] = [
            lambda: signed_transfer(working, 0, 1, 10**17, 7),
            lambda: signed_transfer(working, 1, 1, 10**17, 5),
            lambda: signed_transfer(working, 3, 4, 10**17),
            lambda: signed_withdrawal(working, 2, 10**17, 3),
            lambda: signed_withdrawal(working, 4, 10**17),
            lambda: RegisterRecord(OWNERS[2], TOKEN).encode(),
            lambda: signed_transfer(working, 2, 0, 10**17, key=1),  # forged
        ]
        for make in makers:
            records.append(make())
            working.commit(record_change(working, HINT, records[-1]))
        self.post_batch(HINT, records)
        assert state.withdrawals and state.accounts[-1].owner == SEQUENCER
        for _ in range(2):
            working, records = self.last.copy(), []
            for _ in range(12):
                records.append(random_record(self.rng, working))
                working.commit(record_change(working, HINT, records[-1]))
            self.post_batch(HINT, records)
            for _ in range(3):
                message = random_message(self.rng, working)
                self.send_message(message)

    def run(self, steps: int) -> bytes:
        """The state hash after so many steps."""
        return (self.places[steps][0] if steps < len(self.places) else self.last).machine_hash

    def witness(self, steps: int) -> bytes:
        """Of the step after so many."""
        return build_witness(*self.places[steps]) if steps < len(self.places) else build_witness(self.last)

    def refute(self, place: int, wrong: State, *, by_the_rules: bool) -> None:
        """A cheat has `wrong` after step `place`: it is asserted, challenged, rejected.

        From there on it goes by the rules, so that what it says may become right again; or it makes everything up.
        """
        working, hashes = wrong.copy(), [wrong.machine_hash]
        for _, batch in self.places[place + 1 :] if by_the_rules else ():
            if working.position < batch.steps:
                apply_step(working, batch)
            hashes.append(working.machine_hash)
        end = keccak256(wrong.machine_hash + bytes([place, by_the_rules]))  # several mistakes may lead to one state

        def claimed(steps: int) -> bytes:
            if steps <= place:
                return self.run(steps)
            if steps - place <= len(hashes) and steps != 256:
                return hashes[steps - place - 1]
            return end

        claim = self.assert_state(CHEAT, self.genesis, self.last.batch, end)
        name = self.open(VERIFIER, claim)
        assert self.play(name, 2, claimed, self.run, self.witness).winner == VERIFIER
        assert self.status(claim.id) == REJECTED
        if not by_the_rules:
            assert self.proved[-1] == g.Proved(name, self.run(place), wrong.machine_hash, self.run(place + 1))


# What a cheat may say that a step led to


def _spoilt(right: State, **changes: object) -> State:
    state = right.copy()
    for name, value in changes.items():
        assert getattr(state, name) != value
        setattr(state, name, value)
    return state


def _with_account(right: State, index: int, account: Account) -> State:
    state = right.copy()
    assert state.accounts[index] != account
    state.accounts[index] = account
    state._dirty.add(index)
    return state


def corruptions(rng: random.Random, before: State, batch: Batch, right: State) -> Iterator[tuple[str, State]]:
    """Wrong successors of a state, each with its name."""
    if before.accounts:
        index = rng.randrange(len(before.accounts))
        account = right.accounts[index]
        yield "a wrong balance", _with_account(right, index, account._replace(balance=account.balance + 1))
        yield "a stolen account", _with_account(right, index, account._replace(owner=b"\xc0" * 20))
        yield "a wrong nonce", _with_account(right, index, account._replace(nonce=account.nonce + 1))
    yield "wrong fees", _spoilt(right, fees=right.fees + 1)
    yield "a wrong position", _spoilt(right, position=right.position + 1)
    yield "a wrong batch", _spoilt(right, batch=right.batch + 1)
    yield "a wrong accumulator", _spoilt(right, accumulator=rng.randbytes(28))
    richer = right.copy()
    richer.withdrawals.append(Withdrawal(len(richer.withdrawals), OWNERS[0], ETH, 10**18))
    yield "a withdrawal that nobody made", richer
    opened = right.copy()
    opened.accounts.append(Account(OWNERS[1], ETH, 10**18, 0))
    opened._dirty.add(len(opened.accounts) - 1)
    yield "an account that nobody opened", opened
    yield "a step that was not made", before.copy()
    skipped = before.copy()
    skipped.position += 1
    if right.position and right.machine_hash != skipped.machine_hash:
        yield "an operation left out", skipped
    if before.position < len(batch.records):
        forged = _without_signature(before, batch)
        if forged is not None:
            yield "a forged signature", forged
    if not right.position:  # the end of a batch
        unpaid = before.copy()
        unpaid.batch, unpaid.position, unpaid.fees, unpaid.accumulator = right.batch, 0, 0, right.accumulator
        if before.fees:
            yield "fees kept from the poster", unpaid
            yield "fees paid and kept for the next batch", _spoilt(right, fees=before.fees)
        yield "a batch not finished", _spoilt(right, batch=before.batch, accumulator=before.accumulator)


def _without_signature(before: State, batch: Batch) -> State | None:
    """What a record would do if its signature were good; None where it is good, or would do nothing all the same."""
    record, header = batch.records[before.position], Header.decode(batch.header)
    if record_change(before, header, record).outcome is not Outcome.BAD_SIGNATURE:
        return None
    sender, recipient = int.from_bytes(record[:4], "big"), int.from_bytes(record[4:8], "big")
    after = before.copy()
    payer = after.accounts[sender]
    payer = payer._replace(balance=0, nonce=payer.nonce + 1)
    after.accounts[sender] = payer
    after._dirty.add(sender)
    if recipient != NO_ACCOUNT:
        payee = after.accounts[recipient]
        after.accounts[recipient] = payee._replace(balance=payee.balance + before.accounts[sender].balance)
        after._dirty.add(recipient)
    after.position += 1
    return after


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_every_wrong_step_of_every_batch_is_proved(seed: int) -> None:
    """At each step of five batches, each in several ways; every game to its end, all against one history."""
    payments = Payments(seed)
    payments.fill()
    seen: dict[str, int] = {}
    for place, (before, batch) in enumerate(payments.places):
        right = payments.places[place + 1][0] if place + 1 < len(payments.places) else payments.last
        wrongs = corruptions(payments.rng, before, batch, right)
        found = list({wrong.machine_hash: (kind, wrong) for kind, wrong in wrongs}.values())
        for kind, wrong in payments.rng.sample(found, 4) if seed else found:
            assert wrong.machine_hash != right.machine_hash
            for by_the_rules in (False, True):
                payments.refute(place, wrong, by_the_rules=by_the_rules)
            seen[kind] = seen.get(kind, 0) + 1
    payments.check()
    if not seed:
        assert len(seen) >= 14, seen


@pytest.fixture(scope="module")
def payments() -> Payments:
    """A history to ask about; each test asserts something else."""
    made = Payments(7)
    made.fill()
    return made


def test_a_right_assertion_wins_whatever_step_is_challenged(payments: Payments) -> None:
    claim = payments.assert_state(CHEAT, payments.genesis, payments.last.batch, payments.last.machine_hash)
    for place in range(len(payments.places) + 2):
        name = payments.open(VERIFIER, claim)
        payments.defend_as(name, 2, payments.run)
        payments.challenge(name, place // 16)
        payments.defend_as(name, 2, payments.run)
        payments.prove(name, place % 16, payments.witness(place))
        assert payments.ended[-1].winner == CHEAT
    name = payments.open(VERIFIER, claim)
    payments.defend_as(name, 2, payments.run)
    payments.prove(name, g.LAST_STEP, payments.witness(256))
    assert payments.ended[-1].winner == CHEAT
    assert payments.status(claim.id) == PENDING
    payments.check()


def test_a_wrong_witness_decides_nothing(payments: Payments) -> None:
    """Of another step, or with any byte of it changed: nothing comes of it, or what the right one brings."""
    place = next(
        index
        for index, (state, batch) in enumerate(payments.places)
        if state.position < len(batch.records)
        and record_change(state, HINT, batch.records[state.position]).outcome is Outcome.APPLIED
    )
    claim = payments.assert_state(CHEAT, payments.genesis, payments.last.batch - 1, payments.last.machine_hash)
    name = payments.open(VERIFIER, claim)
    payments.defend_as(name, 2, payments.run)
    payments.challenge(name, place // 16)
    payments.defend_as(name, 2, payments.run)
    state, right = payments.games[name], payments.witness(place)
    for other in (place - 1, place + 1, len(payments.places)):
        refusal("WrongWitness", lambda other=other: payments.prove(name, place % 16, payments.witness(other)))
    decided = 0
    for offset in range(0, len(right), 7):
        tampered = right[:offset] + bytes([right[offset] ^ 1 << payments.rng.randrange(8)]) + right[offset + 1 :]
        kept = payments.evm.vm.snapshot()
        try:
            payments.raw(VERIFIER, payments.dispute, g.encode_prove(state, place % 16, tampered))
        except Reverted:
            assert payments.commitment(name) == state.commitment
        else:  # padding, or what this step does not need
            decided += 1
            assert payments.commitment(name) == bytes(32)
            assert payments.status(claim.id) == PENDING
        payments.evm.vm.revert(kept)
    assert decided < len(right) / 7 / 2
    payments.prove(name, place % 16, right)
    assert payments.ended[-1].winner == CHEAT


@pytest.mark.parametrize("missing", [1, 3])
def test_a_state_in_the_middle_of_a_batch_is_not_the_last(payments: Payments, missing: int) -> None:
    place = len(payments.places) - missing
    claim = payments.assert_state(CHEAT, payments.genesis, payments.last.batch, payments.run(place))
    name = payments.open(VERIFIER, claim)

    def unfinished(steps: int) -> bytes:
        return payments.run(min(steps, place))

    assert payments.play(name, 2, unfinished, payments.run, payments.witness).winner == VERIFIER


def test_a_short_run_shows_that_a_state_is_not_the_last(payments: Payments) -> None:
    """The state asserted is right as far as it goes, 16 steps, and so are all hashes named."""
    claim = payments.assert_state(CHEAT, payments.genesis, payments.last.batch, payments.run(16))
    name = payments.open(VERIFIER, claim)
    payments.defend_as(name, 1, payments.run)
    assert payments.first_wrong(name, payments.run) == g.LAST_STEP
    payments.prove(name, g.LAST_STEP, payments.witness(16))
    assert payments.ended[-1].winner == VERIFIER
    assert payments.proved[-1].computed == payments.run(17)
