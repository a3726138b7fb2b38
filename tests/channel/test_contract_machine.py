"""PaymentChannels against a model of it, driven by both parties, a stranger and the clock in any order.

The numbers of its invariants are those of INVARIANTS.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from toolkit.channel.state import ETHER, Channel, ChannelTerms, Deposits, Lock, Side, State, Withdrawal, locks_root
from toolkit.crypto import sign
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted

from .model import Model, Open, Unlocking
from .people import DAY, KEY_A, KEY_B, KEY_C, A, B, C
from .world import GWEI, World, halves, secret, words

PEOPLE = {A: KEY_A, B: KEY_B, C: KEY_C}
SECRETS = {hash_: each for each, hash_ in map(secret, "abcd")}
HIDDEN = bytes(32)
wrong = st.sampled_from([*[""] * 12, "stranger", "own signature", "other message"])
which = st.integers(0, 999)
forged = st.sampled_from([*[""] * 8, "a", "b"])
everyone = st.sampled_from(sorted(PEOPLE))
units = st.one_of(*[st.integers(1, 200)] * 7, st.sampled_from([0, 2**56 - 1, 2**56]))
nets = st.one_of(*[st.integers(-300, 300)] * 3, st.sampled_from([-(2**63), 2**63 - 1, 2**56]))
nonces = st.one_of(st.integers(0, 12), st.sampled_from([2**48 - 1]))
aheads = st.sampled_from([-1, 0, 0, 9, 9, 9])
off_by = st.sampled_from([0, 0, 0, 0, 1])
hashes = st.sampled_from(sorted(SECRETS))
spans = st.sampled_from([0, 1, 12, 12, 12, 3600, DAY, DAY + 1])
# What two parties sign one after the other: payments, locks, and locks that pay or are dropped.
expiries = st.sampled_from([0, 12, 3600, DAY, DAY + 1, 2 * DAY, 3 * DAY])
kinds = st.sampled_from(["pay", "lock", "lock", "keep", "drop"])
moves = st.lists(
    st.tuples(kinds, st.integers(-40, 40).filter(bool), hashes, expiries),
    min_size=1,
    max_size=6,
)
# Which of the locks' secrets are shown (bit by bit), and what is wrong with the list; None: no list is given.
lists = st.one_of(
    st.none(),
    *[st.tuples(st.integers(0, 15), st.just(""))] * 3,
    st.tuples(st.integers(0, 15), st.sampled_from(["order", "short", "wrong", "more"])),
)


Moves = list[tuple[str, int, bytes, int]]


class Newest(NamedTuple):
    """The newest state that two parties have signed, and its locks."""

    state: State = State(0, 0)
    locks: tuple[Lock, ...] = ()

    def free(self, deposits: Deposits) -> tuple[int, int]:
        """Units that each side could pay more, whatever becomes of the locks."""
        locked = [sum(abs(lock.units) for lock in self.locks if lock.payer is side) for side in Side]
        return deposits.a - self.state.net - locked[0], deposits.b + self.state.net - locked[1]

    def next(self, net: int, *locks: Lock) -> Newest:
        return Newest(State(self.state.nonce + 1, net, locks_root(locks)), locks)


class Machine(RuleBasedStateMachine):
    @initialize(asset=st.integers(0, 1), moves=moves)
    def deploy(self, asset: int, moves: Moves) -> None:
        """With one channel that has states."""
        self.world, self.model = World(), Model()
        self.token = self.world.deploy_odd("OddToken")
        self.assets = [ETHER, self.token.address_bytes]
        for owner in PEOPLE:
            self.world.evm.call(self.token, "mint", checksum(owner), 2**120)
        self.refuses = bytes(20)

        self.spent_tokens: dict[bytes, int] = defaultdict(int)
        # Channel by channel: the newest state the two have signed, and whether somebody answered with it.
        self.newest: dict[bytes, Newest] = defaultdict(Newest)
        self.answered: set[bytes] = set()
        self.channels: list[Channel] = []
        self.signed: dict[bytes, list[Newest]] = defaultdict(list)
        self.deadlines: dict[bytes, tuple[int, int]] = {}
        # Secrets that were shown in time with a state, and when others were revealed.
        self.shown: dict[tuple[bytes, State], set[Lock]] = defaultdict(set)
        self.revealed: dict[bytes, int] = {}
        self.opens(asset, 0, 150, 120, False, 12, moves)

    def expect(self, error: str, name: str, sender: bytes, *arguments: object, value: int = 0) -> bool:
        """Make the call and check that it ends as the model says; returns whether it went through."""
        try:
            self.world.call(sender, name, *arguments, value=value)
        except Reverted as reverted:
            assert reverted.error == error, (name, reverted, error)
            return False
        assert error == "", f"{name} went through instead of {error}"
        return True

    def channel(self, which: int) -> Channel:
        """One that is open, most of the time; else any that ever was."""
        alive = [each.channel for each in self.model.open.values()]
        among = alive if alive and which % 10 else self.channels
        return among[which // 10 % len(among)]

    # Opening and funding

    @rule(
        asset=st.integers(0, 1), salt=st.integers(0, 1), amount=units, other=units, flip=st.booleans(),
        later=st.sampled_from([0, 12, 12]), moves=moves,
    )  # fmt: skip
    @precondition(lambda self: len(self.model.open) < 3)
    def opens(self, asset: int, salt: int, amount: int, other: int, flip: bool, later: int, moves: Moves) -> None:
        """With deposits on both sides, and payments, unless one is refused."""
        opener, counterparty = (B, A) if flip else (A, B)
        channel = Channel(opener, ChannelTerms(counterparty, DAY, 9, salt), self.assets[asset], self.world.block)
        error = self.model.opens(channel, amount)
        if channel.token == ETHER:
            done = self.expect(error, "openInETH", opener, channel.terms.pack(), value=amount * GWEI)
        else:
            where = checksum(channel.token)
            done = self.expect(error, "openInTokens", opener, channel.terms.pack(), where, amount)
            self.spent_tokens[opener] += amount * done
        if done:
            self.channels.append(channel)
            self.adds(channel, counterparty, False, other)
            self.signs(self.model.open[channel.id], moves)
        self.world.pass_by(later, blocks=later // 12)

    @rule(which=which, sender=everyone, for_a=st.booleans(), amount=units)
    @precondition(lambda self: self.channels)
    def tops_up(self, which: int, sender: bytes, for_a: bool, amount: int) -> None:
        self.adds(self.channel(which), sender, for_a, amount)

    def adds(self, channel: Channel, sender: bytes, for_a: bool, amount: int) -> None:
        error = self.model.tops_up(channel, for_a, amount)
        if channel.token == ETHER:
            self.expect(error, "topUpETH", sender, channel.id, for_a, value=amount * GWEI)
        else:
            done = self.expect(error, "topUpTokens", sender, words(channel), for_a, amount)
            self.spent_tokens[sender] += amount * done

    # Paying off chain: honest payments, none once somebody is closing

    @rule(which=which, moves=moves)
    @precondition(lambda self: any(not each.deadline for each in self.model.open.values()))
    def pays(self, which: int, moves: Moves) -> None:
        alive = [each for each in self.model.open.values() if not each.deadline]
        self.signs(alive[which % len(alive)], moves)

    def signs(self, known: Open, moves: Moves) -> None:
        """Only what leaves both able to pay all that they have signed so."""
        for kind, amount, hash_, span in moves:
            last = self.newest[known.channel.id]
            net, locks = last.state.net, last.locks
            if kind == "pay":
                net += amount
            elif kind == "lock":
                lock = Lock(hash_, amount, self.world.now + span)
                locks = (*locks[-3:], lock) if lock not in locks else locks
            elif locks:
                net, locks = net + locks[0].units * (kind == "keep"), locks[1:]
            state = last.next(net, *locks)
            if min(state.free(known.deposits)) >= 0:
                self.newest[known.channel.id] = state
                self.signed[known.channel.id].append(state)

    def state(self, channel: Channel, of: int) -> Newest:
        """One that the parties have signed; the first one where they have none."""
        signed = self.signed[channel.id]
        return signed[of % len(signed)] if signed else Newest()

    # Withdrawing

    @rule(which=which, by_a=st.booleans(), wrong=wrong, amounts=st.tuples(units, units), off=off_by)
    @precondition(lambda self: self.channels)
    def withdraws(self, which: int, by_a: bool, wrong: str, amounts: tuple[int, int], off: int) -> None:
        channel = self.channel(which)
        known = self.model.open.get(channel.id)
        if known is not None and channel.id in self.signed:
            free = self.newest[channel.id].free(known.deposits)
            amounts = min(amounts[0], free[0]), min(amounts[1], free[1])
        a, b = (min(amount, 2**56 - 1) for amount in amounts)
        number = (0 if known is None else known.withdrawals) + off
        withdrawal = Withdrawal(number, a, b, self.world.now + (which % 8 or -1))
        sender, signer, unsigned = self.roles(channel, by_a, wrong)
        message = withdrawal if wrong != "other message" else withdrawal._replace(units_a=a + 1)
        signature = self.world.withdrawal_signature(channel, PEOPLE[signer], message)
        error = self.model.withdraws(channel, withdrawal, self.world.now, unsigned, self.refuses)
        self.expect(error, "withdraw", sender, words(channel), withdrawal, signature)

    # Closing together

    @rule(which=which, by_a=st.booleans(), wrong=wrong, net=nets, ahead=aheads)
    @precondition(lambda self: len(self.model.open) > 1)
    def closes_now(self, which: int, by_a: bool, wrong: str, net: int, ahead: int) -> None:
        channel, expiry = self.channel(which), self.world.now + ahead
        net = self.agreed_net(channel, net)
        sender, signer, unsigned = self.roles(channel, by_a, wrong)
        signed = net if wrong != "other message" else (net + 1) // 2 - 1
        signature = self.world.close_signature(channel, PEOPLE[signer], signed, expiry)
        error = self.model.closes(channel, net, expiry, self.world.now, self.world.block, unsigned, self.refuses)
        self.expect(error, "closeNow", sender, words(channel), net, expiry, signature)

    @rule(which=which, sender=everyone, forged=forged, net=nets, ahead=aheads)
    @precondition(lambda self: len(self.model.open) > 1)
    def closes_now_signed(self, which: int, sender: bytes, forged: str, net: int, ahead: int) -> None:
        channel, expiry = self.channel(which), self.world.now + ahead
        net = self.agreed_net(channel, net)
        signatures = [
            self.world.close_signature(channel, KEY_C if forged == side else PEOPLE[party], net, expiry)
            for side, party in (("a", channel.a), ("b", channel.b))
        ]
        unsigned = "BadSignature" if forged else ""
        error = self.model.closes(channel, net, expiry, self.world.now, self.world.block, unsigned, self.refuses)
        self.expect(error, "closeNowSigned", sender, words(channel), net, expiry, *signatures)

    @rule(sender=everyone, picks=st.lists(st.tuples(which, forged, nets, aheads), max_size=4))
    @precondition(lambda self: len(self.model.open) > 1)
    def closes_many(self, sender: bytes, picks: list[tuple[int, str, int, int]]) -> None:
        closings, expected = [], 0
        for which, forged, any_net, ahead in picks:
            channel, expiry = self.channel(which), self.world.now + ahead
            net = self.agreed_net(channel, any_net)
            other = channel.b if sender == channel.a else channel.a
            signature = self.world.close_signature(channel, KEY_C if forged else PEOPLE[other], net, expiry)
            unsigned = "" if sender in (channel.a, channel.b) and not forged else "BadSignature"
            now, block = self.world.now, self.world.block
            expected += not self.model.closes(channel, net, expiry, now, block, unsigned, self.refuses)
            closings.append((words(channel), net, expiry, signature))
        assert self.world.call(sender, "closeMany", closings) == expected

    def agreed_net(self, channel: Channel, net: int) -> int:
        """Honest parties agree on the newest state only; where nothing was paid, they may agree on anything."""
        return self.newest[channel.id].state.net if self.signed[channel.id] else net

    # Closing alone

    @rule(which=which, of=which, by_a=st.booleans(), wrong=wrong, unlocking=lists)
    @precondition(lambda self: self.signed)
    def starts(self, which: int, of: int, by_a: bool, wrong: str, unlocking: tuple[int, str] | None) -> None:
        channel = self.channel(which)
        self.starts_with(channel, self.state(channel, of), by_a, wrong, unlocking)

    @rule(which=which, by_a=st.booleans(), nonce=nonces, net=nets, wrong=wrong)
    @precondition(lambda self: any(not each.deadline for each in self.model.open.values()))
    def starts_with_a_forgery(self, which: int, by_a: bool, nonce: int, net: int, wrong: str) -> None:
        self.starts_with(self.channel(which), Newest(State(nonce, net)), by_a, wrong or "own signature", None)

    def starts_with(
        self, channel: Channel, newest: Newest, by_a: bool, wrong: str, unlocking: tuple[int, str] | None
    ) -> None:
        state, locks = newest
        sender, signer, unsigned = self.roles(channel, by_a, wrong)
        message = state if wrong != "other message" else state._replace(nonce=(state.nonce + 1) % 2**48)
        signature = halves(sign(PEOPLE[signer], self.world.signing(channel).state_digest(message)))
        found = self.unlocking(locks, unlocking)
        error = self.model.starts(channel, state, self.world.now, unsigned, found, locks)
        self.shows(error, "closeAlone", sender, channel, state, (signature,), found)

    @rule(which=which, of=which, by_a=st.booleans(), wrong=wrong, other=which, unlocking=lists)
    @precondition(lambda self: any(each.deadline for each in self.model.open.values()))
    def challenges(
        self, which: int, of: int, by_a: bool, wrong: str, other: int, unlocking: tuple[int, str] | None
    ) -> None:
        channel = self.channel(which)
        state, locks = self.state(channel, of)
        sender, signer, unsigned = self.roles(channel, by_a, wrong)
        # The signature over the same state of another channel is a wrong input.
        elsewhere = self.channels[other % len(self.channels)]
        signing = self.world.signing(elsewhere if wrong == "other message" else channel)
        if signing.channel == channel.id and wrong == "other message":
            unsigned = ""
        found = self.unlocking(locks, unlocking)
        error = self.model.challenges(channel, state, self.world.now, unsigned, found, locks)
        signature = halves(sign(PEOPLE[signer], signing.state_digest(state)))
        self.shows(error, "challenge", sender, channel, state, (signature,), found)

    @rule(which=which, sender=everyone, tower=st.booleans(), forged=forged, unlocking=lists)
    @precondition(lambda self: self.signed)
    def answers_with_the_newest(
        self, which: int, sender: bytes, tower: bool, forged: str, unlocking: tuple[int, str] | None
    ) -> None:
        """What honest parties and their towers do; or somebody who has one of the signatures only."""
        self.answers(self.channel(which), sender, tower, forged, unlocking)

    def answers(
        self, channel: Channel, sender: bytes, tower: bool, forged: str, unlocking: tuple[int, str] | None
    ) -> None:
        state, locks = self.newest[channel.id]
        digest = self.world.signing(channel).state_digest(state)
        by_a, by_b = (
            halves(sign(KEY_C if forged == side else PEOPLE[party], digest))
            for side, party in (("a", channel.a), ("b", channel.b))
        )
        unsigned = "BadSignature" if forged == "b" or (forged == "a" and tower) else ""
        found = None if tower else self.unlocking(locks, unlocking)
        error = self.model.challenges(channel, state, self.world.now, unsigned, found, locks)
        signatures = (by_a, by_b) if tower else (by_b,)
        name, by_whom = ("challengeSigned", sender) if tower else ("challenge", channel.a)
        if self.shows(error, name, by_whom, channel, state, signatures, found) or error == "NotNewer":
            self.answered.add(channel.id)

    def shows(
        self, error: str, name: str, sender: bytes, channel: Channel, state: State,
        signatures: Sequence[tuple[bytes, bytes]], unlocking: Unlocking | None,
    ) -> bool:  # fmt: skip
        if unlocking is None:
            return self.expect(error, name, sender, words(channel), state, *signatures)
        done = self.expect(error, name + "AndUnlock", sender, words(channel), state, *signatures, *unlocking)
        return done and self.showed(channel, state, unlocking)

    @rule(which=which, sender=everyone, patient=st.sampled_from([True, True, True, False]), unlocking=lists)
    @precondition(lambda self: any(each.deadline for each in self.model.open.values()))
    def settles(self, which: int, sender: bytes, patient: bool, unlocking: tuple[int, str] | None) -> None:
        self.settles_one(self.channel(which), sender, patient, unlocking)

    def settles_one(self, channel: Channel, sender: bytes, patient: bool, unlocking: tuple[int, str] | None) -> None:
        known = self.model.open.get(channel.id)
        if patient and known is not None and known.deadline:
            end = max([known.deadline, *(lock.expiry for lock in known.pending)])
            self.world.pass_by(max(0, end + 1 - self.world.now))
        before = self.model.paid + self.model.credits
        found = None if known is None else self.unlocking(known.pending, unlocking)
        error = self.model.settles(channel, self.world.now, self.refuses, found)
        if found is None:
            done = self.expect(error, "settleAndPay", sender, words(channel))
        else:
            done = self.expect(error, "settleAndUnlock", sender, words(channel), *found)
        if done and known is not None and known.shown is not None:
            if found is not None:
                self.showed(channel, known.shown, found)
            got = self.model.paid + self.model.credits - before
            self.everybody_got_his_due(known, *(got[channel.token, party] for party in (channel.a, channel.b)))

    @rule(
        which=which, of=which, by_a=st.booleans(), wait=spans, answers=st.booleans(), hash_=hashes,
        how=st.tuples(lists, lists, lists, lists), shown=st.integers(0, 3), late=st.sampled_from([0, 0, 1]),
    )  # fmt: skip
    @precondition(lambda self: self.disputable())
    def disputes(
        self, which: int, of: int, by_a: bool, wait: int, answers: bool, hash_: bytes,
        how: tuple[tuple[int, str] | None, ...], shown: int, late: int,
    ) -> None:  # fmt: skip
        """The whole way of a channel, as it goes most of the time; the other rules interrupt it."""
        channel = self.disputable()[which % len(self.disputable())]
        self.starts_with(channel, self.state(channel, of), by_a, "", how[0])
        if wait == 0:
            self.the_clock_strikes(of, late)
        if shown & 1:
            self.reveals(hash_, C)
        self.world.pass_by(wait)
        if answers:
            self.answers(channel, C, how[1] is None, "", how[1])
        if shown & 2:
            self.unlocks_in(self.model.open.get(channel.id), C, how[2] or (15, ""))
        self.settles_one(channel, C, True, how[3])

    def disputable(self) -> list[Channel]:
        alive = [each.channel for each in self.model.open.values() if not each.deadline]
        return [channel for channel in alive if self.signed[channel.id]]

    def everybody_got_his_due(self, known: Open, got_a: int, got_b: int) -> None:
        channel, final = known.channel, known.shown
        assert final is not None
        locks = next((each.locks for each in self.signed[channel.id] if each.state == final), ())
        paid = [
            lock
            for lock in locks
            if lock in self.shown[channel.id, final] or self.revealed.get(lock.hash, 2**256) <= lock.expiry
        ]
        due_a = known.deposits.a - final.net - sum(lock.units for lock in paid)
        honest = min(Newest(final, locks).free(known.deposits)) >= 0
        if honest:
            assert (got_a, got_b) == (due_a, known.deposits.total - due_a), "5: locks pay as their secrets came"
        if channel.id in self.answered:
            assert honest
            assert final == self.newest[channel.id].state, "4: the newest state decides where it was shown"
            free_a, free_b = self.newest[channel.id].free(known.deposits)
            to_a, to_b = (sum(abs(lock.units) for lock in paid if lock.payer is side) for side in (Side.B, Side.A))
            assert got_a >= free_a + to_a, "4: less than the newest state leaves A that answered"
            assert got_b >= free_b + to_b, "4: less than the newest state leaves B that answered"

    # Locks

    @rule(which=which, sender=everyone, unlocking=lists.filter(bool))
    @precondition(lambda self: any(each.pending for each in self.model.open.values()))
    def unlocks(self, which: int, sender: bytes, unlocking: tuple[int, str]) -> None:
        locked = [each for each in self.model.open.values() if each.pending]
        self.unlocks_in(locked[which % len(locked)], sender, unlocking)

    def unlocks_in(self, known: Open | None, sender: bytes, unlocking: tuple[int, str]) -> None:
        if known is None:
            return
        found = self.unlocking(known.pending, unlocking)
        assert found is not None
        error = self.model.unlocks(known.channel, found, self.world.now)
        if self.expect(error, "unlockNow", sender, words(known.channel), *found):
            assert known.shown is not None
            self.showed(known.channel, known.shown, found)

    @rule(hash_=hashes, sender=everyone)
    @precondition(lambda self: any(each.pending for each in self.model.open.values()))
    def reveals(self, hash_: bytes, sender: bytes) -> None:
        self.revealed.setdefault(hash_, self.world.now)
        self.expect(self.model.reveals(SECRETS[hash_], self.world.now), "reveal", sender, SECRETS[hash_])

    def unlocking(self, locks: Sequence[Lock], how: tuple[int, str] | None) -> Unlocking | None:
        """A list for a call; now and then a wrong one."""
        if how is None:
            return None
        mask, mangle = how
        found = list(locks)
        secrets = [SECRETS[lock.hash] if mask >> index & 1 else HIDDEN for index, lock in enumerate(locks)]
        if mangle == "order":
            found = found[::-1]
        elif mangle == "short":
            secrets = secrets[:-1]
        elif mangle == "wrong" and secrets:
            secrets[0] = b"\7" * 32
        elif mangle == "more":
            found, secrets = [*found, Lock(b"\7" * 32, 5, self.world.now + DAY)], [*secrets, HIDDEN]
        return Unlocking(found, secrets)

    def showed(self, channel: Channel, state: State, unlocking: Unlocking) -> bool:
        """Note down what was shown in time."""
        for lock, each in zip(*unlocking, strict=True):
            if any(each) and self.world.now <= lock.expiry:
                self.shown[channel.id, state].add(lock)
        return True

    def roles(self, channel: Channel, by_a: bool, wrong: str) -> tuple[bytes, bytes, str]:
        """Who sends, who signs, and what is wrong with that."""
        sender, other = (channel.a, channel.b) if by_a else (channel.b, channel.a)
        if wrong == "stranger":
            return C, other, "NotAParty"
        if wrong == "own signature":
            return sender, sender, "BadSignature"
        return sender, other, "BadSignature" if wrong else ""

    # Everything else

    @rule()
    @precondition(lambda self: self.model.credits)
    def claims(self) -> None:
        """All to C, whom no token bans; some have none."""
        for owner in PEOPLE:
            for asset in self.assets:
                error = self.model.claims(asset, owner, to=C)
                self.expect(error, "claimCredit", owner, checksum(asset), checksum(C))

    @rule(who=st.sampled_from([bytes(20), A, A, B, B]))
    def the_token_bans(self, who: bytes) -> None:
        self.refuses = who
        self.world.evm.call(self.token, "behave", 4, checksum(who))

    @rule(seconds=spans)
    def time_passes(self, seconds: int) -> None:
        self.world.pass_by(seconds)

    @rule(which=which, late=st.sampled_from([0, 0, 1]))
    @precondition(lambda self: any(each.pending for each in self.model.open.values()))
    def the_clock_strikes(self, which: int, late: int) -> None:
        """The last second of a lock, or the next one."""
        locks = [lock for each in self.model.open.values() for lock in each.pending]
        if locks:
            self.world.pass_by(max(0, locks[which % len(locks)].expiry + late - self.world.now))

    @invariant()
    def the_contract_holds_what_it_owes(self) -> None:
        """1"""
        assert self.world.ether(self.world.channels.address_bytes) == self.model.holds(ETHER)
        held = self.world.evm.call(self.token, "balanceOf", self.world.channels.address)
        assert held == self.model.holds(self.token.address_bytes) * GWEI

    @invariant()
    def channels_are_as_the_model_says(self) -> None:
        """2, 3, 6 and 7"""
        for id_ in self.model.closed:
            assert self.world.call(A, "position", id_) == (0, 0, 0, 0, 0, False, False, 0)
            assert not any(self.world.call(A, "pendingLocks", id_))
        for id_, known in self.model.open.items():
            position = self.world.position(known.channel)
            assert (position.deposits, position.deadline) == (known.deposits, known.deadline)
            assert position.withdrawals == (known.withdrawals if known.shown is None else 0)
            assert self.world.pending_locks(known.channel) == locks_root(known.pending)
            assert position.has_locks == bool(known.pending)
            if known.shown is not None:
                assert (position.balance_a, position.nonce) == (known.owed()[0], known.shown.nonce)
                last = self.deadlines.setdefault(id_, (position.nonce, position.deadline))
                assert position.nonce >= last[0]
                assert position.deadline == last[1]
                self.deadlines[id_] = (position.nonce, position.deadline)

    @invariant()
    def secrets_are_revealed_once(self) -> None:
        """9"""
        for hash_ in SECRETS:
            assert self.world.call(A, "revealedAt", hash_) == self.revealed.get(hash_, 0)

    @invariant()
    def everybody_was_paid(self) -> None:
        """8"""
        for owner in PEOPLE:
            assert self.world.ether(owner) == self.model.paid[ETHER, owner]
            tokens = self.world.evm.call(self.token, "balanceOf", checksum(owner))
            paid = self.model.paid[self.token.address_bytes, owner] - self.spent_tokens[owner]
            assert tokens == 2**120 + paid * GWEI
            for asset in self.assets:
                assert self.world.credit(owner, asset) == self.model.credits[asset, owner] * GWEI


pytestmark = pytest.mark.slow
TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=45,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
