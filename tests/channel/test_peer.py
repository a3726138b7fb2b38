"""One party: what it pays, takes, acknowledges and refuses, and that it is on disk first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.channel import transition
from toolkit.channel.peer import ChannelPeer, Refused
from toolkit.channel.state import MAX_NONCE, Deposits, Side, SignedState, Signing, State
from toolkit.channel.store import Store
from toolkit.channel.transition import Refusal, View
from toolkit.errors import BadInput

from .people import CHAIN_ID, CONTRACT, DEPOSITS, KEY_A, KEY_B, KEY_C, A, B, channel

Make = Callable[[bytes], ChannelPeer]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A peer with its own store, or again the one from the same store."""
    stores: dict[bytes, Store] = {}

    def peer(key: bytes) -> ChannelPeer:
        if key in stores:
            stores[key].close()
        stores[key] = Store(tmp_path / key.hex()[:8])
        return ChannelPeer(channel(), CHAIN_ID, CONTRACT, key, stores[key], DEPOSITS)

    return peer


def deliver(payer: ChannelPeer, payee: ChannelPeer, *amounts: int) -> None:
    taken = payee.receive(payer.pay(amounts))
    assert taken.refused is None
    assert taken.acknowledgement is not None
    assert payer.acknowledge(taken.acknowledgement) is None


