"""One party: what it pays, takes, acknowledges and refuses, and that it is on disk first."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.channel import change as changes
from toolkit.channel import transition, wire
from toolkit.channel.change import Cancel, Change, Offer, Pay, Settle
from toolkit.channel.peer import ChannelPeer, Refused
from toolkit.channel.state import MAX_NONCE, Deposits, Lock, Side, Signing, State, Withdrawal, locks_root
from toolkit.channel.store import Store
from toolkit.channel.transition import MAX_LOCK_SECONDS, MAX_LOCKS, Refusal, Update, View
from toolkit.channel.wire import Kind, Signed
from toolkit.crypto import keccak256, sign
from toolkit.errors import BadInput, ProtocolError

from .people import CHAIN_ID, CONTRACT, DEPOSITS, KEY_A, KEY_B, KEY_C, A, B, channel

Make = Callable[[bytes], ChannelPeer]
NOW = 1_800_000_000


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A peer with its own store, or again the one from the same store."""
    stores: dict[bytes, Store] = {}

    def peer(key: bytes) -> ChannelPeer:
        if key in stores:
            stores[key].close()
        stores[key] = Store(tmp_path / key.hex()[:8])
        return ChannelPeer(channel(), CHAIN_ID, CONTRACT, key, stores[key], DEPOSITS, lambda: NOW)

    return peer


def wired(updates: Sequence[Update]) -> list[Signed]:
    """As they come out at the other end."""
    return [
        signed
        for message in wire.updates(updates)
        for signed in (wire.read_pay if message.kind is Kind.PAY else wire.read_changes)(message.body)
    ]


def change(payer: ChannelPeer, payee: ChannelPeer, *changes: Change) -> None:
    taken = payee.receive(wired(payer.change(changes)))
    assert taken.refused is None
    assert taken.signature is not None
    assert taken.changes == changes
    assert payer.acknowledge(payee.view.agreed.nonce, taken.signature) is None
    assert payer.view.agreed_tip == payee.view.agreed_tip


def deliver(payer: ChannelPeer, payee: ChannelPeer, *amounts: int) -> None:
    taken = payee.receive(wired(payer.pay(amounts)))
    assert taken.refused is None
    assert taken.signature is not None
    assert payer.acknowledge(payee.view.agreed.nonce, taken.signature) is None


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


SIGNING = Signing(CHAIN_ID, CONTRACT, channel().id)


def by(key: bytes, nonce: int, net: int, locks: bytes = bytes(32), signing: Signing = SIGNING) -> bytes:
    return sign(key, signing.state_digest(State(nonce, net, locks)))


LOCK = Lock(keccak256(b"s" * 32), 30, NOW + 3600)
ROOT = locks_root([LOCK])


@pytest.mark.parametrize(
    ("nonce", "what", "signature", "reason"),
    [
        (3, Pay(10), by(KEY_A, 3, 20), Refusal.NOT_NEXT),
        (1, Pay(10), by(KEY_A, 1, 20), Refusal.NOT_NEXT),
        (0, Pay(10), by(KEY_A, 0, 20), Refusal.NOT_NEXT),
        (MAX_NONCE, Pay(10), by(KEY_A, MAX_NONCE, 20), Refusal.NOT_NEXT),
        (2, Pay(0), by(KEY_A, 2, 10), Refusal.NOT_A_PAYMENT),
        (2, Pay(-1), by(KEY_A, 2, 9), Refusal.NOT_A_PAYMENT),
        (2, Pay(DEPOSITS.a), by(KEY_A, 2, DEPOSITS.a + 10), Refusal.OVER_BALANCE),
        (2, Pay(2**64 - 1), bytes(64), Refusal.OVER_BALANCE),
        (2, Pay(10), by(KEY_B, 2, 20), Refusal.BAD_SIGNATURE),
        (2, Pay(10), by(KEY_C, 2, 20), Refusal.BAD_SIGNATURE),
        (2, Pay(10), bytes(64), Refusal.BAD_SIGNATURE),
        (2, Pay(10), b"\xff" * 64, Refusal.BAD_SIGNATURE),
        (2, Pay(11), by(KEY_A, 2, 20), Refusal.BAD_SIGNATURE),
        (2, Pay(10), by(KEY_A, 2, 20, ROOT), Refusal.BAD_SIGNATURE),
        (2, Pay(10), by(KEY_A, 2, 20, signing=Signing(CHAIN_ID + 1, CONTRACT, channel().id)), Refusal.BAD_SIGNATURE),
        (2, Pay(10), by(KEY_A, 2, 20, signing=Signing(CHAIN_ID, A, channel().id)), Refusal.BAD_SIGNATURE),
        (2, Pay(10), by(KEY_A, 2, 20, signing=Signing(CHAIN_ID, CONTRACT, channel(1).id)), Refusal.BAD_SIGNATURE),
        (2, Offer(LOCK), by(KEY_A, 2, 10), Refusal.BAD_SIGNATURE),
        (2, Offer(LOCK._replace(units=0)), bytes(64), Refusal.NOT_A_PAYMENT),
        (2, Offer(LOCK._replace(units=-30)), bytes(64), Refusal.BAD_LOCK),
        (2, Offer(LOCK._replace(units=DEPOSITS.a)), bytes(64), Refusal.OVER_BALANCE),
        (2, Offer(LOCK._replace(expiry=LOCK.expiry + MAX_LOCK_SECONDS)), bytes(64), Refusal.BAD_LOCK),
        (2, Settle(b"s" * 32), by(KEY_A, 2, 40), Refusal.BAD_LOCK),
        (2, Cancel(LOCK.hash, 1), by(KEY_A, 2, 10), Refusal.BAD_LOCK),
    ],
    ids=count(),
)
def test_a_bad_change_is_refused_and_counted(
    make: Make, nonce: int, what: Change, signature: bytes, reason: Refusal
) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(alice, bob, 10)
    before = bob.view
    taken = bob.receive([Signed(nonce, what, signature)])
    assert taken.signature is None
    assert taken.refused == (nonce, reason)
    assert bob.refused == {reason: 1}
    assert bob.view == before


