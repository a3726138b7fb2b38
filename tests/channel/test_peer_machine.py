"""Two parties whose messages get lost and whose machines die at any moment, between hostile messages.

The invariants are checked after every step.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import deque
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from toolkit.channel import transition, wire
from toolkit.channel.change import Cancel, Change, Offer, Pay, Settle
from toolkit.channel.peer import ChannelPeer, Refused
from toolkit.channel.state import Deposits, Lock, Side, State, Withdrawal
from toolkit.channel.store import Store
from toolkit.channel.transition import Refusal, Tip, Update
from toolkit.channel.wire import Kind, Signed
from toolkit.crypto import keccak256, recover, sign

from .people import CHAIN_ID, CONTRACT, KEY_A, KEY_B, KEY_C, channel

DEPOSITS = Deposits(100, 60)
NOW = 1_800_000_000
KEYS = {Side.A: KEY_A, Side.B: KEY_B}
sides = st.sampled_from(Side)
secrets = st.integers(1, 3).map(lambda number: bytes([number]) * 32)
forgers = st.sampled_from([KEY_A, KEY_B, KEY_C])


class Changes(NamedTuple):
    """On the way to who takes them."""

    signed: list[Signed]


class Ack(NamedTuple):
    """On the way back to who made the change."""

    nonce: int
    signature: bytes


class Machine(RuleBasedStateMachine):
    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="l2kit-test-"))
        self.stores: dict[Side, Store] = {}
        self.peers: dict[Side, ChannelPeer] = {}
        self.turn = Side.A
        # What is on the way to each side: changes of the other, or an acknowledgement.
        self.ways: dict[Side, deque[Changes | Ack]] = {side: deque() for side in Side}
        self.highest = dict.fromkeys(Side, 0)
        self.withdrawn = 0
        # Every state that a side has signed, by nonce.
        self.signed: dict[Side, dict[int, State]] = {side: {} for side in Side}
        for side in Side:
            self.start(side)

    def start(self, side: Side) -> None:
        if side in self.stores:
            self.stores[side].close()
        store = self.stores[side] = Store(self.folder / side.value)
        self.peers[side] = ChannelPeer(channel(), CHAIN_ID, CONTRACT, KEYS[side], store, DEPOSITS, lambda: NOW)

    # Changes

    @rule(units=st.lists(st.integers(-1, 30), min_size=1, max_size=3))
    def pays(self, units: list[int]) -> None:
        self.makes([Pay(each) for each in units])

    @rule(secret=secrets, units=st.integers(-40, 40))
    def offers(self, secret: bytes, units: int) -> None:
        self.makes([Offer(Lock(keccak256(secret), units, NOW + 60))])

    @rule(secret=secrets)
    def settles(self, secret: bytes) -> None:
        self.makes([Settle(secret)])

    @rule(secret=secrets)
    def cancels(self, secret: bytes) -> None:
        self.makes([Cancel(keccak256(secret), 1)])

    def makes(self, changes: list[Change]) -> None:
        peer = self.peers[self.turn]
        before = peer.view
        try:
            updates = peer.change(changes)
        except Refused:
            assert peer.view == before, "half of it was made"
            return
        for update in updates:
            self.note(self.turn, update.tip.state)
        self.ways[self.turn.other].append(Changes(wired(updates)))

    def note(self, side: Side, state: State) -> None:
        assert self.signed[side].setdefault(state.nonce, state) == state, "two states with one nonce"

    @rule(side=sides)
    def arrives(self, side: Side) -> None:
        """The oldest thing on the way."""
        if not self.ways[side]:
            return
        what = self.ways[side].popleft()
        peer = self.peers[side]
        if isinstance(what, Changes):
            taken = peer.receive(what.signed)
            assert taken.refused is None, f"an honest change was refused: {taken.refused}"
            assert taken.signature is not None
            self.note(side, peer.view.agreed)
            self.ways[side.other].append(Ack(peer.view.agreed.nonce, taken.signature))
        else:
            assert peer.acknowledge(what.nonce, what.signature) is None

    @rule()
    def the_turn_is_passed(self) -> None:
        if not self.peers[self.turn].view.pending and not any(self.ways.values()):
            self.turn = self.turn.other

    # Interruptions

    @rule(lost=sides)
    def a_connection_ends(self, lost: Side) -> None:
        """What is on the way is lost; the two agree from where to go on, and send again."""
        for way in self.ways.values():
            way.clear()
        self.meet(lost)

    @rule(side=sides)
    def a_machine_dies(self, side: Side) -> None:
        known = self.peers[side].view
        self.start(side)
        assert self.peers[side].view == known, "something said was not on disk"
        self.a_connection_ends(side)

    def meet(self, first: Side) -> None:
        views = {side: (peer.view.agreed, peer.resume(), bool(peer.view.pending)) for side, peer in self.peers.items()}
        for side in (first, first.other):
            assert self.peers[side].resumed(*views[side.other]) is None, "two honest parties are out of step"
        for side, peer in self.peers.items():
            if peer.view.pending:
                self.turn = side
                self.ways[side.other].append(Changes(wired(peer.view.pending)))

    # Hostile messages

    @rule(
        side=sides, nonce=st.integers(-1, 3), forger=forgers, units=st.integers(0, 200), secret=secrets,
        kind=st.integers(0, 3),
    )  # fmt: skip
    def a_forged_change_comes(
        self, side: Side, nonce: int, forger: bytes, units: int, secret: bytes, kind: int
    ) -> None:
        peer = self.peers[side]
        before = peer.view
        lock = Lock(keccak256(secret), units if side is Side.B else -units, NOW + 60)
        kinds: list[Change] = [Pay(units), Offer(lock), Settle(secret), Cancel(keccak256(secret), 1)]
        claimed = State(max(before.agreed.nonce + nonce, 0), units)
        honest = transition.changed(before.agreed_tip, before.usable, side.other, kinds[kind], NOW)
        if forger == KEYS[side.other] and isinstance(honest, Tip) and honest.state == claimed:
            assert units <= DEPOSITS.total, "it has not got that much"
            return  # no forgery: that is what the other side signs when it makes this change
        signature = sign(forger, peer.signing.state_digest(claimed))
        taken = peer.receive([Signed(claimed.nonce, kinds[kind], signature)])
        assert taken.refused is not None
        assert peer.view == before

    @rule(side=sides, nonce=st.integers(0, 3), forger=forgers)
    def a_forged_acknowledgement_comes(self, side: Side, nonce: int, forger: bytes) -> None:
        peer = self.peers[side]
        before = peer.view
        wrong = State(before.agreed.nonce + nonce, 12_345)
        assert peer.acknowledge(wrong.nonce, sign(forger, peer.signing.state_digest(wrong))) is not None
        assert peer.view == before

    @rule(side=sides)
    def an_old_change_comes_again(self, side: Side) -> None:
        peer = self.peers[side]
        before = peer.view
        for nonce, state in self.signed[side.other].items():
            if nonce <= before.agreed.nonce:
                signature = sign(KEYS[side.other], peer.signing.state_digest(state))
                taken = peer.receive([Signed(nonce, Pay(1), signature)])
                assert taken.refused in {(nonce, Refusal.NOT_NEXT), (nonce, Refusal.COLLISION)}
                assert peer.view == before
                return

    # Withdrawals

    @rule(units_a=st.integers(0, 80), units_b=st.integers(0, 80), mined=st.booleans())
    def they_withdraw(self, units_a: int, units_b: int, mined: bool) -> None:
        """Both agree; L1 shows it, or shows that it has expired."""
        if any(peer.view.pending for peer in self.peers.values()) or any(self.ways.values()):
            return
        deposits = self.peers[Side.A].view.deposits
        withdrawal = Withdrawal(self.withdrawn, units_a, units_b, NOW + 10)
        try:
            for peer in self.peers.values():
                peer.agree_to_withdraw(withdrawal)
        except Refused:
            assert all(peer.view.leaving is None for peer in self.peers.values()), "only one of them refuses"
            return
        assert min(peer.balance for peer in self.peers.values()) >= 0
        self.withdrawn += mined
        if mined:
            deposits = Deposits(deposits.a - units_a, deposits.b - units_b)
        for peer in self.peers.values():
            peer.seen(deposits, self.withdrawn, NOW if mined else NOW + 11)
            assert peer.view.leaving is None

    # Invariants

    @invariant()
    def each_holds_the_others_signature_over_what_it_counts_with(self) -> None:
        for side, peer in self.peers.items():
            if peer.view.agreed.nonce:
                digest = peer.signing.state_digest(peer.view.agreed)
                assert recover(digest, peer.view.proof) == channel().party(side.other)

    @invariant()
    def nothing_goes_back(self) -> None:
        for side, peer in self.peers.items():
            assert peer.view.agreed.nonce >= self.highest[side], "a nonce went back"
            self.highest[side] = peer.view.agreed.nonce

    @invariant()
    def nobody_has_less_than_nothing(self) -> None:
        for peer in self.peers.values():
            for side in Side:
                for tip in (peer.view.agreed_tip, peer.view.tip):
                    assert transition.free(peer.view.usable, tip, side) >= 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            for store in self.stores.values():
                store.close()
            shutil.rmtree(self.folder)


def wired(updates: tuple[Update, ...] | list[Update]) -> list[Signed]:
    """As they come out at the other end."""
    return [
        signed
        for message in wire.updates(updates)
        for signed in (wire.read_pay if message.kind is Kind.PAY else wire.read_changes)(message.body)
    ]


pytestmark = pytest.mark.slow
TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=28, stateful_step_count=40, deadline=None)
