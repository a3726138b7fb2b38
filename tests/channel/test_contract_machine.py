"""PaymentChannels against a model of it, driven by both parties, a stranger and the clock in any order.

Numbered invariants, each an `@invariant` or an assertion below:

1. The contract holds, of each asset, exactly the deposits of its channels and the credits.
2. A channel that was closed never exists again.
3. The nonce shown of a closing channel never goes back, and its deadline never moves.
4. Who answers with its newest state gets at least what the last state that it signed or holds leaves it.
5. Everybody is paid exactly what the model says, and nobody else anything.
"""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from toolkit.channel.state import ETHER, Channel, ChannelTerms, Deposits, State, balances
from toolkit.crypto import sign
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted

from .model import Model
from .people import DAY, KEY_A, KEY_B, KEY_C, A, B, C
from .world import GWEI, World, halves, words

PEOPLE = {A: KEY_A, B: KEY_B, C: KEY_C}
wrong = st.sampled_from(["", "", "", "", "", "stranger", "own signature", "other message"])
which = st.integers(0, 999)
forged = st.sampled_from(["", "", "", "a", "b"])
everyone = st.sampled_from(sorted(PEOPLE))
units = st.one_of(st.integers(1, 200), st.integers(1, 200), st.sampled_from([0, 2**56 - 1, 2**56]))
nets = st.one_of(st.integers(-300, 300), st.integers(-300, 300), st.sampled_from([-(2**63), 2**63 - 1, 2**56]))
nonces = st.one_of(st.integers(0, 12), st.sampled_from([2**48 - 1]))
spans = st.sampled_from([0, 1, 12, 12, 12, 3600, DAY, DAY + 1])