def test_the_good_payments_before_a_bad_one_are_acknowledged(make: Make) -> None:
    bob = make(KEY_B)
    paid = [Signed(1, Pay(5), by(KEY_A, 1, 5)), Signed(2, Pay(4), by(KEY_A, 2, 9))]
    taken = bob.receive([*paid, Signed(2, Pay(3), by(KEY_A, 2, 12)), Signed(3, Pay(8), by(KEY_A, 3, 20))])
    assert taken.signature == by(KEY_B, 2, 9)
    assert bob.view.agreed == State(2, 9)
    assert taken.refused == (2, Refusal.NOT_NEXT)


# Locks


def test_a_lock_is_settled_with_its_secret(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(alice, bob, 10)
    change(alice, bob, Offer(LOCK, b"onward"))
    assert alice.view.agreed == State(2, 10, ROOT)
    assert alice.balance == DEPOSITS.a - 10 - 30, "what is locked cannot be paid"
    assert bob.balance == DEPOSITS.b + 10, "nor is it the payee's yet"
    change(bob, alice, Pay(1))
    assert alice.view.agreed.locks == ROOT, "a payment leaves the locks alone"
    change(alice, bob, Settle(b"s" * 32))
    assert bob.view.agreed == State(4, 39)


def test_only_the_payee_gives_a_lock_up_and_only_the_payer_settles_it(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    change(alice, bob, Offer(LOCK))
    with pytest.raises(Refused, match="bad lock"):
        alice.change([Cancel(LOCK.hash, 1)])
    with pytest.raises(Refused, match="bad lock"):
        bob.change([Settle(b"s" * 32)])
    with pytest.raises(Refused, match="bad lock"):
        alice.change([Settle(b"t" * 32)])
    change(bob, alice, Cancel(LOCK.hash, 1))
    assert alice.view.agreed == State(2, 0)
    assert alice.balance == DEPOSITS.a


def test_one_lock_of_a_hash_and_so_many_together(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    change(alice, bob, Offer(LOCK))
    with pytest.raises(Refused, match="bad lock"):
        alice.change([Offer(LOCK)])
    for number in range(1, MAX_LOCKS):
        change(alice, bob, Offer(LOCK._replace(hash=number.to_bytes(32, "big"))))
    with pytest.raises(Refused, match="bad lock"):
        alice.change([Offer(LOCK._replace(hash=b"!" * 32))])


def test_locks_survive_a_restart(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    change(alice, bob, Offer(LOCK, b"onward"))
    change(bob, alice, Offer(Lock(b"h" * 32, -7, LOCK.expiry)))
    alice.change([Settle(b"s" * 32), Pay(2)])
    bob.freeze()
    assert make(KEY_A).view == alice.view
    assert make(KEY_B).view == bob.view


def test_a_channel_with_locks_is_not_closed_together(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    change(alice, bob, Offer(LOCK))
    for each in (alice, bob):
        with pytest.raises(Refused, match="locks pending"):
            each.sign_close(0, 100)


# Withdrawals


def test_what_leaves_is_not_paid_and_comes_back_where_it_did_not_leave(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    withdrawal = Withdrawal(0, 100, 7, expiry=1_000)
    signature = bob.agree_to_withdraw(withdrawal)
    assert alice.check_withdraw(withdrawal, signature)
    assert not alice.check_withdraw(withdrawal._replace(units_a=101), signature)
    assert bob.balance == DEPOSITS.b - 7
    assert bob.receive(wired(alice.pay([DEPOSITS.a - 99]))).refused == (1, Refusal.OVER_BALANCE)
    with pytest.raises(Refused, match="withdrawing"):
        bob.agree_to_withdraw(withdrawal._replace(expiry=2_000))
    known, bob = bob.view, make(KEY_B)
    assert bob.view == known
    bob.seen(DEPOSITS, 0, now=1_000)
    assert bob.balance == DEPOSITS.b - 7
    bob.seen(DEPOSITS, 0, now=1_001)
    assert bob.balance == DEPOSITS.b


def test_a_withdrawal_that_l1_shows_has_left(make: Make) -> None:
    bob = make(KEY_B)
    bob.agree_to_withdraw(Withdrawal(0, 100, 7, expiry=1_000))
    bob.seen(Deposits(DEPOSITS.a - 100, DEPOSITS.b - 7), 1, now=900)
    assert bob.view.leaving is None
    assert bob.balance == DEPOSITS.b - 7


@pytest.mark.parametrize(
    ("units_a", "units_b"), [(DEPOSITS.a + 1, 0), (0, DEPOSITS.b + 1), (0, 0), (DEPOSITS.a, DEPOSITS.b)]
)
def test_nobody_withdraws_more_than_is_theirs_nor_everything(make: Make, units_a: int, units_b: int) -> None:
    with pytest.raises(Refused, match="over balance"):
        make(KEY_B).agree_to_withdraw(Withdrawal(0, units_a, units_b, 1_000))


@pytest.mark.parametrize("withdrawal", [Withdrawal(0, 5, 1, NOW + 60), Withdrawal(0, 5, 0, NOW + 7_201)])
def test_the_other_party_withdraws_its_own_and_soon(make: Make, withdrawal: Withdrawal) -> None:
    bob = make(KEY_B)
    with pytest.raises(Refused, match="withdrawing our units, or for longer"):
        bob.let_withdraw(withdrawal)
    assert bob.view.leaving is None
    assert bob.let_withdraw(Withdrawal(0, 5, 0, NOW + 7_200))


# Interruptions


def test_nobody_signs_two_states_with_one_nonce(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    by_alice, by_bob = alice.pay([5]), bob.pay([3])
    assert bob.receive(wired(by_alice)).refused == (1, Refusal.COLLISION)
    assert alice.receive(wired(by_bob)).refused == (1, Refusal.COLLISION)


def test_an_acknowledgement_must_be_of_what_was_sent_and_signed_by_the_other(make: Make) -> None:
    alice = make(KEY_A)
    alice.pay([5, 6])
    assert alice.acknowledge(2, by(KEY_B, 2, 12)) is Refusal.BAD_SIGNATURE
    assert alice.acknowledge(3, by(KEY_B, 3, 11)) is Refusal.UNKNOWN_STATE
    assert alice.acknowledge(0, by(KEY_B, 0, 0)) is Refusal.UNKNOWN_STATE
    assert alice.acknowledge(2, by(KEY_A, 2, 11)) is Refusal.BAD_SIGNATURE
    assert alice.acknowledge(1, by(KEY_B, 1, 5)) is None
    assert alice.view.agreed == State(1, 5)
    assert [each.tip.state for each in alice.view.pending] == [State(2, 11)]
    assert alice.acknowledge(1, by(KEY_B, 1, 5)) is Refusal.UNKNOWN_STATE


def test_everything_is_on_disk_before_it_is_given_away(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    signed = alice.pay([5, 6])
    assert make(KEY_A).view == alice.view
    taken = bob.receive(wired(signed))
    assert make(KEY_B).view == bob.view
    assert taken.signature is not None
    alice = make(KEY_A)
    assert alice.acknowledge(2, taken.signature) is None
    known = alice.view
    alice = make(KEY_A)
    assert alice.view == known
    alice.freeze()
    assert make(KEY_A).view.frozen
    bob = make(KEY_B)
    bob.seen(Deposits(1, 2), 0, 0)
    assert make(KEY_B).view.deposits == Deposits(1, 2)


def test_a_close_is_signed_for_the_agreed_net_and_nothing_is_paid_after_it(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(alice, bob, 10)
    with pytest.raises(Refused, match="net transfer of 9"):
        bob.sign_close(9, 100)
    signature = bob.sign_close(10, 100)
    assert alice.check_close(10, 100, signature)
    assert not alice.check_close(10, 101, signature)
    assert bob.receive(wired(alice.pay([1]))).refused == (2, Refusal.FROZEN)
    with pytest.raises(Refused, match="frozen"):
        bob.pay([1])
    with pytest.raises(Refused, match="collision"):
        alice.sign_close(10, 100)


def meet(one: ChannelPeer, other: ChannelPeer) -> Refusal | None:
    """What one says to where the other goes on from."""
    return one.resumed(other.view.agreed, other.resume(), bool(other.view.pending))


def test_a_lost_acknowledgement_is_made_up_for(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    bob.receive(wired(alice.pay([5, 6])))
    assert meet(bob, alice) is None
    assert meet(alice, bob) is None
    assert alice.view.agreed == State(2, 11)
    assert alice.view.pending == ()
    assert meet(bob, alice) is None


def test_lost_payments_wait_to_be_sent_again(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(bob, alice, 1)
    signed = alice.pay([5, 6])
    assert meet(bob, alice) is None
    assert meet(alice, bob) is None
    assert list(alice.view.pending) == signed


def test_a_party_that_lost_its_store_is_out_of_step(make: Make, tmp_path: Path) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(alice, bob, 5)
    empty = Store(tmp_path / "empty")
    forgetful = ChannelPeer(channel(), CHAIN_ID, CONTRACT, KEY_B, empty, DEPOSITS, lambda: NOW)
    assert meet(alice, forgetful) is Refusal.UNKNOWN_STATE
    assert meet(forgetful, alice) is Refusal.UNKNOWN_STATE
    empty.close()


def test_resuming_is_checked(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(alice, bob, 5)
    assert alice.resumed(State(1, 5), by(KEY_A, 1, 5), False) is Refusal.BAD_SIGNATURE
    assert alice.resumed(State(1, 4), by(KEY_B, 1, 4), False) is Refusal.UNKNOWN_STATE
    alice.pay([1])
    assert alice.resumed(bob.view.agreed, bob.resume(), True) is Refusal.COLLISION


def test_deposits_seen_on_l1_count(make: Make) -> None:
    alice = make(KEY_A)
    alice.seen(Deposits(3, 0), 0, 0)
    with pytest.raises(Refused, match="balance of 3"):
        alice.pay([4])
    alice.seen(Deposits(4, 0), 0, 0)
    alice.pay([4])


def test_nothing_is_taken_in_a_channel_that_l1_does_not_show(make: Make) -> None:
    alice, bob = make(KEY_A), make(KEY_B)
    deliver(alice, bob, 50)
    alice.seen(Deposits(0, 0), 0, 0)  # closed while she was away: what she paid has left with it
    lock = Lock(keccak256(b"s" * 32), -50, NOW + 60)
    for gone in (bob.pay([50]), bob.change([Offer(lock)])):
        fresh = Signed(2, gone[0].change, by(KEY_B, 2, 0))
        assert alice.receive([fresh]).refused == (2, Refusal.OVER_BALANCE)
    assert alice.view.agreed == State(1, 50)


amounts = st.integers(-1, 40)
hashes = st.integers(0, 3).map(lambda number: bytes([number]) * 32)
any_change = st.one_of(
    st.builds(Pay, amounts),
    st.builds(lambda secret, units: Offer(Lock(keccak256(secret), units, 50)), hashes, st.integers(-40, 40)),
    st.builds(Settle, hashes),
    st.builds(lambda secret: Cancel(keccak256(secret), 1), hashes),
)


@given(st.lists(st.tuples(st.sampled_from(Side), any_change), max_size=40), st.integers(0, 60), st.integers(0, 60))
def test_no_change_overdraws_or_takes_from_the_other(changes: list[tuple[Side, Change]], a: int, b: int) -> None:
    deposits, tip = Deposits(a, b), View(Side.A, Deposits(a, b)).tip
    for author, what in changes:
        after = transition.changed(tip, deposits, author, what, now=0)
        if isinstance(after, Refusal):
            continue
        other = author.other
        assert after.state.nonce == tip.state.nonce + 1
        assert min(transition.free(deposits, after, side) for side in Side) >= 0
        assert transition.owned(deposits, after.state.net, other) >= transition.owned(deposits, tip.state.net, other)
        assert transition.free(deposits, after, other) >= transition.free(deposits, tip, other)
        assert after.state.locks == locks_root([offer.lock for offer in after.locks])
        tip = after


def test_nonces_end(make: Make) -> None:
    tip = View(Side.A, DEPOSITS, agreed=State(MAX_NONCE - 1, 0)).tip
    after = transition.changed(tip, DEPOSITS, Side.A, Pay(1), 0)
    assert not isinstance(after, Refusal)
    assert transition.changed(after, DEPOSITS, Side.A, Pay(1), 0) is Refusal.NOT_NEXT


@given(any_change)
def test_a_change_survives_its_encoding(what: Change) -> None:
    if not isinstance(what, Pay) or what.units >= 0:
        assert changes.decode(changes.encode(what)) == what


@given(st.binary(max_size=120))
def test_any_bytes_are_a_change_or_a_protocol_error(data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        assert changes.encode(changes.decode(data)) == data