def test_payments_go_both_ways_and_both_hold_the_others_signature(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(alice, bob, 5, 6, 7)
    deliver(bob, alice, 10)
    assert alice.view.agreed == bob.view.agreed == State(4, 8)
    assert alice.signing.state_signer(alice.newest()) == B
    assert bob.signing.state_signer(bob.newest()) == A
    assert (alice.balance, bob.balance) == (DEPOSITS.a - 8, DEPOSITS.b + 8)


def test_nobody_else_is_a_party(make: Make) -> None:
    with pytest.raises(BadInput, match="no party"):
        make(KEY_C)


@pytest.mark.parametrize("amounts", [[0], [-1], [1, 0]])
def test_a_payment_is_more_than_nothing(make: Make, amounts: list[int]) -> None:
    alice = make(KEY_A)
    with pytest.raises(Refused) as error:
        alice.pay(amounts)
    assert error.value.reason is Refusal.NOT_A_PAYMENT
    assert alice.view.pending == ()


def test_payments_on_the_way_are_spent(make: Make) -> None:
    alice = make(KEY_A)
    alice.pay([DEPOSITS.a - 1])
    with pytest.raises(Refused) as error:
        alice.pay([2])
    assert error.value.reason is Refusal.OVER_BALANCE


def test_what_was_received_can_be_paid_on(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(bob, alice, DEPOSITS.b)
    deliver(alice, bob, DEPOSITS.a + DEPOSITS.b)
    assert bob.balance == DEPOSITS.total


def state(key: bytes, nonce: int, net: int, locks: bytes = bytes(32)) -> SignedState:
    return Signing(CHAIN_ID, CONTRACT, channel().id).sign_state(key, State(nonce, net, locks))


@pytest.mark.parametrize(
    ("payment", "reason"),
    [
        (state(KEY_A, 3, 20), Refusal.NOT_NEXT),
        (state(KEY_A, 1, 20), Refusal.NOT_NEXT),
        (state(KEY_A, 0, 20), Refusal.NOT_NEXT),
        (state(KEY_A, MAX_NONCE, 20), Refusal.NOT_NEXT),
        (state(KEY_A, 2, 10), Refusal.NOT_A_PAYMENT),
        (state(KEY_A, 2, 9), Refusal.NOT_A_PAYMENT),
        (state(KEY_A, 2, -(2**63)), Refusal.NOT_A_PAYMENT),
        (state(KEY_A, 2, DEPOSITS.a + 1), Refusal.OVER_BALANCE),
        (state(KEY_A, 2, 2**63 - 1), Refusal.OVER_BALANCE),
        (state(KEY_B, 2, 20), Refusal.BAD_SIGNATURE),
        (state(KEY_C, 2, 20), Refusal.BAD_SIGNATURE),
        (SignedState(State(2, 20), bytes(64)), Refusal.BAD_SIGNATURE),
        (SignedState(State(2, 20), b"\xff" * 64), Refusal.BAD_SIGNATURE),
        (SignedState(State(2, 21), state(KEY_A, 2, 20).signature), Refusal.BAD_SIGNATURE),
        (Signing(CHAIN_ID + 1, CONTRACT, channel().id).sign_state(KEY_A, State(2, 20)), Refusal.BAD_SIGNATURE),
        (Signing(CHAIN_ID, A, channel().id).sign_state(KEY_A, State(2, 20)), Refusal.BAD_SIGNATURE),
        (Signing(CHAIN_ID, CONTRACT, channel(1).id).sign_state(KEY_A, State(2, 20)), Refusal.BAD_SIGNATURE),
        (state(KEY_A, 2, 20, b"\1" * 32), Refusal.LOCKS),
    ],
)
def test_a_bad_payment_is_refused_and_counted(make: Make, payment: SignedState, reason: Refusal) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(alice, bob, 10)
    before = bob.view
    taken = bob.receive([payment])
    assert taken.acknowledgement is None
    assert taken.refused == (payment.state.nonce, reason)
    assert bob.refused == {reason: 1}
    assert bob.view == before


def test_the_good_payments_before_a_bad_one_are_acknowledged(make: Make) -> None:
    bob = make(KEY_B)
    taken = bob.receive([state(KEY_A, 1, 5), state(KEY_A, 2, 9), state(KEY_A, 2, 12), state(KEY_A, 3, 20)])
    assert taken.acknowledgement is not None
    assert taken.acknowledgement.state == State(2, 9)
    assert taken.refused == (2, Refusal.NOT_NEXT)


def test_nobody_signs_two_states_with_one_nonce(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    by_alice, by_bob = alice.pay([5]), bob.pay([3])
    assert bob.receive(by_alice).refused == (1, Refusal.COLLISION)
    assert alice.receive(by_bob).refused == (1, Refusal.COLLISION)


def test_an_acknowledgement_must_be_of_what_was_sent_and_signed_by_the_other(make: Make) -> None:
    alice = make(KEY_A)
    alice.pay([5, 6])
    assert alice.acknowledge(state(KEY_B, 2, 12)) is Refusal.UNKNOWN_STATE
    assert alice.acknowledge(state(KEY_B, 3, 11)) is Refusal.UNKNOWN_STATE
    assert alice.acknowledge(state(KEY_A, 2, 11)) is Refusal.BAD_SIGNATURE
    assert alice.acknowledge(state(KEY_B, 1, 5)) is None
    assert alice.view.agreed == State(1, 5)
    assert [each.state for each in alice.view.pending] == [State(2, 11)]
    assert alice.acknowledge(state(KEY_B, 1, 5)) is Refusal.UNKNOWN_STATE


def test_everything_is_on_disk_before_it_is_given_away(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    signed = alice.pay([5, 6])
    assert make(KEY_A).view == alice.view
    taken = bob.receive(signed)
    assert make(KEY_B).view == bob.view
    assert taken.acknowledgement is not None
    alice = make(KEY_A)
    assert alice.acknowledge(taken.acknowledgement) is None
    known = alice.view
    alice = make(KEY_A)
    assert alice.view == known
    alice.freeze()
    assert make(KEY_A).view.frozen
    bob = make(KEY_B)
    bob.funded(Deposits(1, 2))
    assert make(KEY_B).view.deposits == Deposits(1, 2)


def test_a_close_is_signed_for_the_agreed_net_and_nothing_is_paid_after_it(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(alice, bob, 10)
    with pytest.raises(Refused, match="net transfer of 9"):
        bob.sign_close(9, 100)
    signature = bob.sign_close(10, 100)
    assert alice.check_close(10, 100, signature)
    assert not alice.check_close(10, 101, signature)
    assert bob.receive(alice.pay([1])).refused == (2, Refusal.FROZEN)
    with pytest.raises(Refused, match="frozen"):
        bob.pay([1])
    with pytest.raises(Refused, match="on the way"):
        alice.sign_close(10, 100)


def test_a_lost_acknowledgement_is_made_up_for(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    bob.receive(alice.pay([5, 6]))
    assert bob.resumed(alice.resume(), True) is None
    assert alice.resumed(bob.resume(), False) is None
    assert alice.view.agreed == State(2, 11)
    assert alice.view.pending == ()
    assert bob.resumed(alice.resume(), False) is None


def test_lost_payments_wait_to_be_sent_again(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(bob, alice, 1)
    signed = alice.pay([5, 6])
    assert bob.resumed(alice.resume(), True) is None
    assert alice.resumed(bob.resume(), False) is None
    assert list(alice.view.pending) == signed


def test_a_party_that_lost_its_store_is_out_of_step(make: Make, tmp_path: Path) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(alice, bob, 5)
    empty = Store(tmp_path / "empty")
    forgetful = ChannelPeer(channel(), CHAIN_ID, CONTRACT, KEY_B, empty, DEPOSITS)
    assert alice.resumed(forgetful.resume(), False) is Refusal.UNKNOWN_STATE
    assert forgetful.resumed(alice.resume(), False) is Refusal.UNKNOWN_STATE
    empty.close()


def test_resuming_is_checked(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(alice, bob, 5)
    assert alice.resumed(state(KEY_A, 1, 5), False) is Refusal.BAD_SIGNATURE
    assert alice.resumed(state(KEY_B, 1, 4), False) is Refusal.UNKNOWN_STATE
    alice.pay([1])
    assert alice.resumed(bob.resume(), True) is Refusal.COLLISION


def test_deposits_seen_on_l1_count(make: Make) -> None:
    alice = make(KEY_A)
    alice.funded(Deposits(3, 0))
    with pytest.raises(Refused, match="balance of 3"):
        alice.pay([4])
    alice.funded(Deposits(4, 0))
    alice.pay([4])


@given(st.lists(st.integers(-5, 40), max_size=30), st.sampled_from(Side), st.integers(0, 100), st.integers(0, 100))
def test_payments_never_overdraw_and_stop_at_the_first_refused(amounts: list[int], side: Side, a: int, b: int) -> None:
    view = View(side, Deposits(a, b))
    states, refusal = transition.payments(view, amounts)
    assert [each.nonce for each in states] == list(range(1, len(states) + 1))
    assert (refusal is None) == (len(states) == len(amounts))
    paid = sum(amounts[: len(states)])
    assert paid <= (a if side is Side.A else b)
    if states:
        assert states[-1].net == (paid if side is Side.A else -paid)
    if refusal is Refusal.OVER_BALANCE:
        assert paid + amounts[len(states)] > (a if side is Side.A else b)


def test_nonces_end(make: Make) -> None:
    view = View(Side.A, DEPOSITS, agreed=State(MAX_NONCE - 1, 0))
    states, refusal = transition.payments(view, [1, 1])
    assert [each.nonce for each in states] == [MAX_NONCE]
    assert refusal is Refusal.NOT_NEXT