class Machine(RuleBasedStateMachine):
    @initialize()
    def deploy(self) -> None:
        self.world, self.model = World(), Model()
        self.token = self.world.deploy_odd("OddToken")
        self.assets = [ETHER, self.token.address_bytes]
        for owner in PEOPLE:
            self.world.evm.call(self.token, "mint", checksum(owner), 2**120)
        self.refuses = bytes(20)

        self.spent_tokens: dict[bytes, int] = defaultdict(int)
        # Channel by channel: the newest state the two have signed, and whether somebody answered with it.
        self.newest: dict[bytes, State] = {}
        self.answered: set[bytes] = set()
        self.channels: list[Channel] = []
        self.signed: dict[bytes, list[State]] = defaultdict(list)
        self.deadlines: dict[bytes, tuple[int, int]] = {}

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

    @rule(asset=st.integers(0, 1), salt=st.integers(0, 1), amount=units, other=units, flip=st.booleans())
    @precondition(lambda self: len(self.model.open) < 3)
    def opens(self, asset: int, salt: int, amount: int, other: int, flip: bool) -> None:
        """With deposits on both sides, unless one is refused."""
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

    @rule(which=which, amounts=st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=5))
    @precondition(lambda self: any(not each.deadline for each in self.model.open.values()))
    def pays(self, which: int, amounts: list[tuple[int, bool]]) -> None:
        alive = [each for each in self.model.open.values() if not each.deadline]
        known = alive[which % len(alive)]
        id_ = known.channel.id
        for amount, from_a in amounts:
            last = self.newest.get(id_, State(0, 0))
            net = last.net + (amount if from_a else -amount)
            if -known.deposits.b <= net <= known.deposits.a:
                self.newest[id_] = State(last.nonce + 1, net)
                self.signed[id_].append(self.newest[id_])

    def state(self, channel: Channel, of: int) -> State:
        """One that the parties have signed; the first one where they have none."""
        signed = self.signed[channel.id]
        return signed[of % len(signed)] if signed else State(0, 0)

    # Closing together

    @rule(which=which, by_a=st.booleans(), wrong=wrong, net=nets, ahead=st.integers(-2, 9))
    @precondition(lambda self: len(self.model.open) > 1)
    def closes_now(self, which: int, by_a: bool, wrong: str, net: int, ahead: int) -> None:
        channel, expiry = self.channel(which), self.world.now + ahead
        net = self.agreed_net(channel, net)
        sender, signer, unsigned = self.roles(channel, by_a, wrong)
        signed = net if wrong != "other message" else (net + 1) // 2 - 1
        signature = self.world.close_signature(channel, PEOPLE[signer], signed, expiry)
        error = self.model.closes(channel, net, expiry, self.world.now, self.world.block, unsigned, self.refuses)
        self.expect(error, "closeNow", sender, words(channel), net, expiry, signature)

    @rule(which=which, sender=everyone, forged=forged, net=nets, ahead=st.integers(-2, 9))
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

    def agreed_net(self, channel: Channel, net: int) -> int:
        """Honest parties agree on the newest state only; where nothing was paid, they may agree on anything."""
        return self.newest[channel.id].net if channel.id in self.newest else net

    # Closing alone

    @rule(which=which, of=which, by_a=st.booleans(), wrong=wrong)
    @precondition(lambda self: self.newest)
    def starts(self, which: int, of: int, by_a: bool, wrong: str) -> None:
        channel = self.channel(which)
        self.starts_with(channel, self.state(channel, of), by_a, wrong)

    @rule(which=which, by_a=st.booleans(), nonce=nonces, net=nets, wrong=wrong)
    @precondition(lambda self: self.channels)
    def starts_with_a_forgery(self, which: int, by_a: bool, nonce: int, net: int, wrong: str) -> None:
        self.starts_with(self.channel(which), State(nonce, net), by_a, wrong or "own signature")

    def starts_with(self, channel: Channel, state: State, by_a: bool, wrong: str) -> None:
        sender, signer, unsigned = self.roles(channel, by_a, wrong)
        message = state if wrong != "other message" else state._replace(nonce=(state.nonce + 1) % 2**48)
        signature = halves(sign(PEOPLE[signer], self.world.signing(channel).state_digest(message)))
        error = self.model.starts(channel, state, self.world.now, unsigned)
        self.expect(error, "closeAlone", sender, words(channel), state, signature)

    @rule(which=which, of=which, by_a=st.booleans(), wrong=wrong, other=which)
    @precondition(lambda self: any(each.deadline for each in self.model.open.values()))
    def challenges(self, which: int, of: int, by_a: bool, wrong: str, other: int) -> None:
        channel = self.channel(which)
        state = self.state(channel, of)
        sender, signer, unsigned = self.roles(channel, by_a, wrong)
        # The signature over the same state of another channel is a wrong input.
        elsewhere = self.channels[other % len(self.channels)]
        signing = self.world.signing(elsewhere if wrong == "other message" else channel)
        if signing.channel == channel.id and wrong == "other message":
            unsigned = ""
        error = self.model.challenges(channel, state, self.world.now, unsigned)
        signature = halves(sign(PEOPLE[signer], signing.state_digest(state)))
        self.expect(error, "challenge", sender, words(channel), state, signature)

    @rule(which=which, sender=everyone, tower=st.booleans(), forged=forged)
    @precondition(lambda self: self.newest)
    def answers_with_the_newest(self, which: int, sender: bytes, tower: bool, forged: str) -> None:
        """What honest parties and their towers do; or somebody who has one of the signatures only."""
        channel = self.channel(which)
        state = self.newest.get(channel.id, State(0, 0))
        digest = self.world.signing(channel).state_digest(state)
        by_a, by_b = (
            halves(sign(KEY_C if forged == side else PEOPLE[party], digest))
            for side, party in (("a", channel.a), ("b", channel.b))
        )
        unsigned = "BadSignature" if forged == "b" or (forged == "a" and tower) else ""
        error = self.model.challenges(channel, state, self.world.now, unsigned)
        signatures = (by_a, by_b) if tower else (by_b,)
        name, by_whom = ("challengeSigned", sender) if tower else ("challenge", channel.a)
        if self.expect(error, name, by_whom, words(channel), state, *signatures) or error == "NotNewer":
            self.answered.add(channel.id)

    @rule(which=which, sender=everyone, patient=st.booleans())
    @precondition(lambda self: any(each.deadline for each in self.model.open.values()))
    def settles(self, which: int, sender: bytes, patient: bool) -> None:
        channel = self.channel(which)
        known = self.model.open.get(channel.id)
        if patient and known is not None and known.deadline >= self.world.now:
            self.world.pass_by(known.deadline + 1 - self.world.now)
        before = self.model.paid + self.model.credits
        error = self.model.settles(channel, self.world.now, self.refuses)
        done = self.expect(error, "settleAndPay", sender, words(channel))
        if done and known is not None and channel.id in self.answered:
            got = self.model.paid + self.model.credits - before
            entitled = balances(known.deposits, self.newest.get(channel.id, State(0, 0)).net)
            for party, least in zip((channel.a, channel.b), entitled, strict=True):
                assert got[channel.token, party] >= least, "4: less than the newest state leaves a party that answered"

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

    @invariant()
    def the_contract_holds_what_it_owes(self) -> None:
        """1"""
        assert self.world.ether(self.world.channels.address_bytes) == self.model.holds(ETHER)
        held = self.world.evm.call(self.token, "balanceOf", self.world.channels.address)
        assert held == self.model.holds(self.token.address_bytes) * GWEI

    @invariant()
    def channels_are_as_the_model_says(self) -> None:
        """2 and 3"""
        for id_ in self.model.closed:
            assert self.world.call(A, "position", id_) == (0, 0, 0, 0, 0, False)
        for id_, known in self.model.open.items():
            a, b, balance_a, nonce, deadline, is_ether = self.world.call(A, "position", id_)
            assert (Deposits(a, b), deadline) == (known.deposits, known.deadline)
            assert is_ether == (known.channel.token == ETHER)
            if known.shown is not None:
                assert (balance_a, nonce) == (known.owed()[0], known.shown.nonce)
                last = self.deadlines.setdefault(id_, (nonce, deadline))
                assert nonce >= last[0]
                assert deadline == last[1]
                self.deadlines[id_] = (nonce, deadline)

    @invariant()
    def everybody_was_paid(self) -> None:
        """5"""
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
    max_examples=80,
    stateful_step_count=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
