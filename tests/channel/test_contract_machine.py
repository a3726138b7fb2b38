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
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    rule,
)

from toolkit.channel.state import ETHER, Channel, ChannelTerms, Deposits, State, balances
from toolkit.crypto import sign
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted

from .model import Model
from .people import DAY, KEY_A, KEY_B, KEY_C, A, B, C
from .world import GWEI, World, halves, words

Signed = tuple[Channel, State]
PEOPLE = {A: KEY_A, B: KEY_B, C: KEY_C}
everyone = st.sampled_from(sorted(PEOPLE))
units = st.one_of(st.integers(1, 200), st.sampled_from([0, 2**56 - 1, 2**56]))
nets = st.one_of(st.integers(-300, 300), st.sampled_from([-(2**63), 2**63 - 1, 2**56]))
nonces = st.one_of(st.integers(0, 12), st.sampled_from([2**48 - 1]))
spans = st.one_of(st.integers(0, 2 * DAY), st.sampled_from([0, 1, DAY, DAY + 1]))


class Machine(RuleBasedStateMachine):
    channels: Bundle[Channel] = Bundle("channels")
    states: Bundle[Signed] = Bundle("states")

    @initialize()
    def deploy(self) -> None:
        self.world, self.model = World(), Model()
        self.token = self.world.deploy_odd("OddToken")
        self.assets = [ETHER, self.token.address_bytes]
        for owner in PEOPLE:
            self.world.evm.call(self.token, "mint", checksum(owner), 2**120)
        self.refuses = bytes(20)

        self.spent_tokens: dict[bytes, int] = defaultdict(int)
        # What the two have signed, channel by channel: newest state by its signer.
        self.newest: dict[bytes, State] = {}
        self.answered: set[bytes] = set()
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

    # Opening and funding

    @rule(target=channels, asset=st.integers(0, 1), salt=st.integers(0, 1), amount=units, flip=st.booleans())
    def opens(self, asset: int, salt: int, amount: int, flip: bool) -> Channel | MultipleResults[Channel]:
        opener, counterparty = (B, A) if flip else (A, B)
        channel = Channel(opener, ChannelTerms(counterparty, DAY, 9, salt), self.assets[asset], self.world.block)
        error = self.model.opens(channel, amount)
        if channel.token == ETHER:
            done = self.expect(error, "openInETH", opener, channel.terms.pack(), value=amount * GWEI)
        else:
            where = checksum(channel.token)
            done = self.expect(error, "openInTokens", opener, channel.terms.pack(), where, amount)
            self.spent_tokens[opener] += amount * done
        return channel if done else multiple()

    @rule(channel=channels, sender=everyone, for_a=st.booleans(), amount=units)
    def tops_up(self, channel: Channel, sender: bytes, for_a: bool, amount: int) -> None:
        error = self.model.tops_up(channel, for_a, amount)
        if channel.token == ETHER:
            self.expect(error, "topUpETH", sender, channel.id, for_a, value=amount * GWEI)
        else:
            done = self.expect(error, "topUpTokens", sender, words(channel), for_a, amount)
            self.spent_tokens[sender] += amount * done

    # Paying off chain: only honest payments count for invariant 4

    @rule(target=states, channel=channels, amount=st.integers(1, 50), from_a=st.booleans())
    def pays(self, channel: Channel, amount: int, from_a: bool) -> Signed | MultipleResults[Signed]:
        known = self.model.open.get(channel.id)
        last = self.newest.get(channel.id, State(0, 0))
        if known is None or known.deadline:
            return multiple()
        net = last.net + (amount if from_a else -amount)
        if not -known.deposits.b <= net <= known.deposits.a:
            return multiple()
        self.newest[channel.id] = State(last.nonce + 1, net)
        return channel, self.newest[channel.id]

    # Closing together

    @rule(channel=channels, sender=everyone, signer=everyone, net=nets, ahead=st.integers(-5, DAY), twist=st.booleans())
    def closes_now(self, channel: Channel, sender: bytes, signer: bytes, net: int, ahead: int, twist: bool) -> None:
        if self.newest.get(channel.id):
            net = self.newest[channel.id].net  # honest parties agree on the newest state only
        expiry = self.world.now + ahead
        signed_net = net + 1 if twist and net < 300 else net
        unsigned = self.why_unsigned(channel, sender, signer, good=signed_net == net)
        signature = self.world.close_signature(channel, PEOPLE[signer], signed_net, expiry)
        error = self.model.closes(channel, net, expiry, self.world.now, self.world.block, unsigned, self.refuses)
        self.expect(error, "closeNow", sender, words(channel), net, expiry, signature)

    @rule(channel=channels, sender=everyone, by_a=everyone, by_b=everyone, ahead=st.integers(-5, DAY))
    def closes_now_signed(self, channel: Channel, sender: bytes, by_a: bytes, by_b: bytes, ahead: int) -> None:
        net, expiry = self.newest.get(channel.id, State(0, 0)).net, self.world.now + ahead
        unsigned = "" if (by_a, by_b) == (channel.a, channel.b) else "BadSignature"
        signatures = [self.world.close_signature(channel, PEOPLE[each], net, expiry) for each in (by_a, by_b)]
        error = self.model.closes(channel, net, expiry, self.world.now, self.world.block, unsigned, self.refuses)
        self.expect(error, "closeNowSigned", sender, words(channel), net, expiry, *signatures)

    # Closing alone

    @rule(known=states, sender=everyone, signer=everyone)
    def starts_with_what_was_signed(self, known: tuple[Channel, State], sender: bytes, signer: bytes) -> None:
        self.starts(*known, sender, signer)

    @rule(channel=channels, sender=everyone)
    def starts_with_the_first_state(self, channel: Channel, sender: bytes) -> None:
        self.starts(channel, State(0, 0), sender, C)

    @rule(channel=channels, sender=everyone, nonce=nonces, net=nets)
    def starts_with_a_forgery(self, channel: Channel, sender: bytes, nonce: int, net: int) -> None:
        self.starts(channel, State(nonce, net), sender, C)

    def starts(self, channel: Channel, state: State, sender: bytes, signer: bytes) -> None:
        unsigned = self.why_unsigned(channel, sender, signer)
        error = self.model.starts(channel, state, self.world.now, unsigned)
        signature = halves(sign(PEOPLE[signer], self.world.signing(channel).state_digest(state)))
        if self.expect(error, "closeAlone", sender, words(channel), state, signature):
            self.answered.discard(channel.id)

    @rule(known=states, sender=everyone, signer=everyone, other=st.none() | channels)
    def challenges(self, known: tuple[Channel, State], sender: bytes, signer: bytes, other: Channel | None) -> None:
        channel, state = known
        # A signature from another channel is a wrong input.
        signing = self.world.signing(other or channel)
        unsigned = self.why_unsigned(channel, sender, signer, good=signing.channel == channel.id)
        error = self.model.challenges(channel, state, self.world.now, unsigned)
        signature = halves(sign(PEOPLE[signer], signing.state_digest(state)))
        self.expect(error, "challenge", sender, words(channel), state, signature)

    @rule(channel=channels, sender=everyone, tower=st.booleans())
    def answers_with_the_newest(self, channel: Channel, sender: bytes, tower: bool) -> None:
        """What honest parties and their towers do."""
        state = self.newest.get(channel.id)
        if state is None:
            return
        error = self.model.challenges(channel, state, self.world.now, "")
        digest = self.world.signing(channel).state_digest(state)
        by = {each: halves(sign(PEOPLE[each], digest)) for each in (A, B)}
        signatures = (by[channel.a], by[channel.b]) if tower else (by[channel.b],)
        name, by_whom = ("challengeSigned", sender) if tower else ("challenge", channel.a)
        if self.expect(error, name, by_whom, words(channel), state, *signatures) or error == "NotNewer":
            self.answered.add(channel.id)

    @rule(channel=channels, sender=everyone)
    def settles(self, channel: Channel, sender: bytes) -> None:
        known = self.model.open.get(channel.id)
        before = dict(self.model.paid), dict(self.model.credits)
        error = self.model.settles(channel, self.world.now, self.refuses)
        done = self.expect(error, "settleAndPay", sender, words(channel))
        if done and known is not None and channel.id in self.answered:
            entitled = balances(known.deposits, self.newest[channel.id].net)
            for party, least in zip((channel.a, channel.b), entitled, strict=True):
                key = (channel.token, party)
                got = self.model.paid[key] - before[0].get(key, 0) + self.model.credits[key] - before[1].get(key, 0)
                assert got >= least, "4: a party that answered got less than its newest state leaves it"

    # Everything else

    @rule(asset=st.integers(0, 1), owner=everyone)
    def claims(self, asset: int, owner: bytes) -> None:
        if owner == self.refuses:
            return
        error = self.model.claims(self.assets[asset], owner)
        self.expect(error, "claimCredit", owner, checksum(self.assets[asset]), checksum(owner))

    @rule(who=st.sampled_from([bytes(20), A, B]))
    def the_token_bans(self, who: bytes) -> None:
        self.refuses = who
        self.world.evm.call(self.token, "behave", 4, checksum(who))

    @rule(seconds=spans, blocks=st.integers(0, 2))
    def time_passes(self, seconds: int, blocks: int) -> None:
        self.world.pass_by(seconds if blocks else 0, blocks)

    @rule(channel=consumes(channels))
    def is_forgotten(self, channel: Channel) -> None:
        """Keeps hypothesis's bundle small."""

    def why_unsigned(self, channel: Channel, sender: bytes, signer: bytes, good: bool = True) -> str:
        if sender not in (channel.a, channel.b):
            return "NotAParty"
        counterparty = channel.b if sender == channel.a else channel.a
        return "" if good and signer == counterparty else "BadSignature"

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
    max_examples=50,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)
