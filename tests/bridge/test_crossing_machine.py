"""Both chains in any order of events, honest and hostile, on an L1 that goes back; what always holds: INVARIANTS.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from rollup_core.arena import WINDOW

from toolkit.bridge.claims import Claim
from toolkit.bridge.escape import Consumption, Final, final_of
from toolkit.crypto import keccak256
from toolkit.rollup.codec import MAX_AMOUNT, NO_ACCOUNT, WHOLE_BALANCE, Header, round_amount_down
from toolkit.rollup.dispute import game as g
from toolkit.rollup.inbox import MAX_MESSAGES, Message
from toolkit.rollup.machine import MAX_BALANCE, Withdrawal, account_hint, deposit_data
from toolkit.rollup.merkle import list_proof
from toolkit.rollup.witness import holding_witness

from . import crossing_faults as faults
from .crossing import RING, Crossing
from .crossing_checks import check_all, check_drained, check_restart, check_storage
from .crossing_drain import drain
from .crossing_model import ETH, PENDING, Made, Op, claim_of
from .crossing_people import (
    ALICE,
    BOB,
    CARELESS,
    CAROL,
    CHEAT,
    EVERYBODY,
    KEYS,
    PROPOSER,
    PROVIDER,
    SEQUENCER,
    STRANGER,
    VERIFIER,
)

pytestmark = pytest.mark.slow

T = TypeVar("T")

PLACES = st.integers(0, 2**16)
"""Which of those that there are."""
OFTEN, RARELY = st.sampled_from([True, True, False]), st.sampled_from([False, False, True])
USERS = st.sampled_from([ALICE, BOB, STRANGER, CHEAT])
OWNERS = st.sampled_from([ALICE, BOB, STRANGER])
PROVIDERS = st.sampled_from([PROVIDER, PROVIDER, CARELESS])
TOKENS = st.integers(0, 2)
"""ETH, the plain token and the odd one."""
AMOUNTS = st.one_of(*[st.integers(1, 1000)] * 6, st.sampled_from([MAX_BALANCE, MAX_BALANCE - 1]))
SHARES = st.one_of(*[st.integers(1, 300)] * 5, st.sampled_from([0, WHOLE_BALANCE, WHOLE_BALANCE, MAX_AMOUNT]))
FEES = st.sampled_from([0, 0, 1, 7])
FEES_KEPT = st.one_of(st.integers(0, 20), st.just(MAX_BALANCE))
"""By providers."""
FORGED = st.sampled_from([*[""] * 4, "another", "more", "fork", "nonce"])
HINTS = st.sampled_from(["right", "right", "wrong", "none"])
WAYS = st.sampled_from(["pool", "pool", "force"])
"""An operation goes to the sequencer, or to the Inbox."""


def some(place: int, among: Sequence[T]) -> T:
    return among[place % len(among)]


class Crossings(RuleBasedStateMachine):
    """What is right is done after the versions of it that are wrong were refused (`crossing_faults`)."""

    @initialize(freeze=st.booleans(), refused=st.sampled_from([None, ALICE, CAROL, STRANGER]))
    def deploy(self, freeze: bool, refused: bytes | None) -> None:
        """With money on L2, some of it Carol's; and withdrawals, one of them confirmed."""
        self.world = world = Crossing()
        self.tokens = list(world.tokens)
        self.freezes, self.refused = freeze, refused
        self.pool: list[Op] = []
        self.signed: list[Op] = []
        self.stolen: list[tuple[Final, Claim]] = []
        self.steps = 0
        for who, token in ((ALICE, 0), (BOB, 1), (STRANGER, 2)):
            self.deposit(who, who, token, 500)
        self.pool += [world.registration(CAROL, token) for token in world.tokens]
        self.posted()
        self.posted()
        for account, to in ((3, 0), (4, 1), (5, 2)):
            self.operate(account, to, 200, 0, "", "pool")
        self.operate(3, None, 100, 0, "", "pool")
        self.posted()
        self.settle(False)
        self.operate(0, None, 50, 0, "", "pool")
        self.posted()

    # What there is

    @property
    def now(self) -> int:
        return self.world.now

    @property
    def is_frozen(self) -> bool:
        return self.world.model.frozen is not None

    @property
    def lives(self) -> bool:
        """Whether the rollup does; what does not work any more is tried now and then."""
        return not self.is_frozen or self.steps % 6 == 0

    @property
    def pending(self) -> list[Made]:
        return [made for made in self.world.model.made.values() if made.status == PENDING]

    # Deposits

    @rule(sender=USERS, to=OWNERS, token=TOKENS, amount=AMOUNTS)
    def deposit(self, sender: bytes, to: bytes, token: int, amount: int) -> None:
        self.deposits(sender, to, token, amount)

    def deposits(self, sender: bytes, to: bytes, token: int, amount: int) -> bool:
        world, permit = self.world, None
        if token == 1 and world.model.allowance[sender] < amount:
            permit = world.permit(sender, sender, amount, world.model.permits[sender], self.now)
        return world.deposit(sender, self.tokens[token], to, amount, permit)

    @rule(sender=USERS, token=TOKENS, amount=st.integers(100, 999))
    def deposit_badly(self, sender: bytes, token: int, amount: int) -> None:
        for wrong in (0, MAX_BALANCE + 1):
            assert not self.deposits(sender, BOB, token, wrong)
        for nobody in (ETH, self.world.bridge.address_bytes, bytes(CAROL)):
            assert not self.deposits(sender, nobody, token, amount)
        for vice in ("TakesFee", "ReturnsFalse"):
            assert not self.world.deposit(sender, self.tokens[2], BOB, amount, None, vice)

    @rule(owner=st.sampled_from([ALICE, BOB]), amount=st.integers(1, 99), first=st.booleans())
    def deposit_with_a_bad_permit(self, owner: bytes, amount: int, first: bool) -> None:
        """And with one that somebody else brings to the token first, which is good."""
        world, nonce, now = self.world, self.world.model.permits[owner], self.now
        bad = [
            world.permit(CHEAT, owner, amount, nonce, now),
            world.permit(owner, owner, amount, nonce + 1, now),
            world.permit(owner, owner, amount, nonce, now - 1),
            world.permit(owner, owner, amount - 1, nonce, now),
        ]
        for permit in (None, *bad, *([world.permit(owner, owner, amount, nonce - 1, now)] if nonce else [])):
            world.deposit(owner, self.tokens[1], BOB, amount, permit)
        good = world.permit(owner, owner, amount, world.model.permits[owner], now)
        if first:
            world.use_permit(CHEAT, good)
        world.deposit(owner, self.tokens[1], BOB, amount, good)

    @rule(sender=USERS, to=OWNERS, amount=st.integers(1, 999), kind=st.sampled_from(["deposit", "noise", "longer"]))
    def send_what_is_no_deposit(self, sender: bytes, to: bytes, amount: int, kind: str) -> None:
        """To the Inbox, past the bridge."""
        data = {"noise": b"\x01noise"}.get(kind, deposit_data(ETH, to, amount))
        self.world.send_message(sender, data + b"\0" if kind == "longer" else data)

    @precondition(lambda self: len(self.world.replica.history.arrivals) < 3 * MAX_MESSAGES)
    @rule(many=st.integers(MAX_MESSAGES - 3, MAX_MESSAGES + 3), sender=USERS)
    def flood(self, many: int, sender: bytes) -> None:
        """With as many messages as one batch takes, or hardly more."""
        for _ in range(many):
            self.world.send_message(sender, b"")

    # Operations

    @rule(account=PLACES, to=PLACES, amount=SHARES, fee=FEES, forged=FORGED, way=WAYS)
    def transfer(self, account: int, to: int, amount: int, fee: int, forged: str, way: str) -> None:
        self.operate(account, to, amount, fee, forged, way)

    @rule(account=PLACES, amount=SHARES, fee=FEES, forged=FORGED, way=WAYS)
    def withdraw(self, account: int, amount: int, fee: int, forged: str, way: str) -> None:
        self.operate(account, None, amount, fee, forged, way)

    def operate(self, account: int, to: int | None, amount: int, fee: int, forged: str, way: str) -> None:
        model = self.world.model
        account %= len(model.accounts)
        payer = model.accounts[account]
        if to is not None:  # most transfers are to accounts of the same token
            among = [index for index, each in enumerate(model.accounts) if each.token == payer.token or to % 7 == 0]
            to = some(to, among)
        if amount != WHOLE_BALANCE:
            amount = round_amount_down(amount)
        nonce = payer.nonce + sum(op.account == account for op in self.pool) + (forged == "nonce")
        op = self.world.operation(account, to, amount, fee, nonce, "" if forged == "nonce" else forged)
        self.signed.append(op)
        if way == "pool":
            self.pool.append(op)
        else:
            self.world.force(CHEAT if forged else STRANGER, op)

    @precondition(lambda self: len(self.world.model.accounts) + len(self.pool) < 16)
    @rule(owner=st.sampled_from(EVERYBODY), token=TOKENS)
    def register(self, owner: bytes, token: int) -> None:
        self.pool.append(self.world.registration(owner, self.tokens[token]))

    @rule(place=PLACES, way=WAYS)
    def operate_again(self, place: int, way: str) -> None:
        """What was signed once, be it in a history that is forgotten, is sent once more."""
        op = some(place, self.signed)
        if way == "pool":
            self.pool.append(op)
        else:
            self.world.force(CHEAT, op)

    # Batches

    @rule(hints=HINTS, token=TOKENS)
    def post(self, hints: str, token: int) -> None:
        self.posted(hints, token)

    @rule(hints=HINTS, token=TOKENS)
    def post_badly(self, hints: str, token: int) -> None:
        """First what the Inbox refuses."""
        world, number, messages = self.world, self.world.next_batch, self.listed(hints)
        header = Header(NO_ACCOUNT, self.tokens[token])
        assert not world.post_batch(STRANGER, number, header, self.pool, messages)
        for other in (number - 1, number + 1):
            assert not world.post_batch(SEQUENCER, other, header, self.pool, messages)
        for wrong in faults.of_list(messages, self.now):
            assert not world.post_batch(SEQUENCER, number, header, self.pool, wrong)
        self.posted(hints, token)

    def posted(self, hints: str = "right", token: int = 0) -> None:
        """By the sequencer."""
        header = self.header(SEQUENCER, token, hints)
        assert self.world.post_batch(SEQUENCER, self.world.next_batch, header, self.pool, self.listed(hints))
        self.pool = []

    @rule(poster=st.sampled_from([ALICE, STRANGER, SEQUENCER]), hints=HINTS)
    def post_late(self, poster: bytes, hints: str) -> None:
        """By anybody, when the sequencer has not posted for its window; not a second earlier."""
        world, number, header = self.world, self.world.next_batch, self.header(poster, 0, hints)
        before, last = world.last_batch()
        earliest, messages = world.model.late_from, self.listed(hints)
        if self.now < earliest:
            world.advance(earliest - 1)
            assert not world.post_batch(poster, number, header, self.pool, messages, (before, last))
            world.advance(earliest)
        for shown in ((bytes(27) + b"\1", last), (before, replace(last, timestamp=last.timestamp - 1))):
            assert not world.post_batch(poster, number, header, self.pool, messages, shown)
        for wrong in faults.of_list(messages, self.now):
            assert not world.post_batch(poster, number, header, self.pool, wrong, (before, last))
        assert world.post_batch(poster, number, header, self.pool, messages, (before, last))
        self.pool = []

    def header(self, poster: bytes, token: int, hints: str) -> Header:
        asset = self.tokens[token]
        known = self.world.replica.state.index_of(poster, asset)
        return Header({"right": known, "wrong": 1}.get(hints) or NO_ACCOUNT, asset)

    def listed(self, hints: str) -> list[Message]:
        """The messages that the next batch must consume."""
        state, required = self.world.replica.state, self.world.replica.history.required
        account = {"none": NO_ACCOUNT, "wrong": len(required) % 5}
        return [replace(each, account=account.get(hints, account_hint(state, each))) for each in required]

    @precondition(lambda self: self.world.next_batch > RING)
    @rule(place=PLACES)
    def bring_back(self, place: int) -> None:
        """An accumulator, perhaps one that the Inbox has forgotten."""
        model = self.world.model
        batch = place % (len(model.batches) - 1)
        hashes = [each.hash for each in model.batches[batch + 1 :]]
        value = model.accumulators[batch]
        assert not self.world.checkpoint(batch, keccak256(value)[:28], hashes)
        assert not self.world.checkpoint(batch, value, [*hashes, bytes(32)])
        assert self.world.checkpoint(batch, value, hashes)

    # Assertions and disputes

    @precondition(lambda self: self.lives and len(self.pending) < 5)
    @rule(
        place=PLACES, back=st.sampled_from([0, 0, 0, 1, 2]), wrong_from=st.integers(1, 300),
        kind=st.sampled_from(["right", "right", "stolen", "stale", "made up"]),
    )  # fmt: skip
    def put_assertion(self, place: int, back: int, wrong_from: int, kind: str) -> None:
        """On what is confirmed or pending; now and then on anything."""
        world, model = self.world, self.world.model
        last = model.made[model.last.id]
        parent = some(place, [last, last, *self.pending] if place % 11 else list(model.made.values())).claim
        if parent.batch == world.next_batch - 1:
            self.posted()
        batch = max(parent.batch + 1, world.next_batch - 1 - back)
        claim = claim_of(world.right_final(parent.id, batch))
        for wrong in faults.of_assertion(claim, parent, world.next_batch - 1):
            assert not world.assert_claim(CHEAT, wrong)
        if kind == "stolen":
            claim = self.steal(parent.id, batch)
        elif kind == "stale":
            claim = replace(claim, machine_hash=parent.machine_hash)
        elif kind == "made up":
            claim = replace(claim, machine_hash=keccak256(place.to_bytes(4, "big")))
        proposer = PROPOSER if kind == "right" else CHEAT
        if world.assert_claim(proposer, claim, wrong_from):
            assert not world.assert_claim(CHEAT, claim)

    def steal(self, parent: bytes, batch: int) -> g.Claim:
        """A state in which the cheat has withdrawn all the ETH."""
        world = self.world
        state = world.replica.state_at(batch)
        withdrawal = Withdrawal(len(state.withdrawals), CHEAT, ETH, max(1, world.held(ETH, world.bridge.address_bytes)))
        state.withdrawals.append(withdrawal)
        final = Final(parent, batch, state.accumulator, state.outbox_root, state.inner_hash)
        proof = state.withdrawal_tree.proof(withdrawal.index)
        self.stolen.append((final, Claim(state.outbox_root, withdrawal, proof)))
        return claim_of(final)

    @precondition(lambda self: self.stolen)
    @rule(place=PLACES)
    def take_what_is_stolen(self, place: int) -> None:
        final, claim = some(place, self.stolen)
        assert not self.world.claim_withdrawal(CHEAT, claim)
        assert not self.world.confirm_final(CHEAT, final)
        assert not self.world.escape(CHEAT, final, b"", 0)

    @precondition(lambda self: self.pending)
    @rule(place=PLACES)
    def dispute(self, place: int) -> None:
        """What is wrong, by who knows; what is right, by a cheat; or what cannot be disputed any more."""
        model = self.world.model
        free = [made for made in model.made.values() if made.rooted and not model.is_held(made.claim.id)]
        made = some(place, free)
        challenger = CHEAT if made.right else VERIFIER
        if self.world.dispute_claim(challenger, made.claim):
            assert not self.world.dispute_claim(challenger, made.claim)

    @precondition(lambda self: self.world.games)
    @rule(place=PLACES)
    def decide(self, place: int) -> None:
        """A game is played to its end."""
        self.world.finish(some(place, list(self.world.games)))

    @rule(place=PLACES, sender=USERS, early=st.sampled_from([None, 0, 0, 1]))
    def conclude(self, place: int, sender: bytes, early: int | None) -> None:
        """Get an assertion's bond back, and confirm it, if that can be; perhaps when its window is just over."""
        world, model = self.world, self.world.model
        made = some(place, self.pending if self.pending and place % 4 else list(model.made.values()))
        if early is not None:
            world.advance(made.deadline - early)
        world.reclaim_bond(sender, made.claim)
        if made.right:
            world.confirm_final(sender, world.right_final(made.claim.parent, made.claim.batch))

    @precondition(lambda self: not self.is_frozen)
    @rule(disputed=RARELY)
    def settle(self, disputed: bool) -> None:
        """What is so now is asserted and confirmed, in spite of a cheat who disputes it in its last second."""
        world = self.world
        final = world.right_final(world.model.last.id, world.next_batch - 1)
        claim = claim_of(final)
        world.assert_claim(PROPOSER, claim)
        made = world.model.made[claim.id] if final.batch > world.model.last.batch else None
        if made is None or made.status != PENDING:
            return
        if self.now < made.deadline:
            world.advance(made.deadline - 1)
            assert not world.confirm_final(CHEAT, final) and not world.reclaim_bond(CHEAT, claim)
            if disputed:
                world.dispute_claim(CHEAT, claim)
            world.advance(made.deadline)
        games = [name for name, (assertion, _) in world.model.games.items() if assertion == claim.id]
        for name in games:
            assert not world.confirm_final(CHEAT, final) and not world.reclaim_bond(CHEAT, claim)
            world.finish(name)
        assert not world.reclaim_bond(CHEAT, claim)
        assert world.confirm_final(STRANGER, final)

    # Withdrawals

    def refuse(self, token: bytes, who: bytes) -> None:
        """Whoever is to be paid cannot be, where that can be."""
        if token == self.tokens[2]:
            self.world.ban(who)
        elif token == ETH and who == CAROL:
            self.world.close_wallet(True)

    def withdrawn(self, place: int) -> Withdrawal:
        """One that was made, mostly one that is not claimed; where all are claimed, another one."""
        model = self.world.model
        rich = [index for index, account in enumerate(model.accounts) if account.balance]
        if len(model.claimed) == len(model.withdrawals) and rich:
            amount = WHOLE_BALANCE if place % 5 == 0 else 1 + place % 30
            self.operate(some(place, rich), None, amount, 0, "", "pool")
            self.posted()
        left = [each for each in model.withdrawals if each.index not in model.claimed]
        return some(place, left if left and place % 4 else model.withdrawals)

    @precondition(lambda self: self.world.model.withdrawals)
    @rule(place=PLACES, root=PLACES, sender=USERS, refused=RARELY, again=OFTEN)
    def claim(self, place: int, root: int, sender: bytes, refused: bool, again: bool) -> None:
        """Against any outbox that holds it, confirmed or not, by anybody."""
        world, model = self.world, self.world.model
        withdrawal = self.withdrawn(place)
        confirmed = [count for count in model.outboxes.values() if count > withdrawal.index]
        if not confirmed and root % 3 and not self.is_frozen:
            self.settle(False)
        confirmed = [count for count in model.outboxes.values() if count > withdrawal.index]
        posted = [count for _, count in model.states if count > withdrawal.index]
        claim = world.withdrawal_proof(withdrawal.index, some(root, confirmed if confirmed and root % 4 else posted))
        for wrong in faults.of_claim(claim, self.tokens[self.tokens.index(withdrawal.token) - 1]):
            assert not world.claim_withdrawal(sender, wrong)
        if refused:
            self.refuse(withdrawal.token, model.payee(withdrawal))
        if model.payee(withdrawal) == CAROL and root % 2:
            world.claim_withdrawal_again_meanwhile(sender, claim)
        elif world.claim_withdrawal(sender, claim) and again:
            for count in {claim.withdrawal.index + 1, *confirmed}:
                assert not world.claim_withdrawal(sender, world.withdrawal_proof(withdrawal.index, count))

    @precondition(lambda self: +self.world.model.credits or self.steps % 8 == 0)
    @rule(place=PLACES, token=TOKENS, to=st.sampled_from([ALICE, CAROL]), again=OFTEN)
    def claim_credit(self, place: int, token: int, to: bytes, again: bool) -> None:
        """To somebody; or to herself, by Carol, who tries it once more while she is paid."""
        owner, asset = some(place, [*(+self.world.model.credits), (CAROL, self.tokens[token])])
        assert not self.world.claim_credit(CHEAT, asset, CHEAT)
        if owner == CAROL and again:
            self.world.claim_credit_again_meanwhile(asset)
        elif self.world.claim_credit(owner, asset, to) and again:
            assert not self.world.claim_credit(owner, asset, to)

    @precondition(lambda self: self.world.model.withdrawals)
    @rule(
        place=PLACES, fee=st.integers(0, 20), provider=PROVIDERS, refused=RARELY, again=OFTEN, back=st.integers(0, RING)
    )
    def exit_fast(self, place: int, fee: int, provider: bytes, refused: bool, again: bool, back: int) -> None:
        """Of what was withdrawn; the provider may name an old batch."""
        world, withdrawal = self.world, self.withdrawn(place)
        if refused:
            self.refuse(withdrawal.token, withdrawal.owner)
        self.exits(provider, withdrawal, fee, place % 3, max(0, world.next_batch - 1 - back))
        if again:
            self.exits(PROVIDER, withdrawal, fee, 0, world.next_batch - 1)

    @precondition(lambda self: self.world.model.withdrawals)
    @rule(place=PLACES, fee=FEES_KEPT, more=st.integers(0, 2), ahead=st.integers(0, 2), token=TOKENS)
    def exit_fast_of_nothing(self, place: int, fee: int, more: int, ahead: int, token: int) -> None:
        """One who checks nothing pays for more than was withdrawn, or for what is not withdrawn yet, if ever."""
        world = self.world
        withdrawal = some(place, world.model.withdrawals)
        phantom = replace(withdrawal, amount=withdrawal.amount + more)
        if ahead:
            phantom = replace(phantom, index=len(world.model.withdrawals) + ahead - 1, token=self.tokens[token])
        self.exits(CARELESS, phantom, fee, place % 3, world.next_batch - 1)

    def exits(self, provider: bytes, withdrawal: Withdrawal, fee: int, weeks: int, batch: int) -> None:
        """All that is refused, and what is not, so many weeks before the owner's signature is no longer good."""
        world = self.world
        terms = world.terms(provider, min(fee, withdrawal.amount), self.now + weeks * WINDOW, batch)
        value = withdrawal.amount - terms.fee if withdrawal.token == ETH else 0
        right = (provider, withdrawal, terms, terms.sign(world.domain, withdrawal, KEYS[withdrawal.owner]), value)
        for wrong in faults.of_exit(right, world.domain, KEYS, self.now):
            assert not world.exit_fast(*wrong)
        world.exit_fast(*right)

    # The end of the rollup

    @precondition(lambda self: self.lives)
    @rule(place=PLACES)
    def alarm(self, place: int) -> None:
        model = self.world.model
        other = some(place, list(model.made))
        if other != model.last.id:
            assert not self.world.raise_alarm(CHEAT, other)
        self.world.raise_alarm(CHEAT, model.last.id)

    @precondition(lambda self: self.lives)
    @rule(place=PLACES, how_far=st.integers(0, 3))
    def freeze(self, place: int, how_far: int) -> None:
        """Without an alarm, at once, a second too early; and when it is due."""
        world, model = self.world, self.world.model
        name, other = model.last.id, some(place, list(model.made))
        world.freeze(CHEAT, name)
        if not self.is_frozen and how_far:
            if name not in model.alarms:
                world.raise_alarm(CHEAT, name)
            if self.now < model.alarms[name]:
                world.advance(model.alarms[name] - 1)
                assert not world.freeze(CHEAT, name)
        if not self.is_frozen and how_far > 1:
            world.advance(model.alarms[name])
            if other != name:
                assert not world.freeze(CHEAT, other)
            assert world.freeze(CHEAT, name)

    @precondition(lambda self: not self.is_frozen)
    @rule(place=PLACES, sender=USERS)
    def leave_while_it_lives(self, place: int, sender: bytes) -> None:
        if place % 2:
            self.escape(place, sender, False, False)
        else:
            self.recover(place, sender, False, False, False)

    @precondition(lambda self: self.is_frozen)
    @rule(place=PLACES, sender=USERS, refused=RARELY, again=OFTEN)
    def escape(self, place: int, sender: bytes, refused: bool, again: bool) -> None:
        """An account of the last state, mostly one that has something."""
        world, model = self.world, self.world.model
        state = world.final_state() if self.is_frozen else world.replica.state
        left = [i for i, each in enumerate(state.accounts) if each.balance and i not in model.escaped]
        account = some(place, left if left and place % 5 else range(len(state.accounts)))
        final, witness = final_of(world.replica), holding_witness(state, account)
        for wrong in faults.of_escape(state, account):
            assert not world.escape(sender, final, wrong, account, is_true=False)
        for other in faults.of_final(final):
            assert not world.escape(sender, other, witness, account)
        if refused:
            self.refuse(state.accounts[account].token, state.accounts[account].owner)
        if state.accounts[account].owner == CAROL and place % 2:
            world.escape_again_meanwhile(sender, final, witness, account)
        elif world.escape(sender, final, witness, account) and again:
            assert not world.escape(sender, final, witness, account)

    @precondition(lambda self: self.is_frozen)
    @rule(place=PLACES, sender=USERS, forgotten=RARELY, refused=RARELY, again=OFTEN)
    def recover(self, place: int, sender: bytes, forgotten: bool, refused: bool, again: bool) -> None:
        """Any message that any batch has consumed; mostly one after the frozen state."""
        world, model = self.world, self.world.model
        consumed = [(number, at) for number, each in enumerate(model.consumed) for at in range(len(each))]
        later = [each for each in consumed if self.is_frozen and each[0] > world.model.last.batch]
        left = [each for each in later if each not in model.recovered]
        if not left and self.is_frozen:
            self.deposits(ALICE, BOB, place % 3, 1 + place % 50)
            while model.required or model.waiting:
                self.posted()
            left = [(world.next_batch - 1, len(model.consumed[-1]) - 1)]
        number, at = some(place, left if left and place % 4 else consumed)
        batch, final = model.batches[number], final_of(world.replica)
        message, deposit = batch.messages[at], model.consumed[number][at].deposit
        proof = list_proof(batch.message_leaves, at)
        found = Consumption(number, model.accumulators[number - 1], batch, at, message.account, proof)
        if not forgotten:
            world.reach(number)
        for wrong, preimage in faults.of_recovery(found, message.preimage, world.bridge.address_bytes):
            assert not world.recover_deposit(sender, final, wrong, preimage)
        for other in faults.of_final(final):
            assert not world.recover_deposit(sender, other, found, message.preimage)
        if refused and deposit is not None:
            self.refuse(*deposit[:2])
        if world.recover_deposit(sender, final, found, message.preimage) and again:
            assert not world.recover_deposit(sender, final, found, message.preimage)

    # Vices, time, reorganisations, restarts

    @rule(closed=st.booleans(), banned=st.sampled_from([None, ALICE, CAROL, PROVIDER]))
    def vice(self, closed: bool, banned: bytes | None) -> None:
        """Carol's account takes no ETH, or does; the odd token bans somebody, or nobody."""
        self.world.close_wallet(closed)
        self.world.ban(banned)

    @rule(edge=st.sampled_from(["while", "late", "window", "alarm"]), early=st.integers(0, 1), place=PLACES)
    def wait(self, edge: str, early: int, place: int) -> None:
        """A while; or to the sequencer's window, the end of a challenge window, or when a freeze may come."""
        model = self.world.model
        times = {
            "while": [self.now + place],
            "late": [model.late_from - early],
            "window": [made.deadline - early for made in self.pending],
            "alarm": [model.alarms[name] - early for name in model.alarms if name == model.last.id],
        }[edge]
        later = [each for each in times if each >= self.now]
        if later:
            self.world.advance(some(place, later))

    @precondition(lambda self: self.world.marks)
    @rule(place=PLACES, again=st.one_of(st.just(2**32 - 1), st.integers(0, 2**32 - 1)), later=st.booleans())
    def reorganise(self, place: int, again: int, later: bool) -> None:
        """L1 goes back; some of what it forgets is mined again, as it was."""
        self.world.reorganise(place % len(self.world.marks), again, later=later)
        self.pool = []

    @rule()
    def restart(self) -> None:
        """Everything off chain begins anew, and finds what L1 keeps."""
        check_restart(self.world)
        check_storage(self.world)

    @invariant()
    def everything_holds(self) -> None:
        if self.steps % 4 == 0:
            self.world.mark()
        self.steps += 1
        check_all(self.world)

    def teardown(self) -> None:
        """Everybody leaves, and nothing is left."""
        if sys.exc_info()[0] is not None:
            return
        self.restart()
        drain(self.world, freeze=self.freezes, refused=self.refused)
        check_all(self.world)
        check_storage(self.world)
        check_drained(self.world)


Crossings.TestCase.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
TestCrossings = Crossings.TestCase
