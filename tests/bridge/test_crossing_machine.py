"""Both chains in any order of events, honest and hostile, on an L1 that goes back; what always holds: INVARIANTS.md."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from rollup_core.arena import SEQUENCER_WINDOW

from toolkit.bridge.claims import Claim
from toolkit.bridge.escape import Consumption, Final, final_of
from toolkit.crypto import keccak256
from toolkit.rollup.codec import MAX_AMOUNT, NO_ACCOUNT, WHOLE_BALANCE, Header, round_amount_down
from toolkit.rollup.dispute import game as g
from toolkit.rollup.inbox import Message
from toolkit.rollup.machine import MAX_BALANCE, Withdrawal, account_hint, deposit_data
from toolkit.rollup.merkle import list_proof
from toolkit.rollup.witness import holding_witness

from .crossing import (
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
    Crossing,
)
from .crossing_model import ETH, PENDING, Made, Op, claim_of

pytestmark = pytest.mark.slow

T = TypeVar("T")

PLACES = st.integers(0, 2**16)
"""Which of those that there are."""
USERS = st.sampled_from([ALICE, BOB, STRANGER, CHEAT])
OWNERS = st.sampled_from([ALICE, BOB, STRANGER])
TOKENS = st.integers(0, 2)
AMOUNTS = st.one_of(*[st.integers(1, 1000)] * 6, st.sampled_from([MAX_BALANCE, MAX_BALANCE - 1]))
SHARES = st.one_of(*[st.integers(0, 300)] * 5, st.sampled_from([WHOLE_BALANCE, WHOLE_BALANCE, MAX_AMOUNT]))
RARELY = st.sampled_from([False, False, True])
HINTS = st.sampled_from(["right", "right", "right", "wrong", "none"])


def mostly_good(*faults: str) -> st.SearchStrategy[str]:
    """No fault (""), or one."""
    return st.one_of(st.just(""), st.sampled_from(["", *faults]))


def some(place: int, among: Sequence[T]) -> T:
    return among[place % len(among)]


class Crossings(RuleBasedStateMachine):
    @initialize(freeze=st.booleans())
    def deploy(self, freeze: bool) -> None:
        """With money on L2, some of it Carol's; and withdrawals, one of them confirmed."""
        self.world = world = Crossing()
        self.tokens = list(world.tokens)
        self.freezes = freeze
        self.pool: list[Op] = []
        self.signed: list[Op] = []
        self.steps = 0
        self.stolen: dict[bytes, tuple[Final, Claim]] = {}
        for who, token in ((ALICE, 0), (BOB, 1), (STRANGER, 2)):
            self.deposit(who, who, token, 500)
        self.pool += [world.registration(CAROL, token) for token in world.tokens]
        self.post("right", 0, "")
        self.post("right", 0, "")
        for account, to in ((3, 0), (4, 1), (5, 2)):
            self.operate(account, to, 200, 0, "", "pool")
        self.operate(3, None, 100, 0, "", "pool")
        self.post("right", 0, "")
        self.settle()
        self.operate(0, None, 50, 0, "", "pool")
        self.post("right", 0, "")

    # What there is

    @property
    def pending(self) -> list[Made]:
        return [made for made in self.world.model.made.values() if made.status == PENDING]

    @property
    def now(self) -> int:
        return self.world.now

    @property
    def lives(self) -> bool:
        """Whether the rollup does; of what does not work any more, some is tried."""
        return self.world.model.frozen is None or self.steps % 6 == 0

    # Deposits

    @rule(sender=USERS, to=OWNERS, token=TOKENS, amount=AMOUNTS)
    def deposit(self, sender: bytes, to: bytes, token: int, amount: int) -> None:
        world, asset = self.world, self.tokens[token]
        permit = None
        if token == 1 and world.model.allowance[sender] < amount:
            permit = world.permit(sender, sender, amount, world.model.permits[sender], self.now)
        world.deposit(sender, asset, to, amount, permit)

    @rule(
        sender=USERS, token=TOKENS, amount=st.integers(100, 999),
        fault=st.sampled_from(["nothing", "too much", "nobody", "bridge", "contract", "TakesFee", "ReturnsFalse"]),
    )  # fmt: skip
    def deposit_badly(self, sender: bytes, token: int, amount: int, fault: str) -> None:
        world = self.world
        if fault in ("TakesFee", "ReturnsFalse"):
            assert not world.deposit(sender, self.tokens[2], BOB, amount, None, fault)
            return
        amount = {"nothing": 0, "too much": MAX_BALANCE + amount}.get(fault, amount)
        nobody: dict[str, bytes] = {"nobody": ETH, "bridge": world.bridge.address_bytes, "contract": CAROL}
        to = nobody.get(fault, BOB)
        permit = None
        if token == 1:
            permit = world.permit(sender, sender, amount, world.model.permits[sender], self.now)
        assert not world.deposit(sender, self.tokens[token], to, amount, permit)

    @rule(
        sender=st.sampled_from([ALICE, BOB]), amount=st.integers(1, 99),
        fault=st.sampled_from(["none", "another's", "old", "late", "other amount", "taken first"]),
    )  # fmt: skip
    def deposit_with_an_odd_permit(self, sender: bytes, amount: int, fault: str) -> None:
        """None of them is good, but for one that somebody else brings to the token first."""
        world, nonce = self.world, self.world.model.permits[sender]
        permit = world.permit(
            CHEAT if fault == "another's" else sender, sender, amount + (fault == "other amount"),
            nonce + (-1 if fault == "old" and nonce else fault == "old"), self.now - (fault == "late"),
        )  # fmt: skip
        if fault == "taken first":
            world.use_permit(CHEAT, permit)
        world.deposit(sender, self.tokens[1], BOB, amount, None if fault == "none" else permit)

    @rule(sender=USERS, to=OWNERS, amount=st.integers(1, 999), kind=st.sampled_from(["deposit", "noise", "longer"]))
    def send_what_is_no_deposit(self, sender: bytes, to: bytes, amount: int, kind: str) -> None:
        """To the Inbox, past the bridge."""
        data = {"noise": b"\x01noise"}.get(kind, deposit_data(ETH, to, amount))
        self.world.send_message(sender, data + b"\0" if kind == "longer" else data)

    # Operations

    @precondition(lambda self: self.world.model.accounts)
    @rule(
        to=PLACES, account=PLACES, amount=SHARES, fee=st.sampled_from([0, 0, 1, 7]),
        fault=mostly_good("another", "more", "fork", "nonce"), way=st.sampled_from(["pool", "pool", "force"]),
    )  # fmt: skip
    def transfer(self, account: int, to: int, amount: int, fee: int, fault: str, way: str) -> None:
        self.operate(account, to, amount, fee, fault, way)

    @precondition(lambda self: self.world.model.accounts)
    @rule(
        account=PLACES, amount=SHARES, fee=st.sampled_from([0, 0, 1, 7]),
        fault=mostly_good("another", "more", "fork", "nonce"), way=st.sampled_from(["pool", "pool", "force"]),
    )  # fmt: skip
    def withdraw(self, account: int, amount: int, fee: int, fault: str, way: str) -> None:
        self.operate(account, None, amount, fee, fault, way)

    def operate(self, account: int, to: int | None, amount: int, fee: int, fault: str, way: str) -> None:
        model = self.world.model
        account %= len(model.accounts)
        payer = model.accounts[account]
        if to is not None:  # most transfers are to accounts of the same token
            among = [i for i, each in enumerate(model.accounts) if each.token == payer.token or to % 7 == 0]
            to = some(to, among)
        if amount != WHOLE_BALANCE:
            amount = round_amount_down(amount)
        nonce = payer.nonce + sum(op.account == account for op in self.pool) + (fault == "nonce")
        op = self.world.operation(account, to, amount, fee, nonce, "" if fault == "nonce" else fault)
        self.signed.append(op)
        if way == "pool":
            self.pool.append(op)
        else:
            self.world.force(CHEAT if fault else STRANGER, op)

    @rule(owner=st.sampled_from(EVERYBODY), token=TOKENS)
    def register(self, owner: bytes, token: int) -> None:
        if len(self.world.model.accounts) < 16:
            self.pool.append(self.world.registration(owner, self.tokens[token]))

    @rule(place=PLACES, way=st.sampled_from(["pool", "force"]))
    def operate_again(self, place: int, way: str) -> None:
        """What was signed once, be it in a history that is forgotten, is sent once more."""
        op = some(place, self.signed)
        if way == "pool":
            self.pool.append(op)
        else:
            self.world.force(CHEAT, op)

    def withdraw_and_post(self, place: int) -> None:
        """Have something that is withdrawn."""
        model = self.world.model
        rich = [index for index, account in enumerate(model.accounts) if account.balance]
        if rich:
            self.operate(some(place, rich), None, WHOLE_BALANCE if place % 5 == 0 else 1 + place % 30, 0, "", "pool")
            self.post("right", 0, "")

    # Batches

    @rule(hints=HINTS, token=TOKENS, fault=mostly_good("stranger", "left out", "order", "number", "another"))
    def post(self, hints: str, token: int, fault: str) -> None:
        world, number = self.world, self.world.next_batch + (fault == "number")
        poster = STRANGER if fault == "stranger" else SEQUENCER
        header = self.header(poster, token, hints)
        if world.post_batch(poster, number, header, self.pool, self.listed(hints, fault)):
            self.pool = []

    @rule(
        poster=st.sampled_from([ALICE, STRANGER, SEQUENCER]), hints=HINTS, early=st.sampled_from([0, 0, 1]),
        fault=mostly_good("left out", "last", "before"),
    )  # fmt: skip
    def post_late(self, poster: bytes, hints: str, early: int, fault: str) -> None:
        """By anybody, when the sequencer has not posted for its window; or a second too early."""
        world = self.world
        before, last = world.last_batch()
        world.advance(last.timestamp + SEQUENCER_WINDOW - early)
        if fault == "last":
            last = replace(last, timestamp=last.timestamp - SEQUENCER_WINDOW)
        if fault == "before":
            before = bytes(27) + b"\1"
        messages = self.listed(hints, fault)
        header = self.header(poster, 0, hints)
        if world.post_batch(poster, world.next_batch, header, self.pool, messages, (before, last)):
            self.pool = []

    def header(self, poster: bytes, token: int, hints: str) -> Header:
        asset = self.tokens[token]
        known = self.world.replica.state.index_of(poster, asset)
        return Header({"right": known, "wrong": 1}.get(hints) or NO_ACCOUNT, asset)

    def listed(self, hints: str, fault: str) -> list[Message]:
        """The messages that a batch lists."""
        state, required = self.world.replica.state, self.world.replica.history.required
        account = {"none": NO_ACCOUNT, "wrong": len(required) % 5}
        messages = [replace(each, account=account.get(hints, account_hint(state, each))) for each in required]
        if fault == "left out":
            return messages[1:]
        if fault == "order":
            return messages[::-1]
        if fault == "another":
            return [*messages, Message(CHEAT, self.now, b"")]
        return messages

    @precondition(lambda self: self.world.next_batch > 6)
    @rule(place=PLACES, fault=mostly_good("value", "hashes"))
    def bring_back(self, place: int, fault: str) -> None:
        """An accumulator that the Inbox has forgotten."""
        model = self.world.model
        batch = place % (len(model.batches) - 1)
        to = next(each for each in range(batch, len(model.batches)) if model.knows(each))
        hashes = [each.hash for each in model.batches[batch + 1 : to + 1]]
        value = model.accumulators[batch]
        if fault == "value":
            value = keccak256(value)[:28]
        self.world.checkpoint(batch, value, hashes[:-1] if fault == "hashes" else hashes)

    # Assertions and disputes

    @precondition(lambda self: self.lives and len(self.pending) < 5)
    @rule(
        place=PLACES, back=st.sampled_from([0, 0, 0, 1, 2]), wrong_from=st.integers(1, 300),
        kind=st.sampled_from(["right", "right", "right", "stolen", "stale", "made up", "another history", "beyond"]),
    )  # fmt: skip
    def put_assertion(self, place: int, back: int, wrong_from: int, kind: str) -> None:
        world, model = self.world, self.world.model
        last = model.made[model.last.id]
        parent = some(place, [last, last, *self.pending] if place % 11 else list(model.made.values())).claim
        if parent.batch == world.next_batch - 1:
            self.post("right", 0, "")
        batch = max(parent.batch + (place % 7 > 0), world.next_batch - 1 - back)
        claim = claim_of(world.right_final(parent.id, batch))
        if kind == "stolen":
            claim = self.steal(parent.id, batch)
        elif kind == "stale":
            claim = replace(claim, machine_hash=parent.machine_hash)
        elif kind == "made up":
            claim = replace(claim, machine_hash=keccak256(place.to_bytes(4, "big")))
        elif kind == "another history":
            claim = replace(claim, accumulator=keccak256(claim.accumulator)[:28])
        elif kind == "beyond":
            claim = replace(claim, batch=batch + 1 + back)
        world.assert_claim(PROPOSER if kind == "right" else CHEAT, claim, wrong_from)

    def steal(self, parent: bytes, batch: int) -> g.Claim:
        """A state in which the cheat has withdrawn all the ETH."""
        world = self.world
        state = world.replica.state_at(batch)
        withdrawal = Withdrawal(len(state.withdrawals), CHEAT, ETH, max(1, world.held(ETH, world.bridge.address_bytes)))
        state.withdrawals.append(withdrawal)
        final = Final(parent, batch, state.accumulator, state.outbox_root, state.inner_hash)
        proof = state.withdrawal_tree.proof(withdrawal.index)
        self.stolen[claim_of(final).id] = final, Claim(state.outbox_root, withdrawal, proof)
        return claim_of(final)

    @precondition(lambda self: self.stolen)
    @rule(place=PLACES)
    def take_what_is_stolen(self, place: int) -> None:
        final, claim = some(place, list(self.stolen.values()))
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
        self.world.dispute_claim(CHEAT if made.right else VERIFIER, made.claim)

    @precondition(lambda self: self.world.games)
    @rule(place=PLACES)
    def decide(self, place: int) -> None:
        """A game is played to its end."""
        self.world.finish(some(place, list(self.world.games)))

    @rule(place=PLACES, sender=USERS, way=st.sampled_from(["confirm", "reclaim"]))
    def conclude(self, place: int, sender: bytes, way: str) -> None:
        """Confirm an assertion, or get its bond back; or try to."""
        model = self.world.model
        made = some(place, self.pending if self.pending and place % 4 else list(model.made.values()))
        if way == "reclaim":
            self.world.reclaim_bond(sender, made.claim)
        elif made.right:
            self.world.confirm_final(sender, self.world.right_final(made.claim.parent, made.claim.batch))

    @precondition(lambda self: self.world.model.frozen is None)
    @rule()
    def settle(self) -> None:
        """What is so now is asserted and confirmed."""
        world = self.world
        final = world.right_final(world.model.last.id, world.next_batch - 1)
        world.assert_claim(PROPOSER, claim_of(final))
        made = world.model.made.get(claim_of(final).id)
        if made is not None and made.status == PENDING:
            world.advance(made.deadline)
            if made.status == PENDING:
                assert world.confirm_final(STRANGER, final)

    # Withdrawals

    def refuse(self, token: bytes, who: bytes) -> None:
        """Whoever is to be paid cannot be, where that can be."""
        if token == self.tokens[2]:
            self.world.ban(who)
        elif token == ETH and who == CAROL:
            self.world.close_wallet(True)

    def withdrawn(self, place: int) -> Withdrawal:
        """One that was made, mostly one that is not claimed."""
        model = self.world.model
        if len(model.claimed) == len(model.withdrawals):
            self.withdraw_and_post(place)
        left = [each for each in model.withdrawals if each.index not in model.claimed]
        return some(place, left if left and place % 4 else model.withdrawals)

    @precondition(lambda self: self.world.model.withdrawals)
    @rule(
        place=PLACES, root=PLACES, sender=USERS, refused=RARELY, again=st.booleans(),
        fault=mostly_good("owner", "token", "amount", "index", "siblings", "short", "again meanwhile"),
    )  # fmt: skip
    def claim(self, place: int, root: int, sender: bytes, refused: bool, again: bool, fault: str) -> None:
        """Against any outbox that holds it, confirmed or not, by anybody."""
        world, model = self.world, self.world.model
        withdrawal = self.withdrawn(place)
        confirmed = [count for count in model.outboxes.values() if count > withdrawal.index]
        if not confirmed and root % 3 and model.frozen is None:
            self.settle()
            confirmed = [count for count in model.outboxes.values() if count > withdrawal.index]
        others = [count for _, count in model.states if count > withdrawal.index]
        count = some(root, confirmed if confirmed and root % 4 else others or [len(model.withdrawals)])
        claim = world.withdrawal_proof(withdrawal.index, count)
        changed: dict[str, Any] = {
            "owner": CHEAT,
            "token": self.tokens[self.tokens.index(withdrawal.token) - 1],
            "amount": withdrawal.amount + 1,
            "index": withdrawal.index ^ 1,
        }
        if fault in changed:
            claim = replace(claim, withdrawal=replace(withdrawal, **{fault: changed[fault]}))
        if refused:
            self.refuse(withdrawal.token, model.payee(withdrawal))
        if fault == "siblings":
            claim = replace(claim, proof=(*claim.proof[:-1], bytes(32)))
        elif fault == "short":
            claim = replace(claim, proof=claim.proof[:-1])
        if fault == "again meanwhile":
            world.claim_withdrawal_again_meanwhile(sender, claim)
        elif world.claim_withdrawal(sender, claim) and again:
            assert not world.claim_withdrawal(sender, world.withdrawal_proof(withdrawal.index, max(confirmed)))

    @precondition(lambda self: +self.world.model.credits or self.steps % 8 == 0)
    @rule(place=PLACES, token=TOKENS, to=st.sampled_from([ALICE, CAROL]), again_meanwhile=st.booleans())
    def claim_credit(self, place: int, token: int, to: bytes, again_meanwhile: bool) -> None:
        """To somebody; or to herself, by Carol, who tries it once more while she is paid."""
        owner, asset = some(place, [*(+self.world.model.credits), (CAROL, self.tokens[token])])
        if owner == CAROL and again_meanwhile:
            self.world.claim_credit_again_meanwhile(asset)
        else:
            self.world.claim_credit(owner, asset, to)

    @precondition(lambda self: self.world.model.withdrawals)
    @rule(
        place=PLACES, fee=st.integers(0, 20), careless=RARELY, refused=RARELY, again=st.booleans(),
        fault=mostly_good("forged", "another's", "expired", "history", "old", "fee", "value", "other fee", "phantom"),
    )  # fmt: skip
    def exit_fast(self, place: int, fee: int, careless: bool, refused: bool, again: bool, fault: str) -> None:
        world = self.world
        withdrawal = self.withdrawn(place)
        provider = CARELESS if careless or fault == "phantom" else PROVIDER
        if fault == "phantom":  # a little more than there is, or one that is not there yet
            index = some(place, [withdrawal.index, len(world.model.withdrawals)])
            withdrawal = replace(withdrawal, amount=withdrawal.amount + 1, index=index)
        fee = withdrawal.amount + 1 if fault == "fee" else min(fee, withdrawal.amount)
        batch = 0 if fault == "old" else None
        terms = world.terms(provider, fee, self.now - (fault == "expired"), batch)
        if fault == "history":
            terms = replace(terms, accumulator=keccak256(terms.accumulator)[:28])
        key = KEYS[CHEAT if fault == "forged" else withdrawal.owner]
        signature = terms.sign(world.domain, withdrawal, key)
        if fault == "other fee":
            terms = replace(terms, fee=max(0, fee - 1) if fee else 0)
            if not fee:
                return
        sender = CHEAT if fault == "another's" else provider
        value = max(0, withdrawal.amount - terms.fee if withdrawal.token == ETH else 0) + (fault == "value")
        if refused:
            self.refuse(withdrawal.token, withdrawal.owner)
        if world.exit_fast(sender, withdrawal, terms, signature, value) and again:
            assert not world.exit_fast(sender, withdrawal, terms, signature, value)

    # The end of the rollup

    @precondition(lambda self: self.lives)
    @rule(place=PLACES, old=st.sampled_from([False, False, True]))
    def alarm(self, place: int, old: bool) -> None:
        model = self.world.model
        self.world.raise_alarm(CHEAT, some(place, list(model.made)) if old else model.last.id)

    @precondition(lambda self: self.lives)
    @rule(place=PLACES, when=st.sampled_from(["now", "a second early", "due", "due"]), old=RARELY)
    def freeze(self, place: int, when: str, old: bool) -> None:
        world, model = self.world, self.world.model
        name = model.last.id
        if when != "now" and model.frozen is None:
            if name not in model.alarms:
                world.raise_alarm(CHEAT, name)
            world.advance(model.alarms[name] - (when != "due"))
        world.freeze(CHEAT, some(place, list(model.made)) if old else name)

    @precondition(lambda self: self.world.model.frozen is None)
    @rule(place=PLACES, sender=USERS, way=st.booleans())
    def leave_while_it_lives(self, place: int, sender: bytes, way: bool) -> None:
        if way:
            self.escape(place, sender, False, False, "")
        else:
            self.recover(place, sender, False, False, False, "")

    @precondition(lambda self: self.world.model.frozen is not None)
    @rule(
        place=PLACES, sender=USERS, refused=RARELY, again=st.booleans(),
        fault=mostly_good("another state", "another account", "final"),
    )  # fmt: skip
    def escape(self, place: int, sender: bytes, refused: bool, again: bool, fault: str) -> None:
        """An account of the last state, mostly one that has something."""
        world, model = self.world, self.world.model
        state = world.final_state() if world.model.frozen is not None else world.replica.state
        if not state.accounts:
            return
        left = [i for i, each in enumerate(state.accounts) if each.balance and i not in model.escaped]
        account = some(place, left if left and place % 5 else range(len(state.accounts)))
        final, is_true = final_of(world.replica), True
        witness = holding_witness(state, account)
        if fault == "another state":
            state.fees += 1
            witness, is_true = holding_witness(state, account), False
            state.fees -= 1
        elif fault == "another account":
            forged = state.copy()
            forged.accounts[account] = forged.accounts[account]._replace(owner=CHEAT)
            witness, is_true = holding_witness(forged, account), False
        elif fault == "final":
            final = replace(final, batch=final.batch + 1)
        if refused:
            self.refuse(state.accounts[account].token, state.accounts[account].owner)
        if world.escape(sender, final, witness, account, is_true=is_true) and again:
            assert not world.escape(sender, final, witness, account)

    @precondition(lambda self: self.world.model.frozen is not None)
    @rule(
        place=PLACES, sender=USERS, forgotten=RARELY, refused=RARELY, again=st.booleans(),
        fault=mostly_good("amount", "place", "before", "posted", "hint", "final"),
    )  # fmt: skip
    def recover(self, place: int, sender: bytes, forgotten: bool, refused: bool, again: bool, fault: str) -> None:
        """Any message that any batch has consumed; mostly one after the frozen state."""
        world, model = self.world, self.world.model
        known = [(batch, i) for batch, each in enumerate(model.consumed) for i in range(len(each))]
        later = [each for each in known if model.frozen is not None and each[0] > model.frozen]
        if not later and model.frozen is not None:
            self.deposit(ALICE, BOB, place % 3, 1 + place % 50)
            self.post("right", 0, "")
            self.post("right", 0, "")
            later = [(world.next_batch - 1, len(model.consumed[-1]) - 1)]
        left = [each for each in later if each not in model.recovered]
        number, at = some(place, left if left and place % 4 else known + later)
        batch = model.batches[number]
        message, final = batch.messages[at], final_of(world.replica)
        proof = list_proof(batch.message_leaves, at)
        found = Consumption(number, model.accumulators[number - 1], batch, at, message.account, proof)
        preimage = message.preimage
        if fault == "amount":
            preimage = preimage[:-1] + bytes([preimage[-1] ^ 1])
        elif fault == "place":
            found = replace(found, place=at + 1)
        elif fault == "before":
            found = replace(found, before=keccak256(found.before)[:28])
        elif fault == "posted":
            forged = Message(world.bridge.address_bytes, self.now, deposit_data(ETH, CHEAT, 10**6))
            found = replace(found, posted=replace(batch, messages=[forged]), place=0, proof=(), hint=forged.account)
            preimage = forged.preimage
        elif fault == "hint":
            found = replace(found, hint=found.hint ^ 1)
        elif fault == "final":
            final = replace(final, parent=keccak256(final.parent))
        if not forgotten:
            world.reach(number)
        deposit = model.consumed[number][at].deposit
        if refused and deposit is not None:
            self.refuse(*deposit[:2])
        if world.recover_deposit(sender, final, found, preimage) and again:
            assert not world.recover_deposit(sender, final, found, preimage)

    # Vices, time, reorganisations, restarts

    @rule(
        what=st.sampled_from(["closed", "open", "banned", "banned"]),
        who=st.sampled_from([None, ALICE, CAROL, PROVIDER]),
    )
    def vice(self, what: str, who: bytes | None) -> None:
        """Carol's account takes no ETH, or does; the odd token bans somebody, or nobody."""
        if what == "banned":
            self.world.ban(who)
        else:
            self.world.close_wallet(what == "closed")

    @rule(edge=st.sampled_from(["while", "late", "window", "alarm"]), early=st.integers(0, 1), place=PLACES)
    def wait(self, edge: str, early: int, place: int) -> None:
        """A while; or to the sequencer's window, the end of a challenge window, or when a freeze may come."""
        model = self.world.model
        times = {
            "while": [self.now + place],
            "late": [model.batches[-1].timestamp + SEQUENCER_WINDOW - early],
            "window": [made.deadline - early for made in model.made.values() if made.status == PENDING],
            "alarm": [model.alarms[name] - early for name in model.alarms if name == model.last.id],
        }[edge]
        later = [each for each in times if each >= self.now]
        if later:
            self.world.advance(some(place, later))

    @precondition(lambda self: self.world.marks)
    @rule(place=PLACES, again=st.one_of(st.just(0), st.just(2**32 - 1), st.integers(0, 2**32 - 1)), later=st.booleans())
    def reorganise(self, place: int, again: int, later: bool) -> None:
        """L1 goes back; some of what it forgets is mined again, as it was."""
        self.world.reorganise(place % len(self.world.marks), again, later=later)
        self.pool = []

    @rule()
    def restart(self) -> None:
        self.world.restart()

    # What must always hold

    @invariant()
    def everything_holds(self) -> None:
        world = self.world
        if self.steps % 4 == 0:
            world.mark()
        self.steps += 1
        world.check_escrow()
        world.check_worth()
        world.check_payments()
        world.check_derived()
        world.check()

    def teardown(self) -> None:
        """Everybody leaves, and nothing is left."""
        if sys.exc_info()[0] is not None:
            return
        world = self.world
        world.check_storage()
        world.restart()
        world.drain(freeze=self.freezes)
        world.check_storage()
        self.everything_holds()
        world.check_drained()


Crossings.TestCase.settings = settings(max_examples=60, stateful_step_count=50, deadline=None)
TestCrossings = Crossings.TestCase
