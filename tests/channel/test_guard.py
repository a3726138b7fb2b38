"""What the guard says is to be done, case by case; then against the contract, with a cheat who always moves first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from toolkit.channel.guard import (
    Challenge,
    ChallengeSigned,
    CloseAlone,
    Duty,
    Reveal,
    Settle,
    Sight,
    Stand,
    Unlock,
    duties,
)
from toolkit.channel.position import Position
from toolkit.channel.state import FIRST_STATE, NO_LOCKS, Deposits, Lock, Side, SignedState, State, locks_root
from toolkit.crypto import keccak256
from toolkit.errors import BadInput

from .people import channel

NOW = 1_800_000_000
MARGIN = 100
CHANNEL = channel()
OPEN = Position(Deposits(1000, 1000))
SECRET, OTHER = b"\x01" * 32, b"\x02" * 32
HASH = keccak256(SECRET)
BY_A, BY_B = b"\xaa" * 64, b"\xbb" * 64
PAYS_B = Lock(HASH, 7, NOW + 1000)
PAYS_A = Lock(keccak256(OTHER), -5, NOW + 2000)


def stand(side: Side | None = Side.B, locks: tuple[Lock, ...] = (), **changes: Any) -> Stand:
    state = State(9, 30, locks_root(locks))
    known = {HASH: SECRET} if locks else {}
    return replace(Stand(CHANNEL, side, state, locks, BY_A, BY_B, known), **changes)


def closing(nonce: int, deadline: int = NOW + 500, locks: bool = False) -> Position:
    return Position(OPEN.deposits, 0, nonce, deadline, locks)


def sight(position: Position = OPEN, locks: tuple[Lock, ...] = (), told: bool = False, **changes: Any) -> Sight:
    pending = {CHANNEL.id: (locks_root(locks), locks if told else None)} if locks else {}
    return replace(Sight(NOW, {CHANNEL.id: position}, pending), **changes)


def due(stand: Stand, sight: Sight) -> list[Duty]:
    return duties(stand, sight, MARGIN)


def signed(stand: Stand) -> SignedState:
    return SignedState(stand.newest, BY_A)


@pytest.mark.parametrize("side", [Side.A, Side.B, None])
@pytest.mark.parametrize("position", [Position(Deposits(0, 0)), OPEN])
def test_an_open_or_unknown_channel_asks_for_nothing(side: Side | None, position: Position) -> None:
    assert due(stand(side), sight(position)) == []
    assert due(stand(side), Sight(NOW, {})) == []


def test_an_older_state_is_answered_by_a_party_with_the_others_signature() -> None:
    for side, by_other in ((Side.A, BY_B), (Side.B, BY_A)):
        mine = stand(side)
        assert due(mine, sight(closing(8))) == [Challenge(CHANNEL, SignedState(mine.newest, by_other))]
    assert due(stand(), sight(closing(9))) == []
    assert due(stand(), sight(closing(10))) == []


def test_an_older_state_is_answered_by_a_tower_with_both_signatures() -> None:
    assert due(stand(None), sight(closing(0))) == [ChallengeSigned(CHANNEL, State(9, 30), BY_A, BY_B)]


@pytest.mark.parametrize(("deadline", "kind"), [(NOW, Challenge), (NOW - 1, Settle)])
def test_the_deadlines_second_is_the_last_for_an_answer(deadline: int, kind: type[Duty]) -> None:
    assert [type(each) for each in due(stand(), sight(closing(8, deadline)))] == [kind]


def test_nobody_but_a_party_settles() -> None:
    assert due(stand(None), sight(closing(9, NOW - 1))) == []
    assert due(stand(), sight(closing(9, NOW - 1))) == [Settle(CHANNEL)]


def test_an_answer_shows_the_secrets_that_pay_us_and_no_others() -> None:
    locks = (PAYS_A, PAYS_B)
    both = {HASH: SECRET, PAYS_A.hash: OTHER}
    for side, secrets in ((Side.B, (bytes(32), SECRET)), (Side.A, (OTHER, bytes(32)))):
        mine = stand(side, locks, secrets=both)
        assert due(mine, sight(closing(8))) == [Challenge(CHANNEL, mine.by_other, locks, secrets)]


def test_a_secret_that_l1_showed_in_another_channel_unlocks_here() -> None:
    mine = stand(Side.B, (PAYS_B,), secrets={})
    shown = sight(closing(9, locks=True), (PAYS_B,))
    assert due(mine, shown) == []
    assert due(mine, replace(shown, shown={HASH: SECRET})) == [Unlock(CHANNEL, (PAYS_B,), (SECRET,))]


def test_locks_of_our_state_are_unlocked_and_of_what_is_left_of_it() -> None:
    mine = stand(Side.B, (PAYS_A, PAYS_B))
    assert due(mine, sight(closing(9, locks=True), mine.locks)) == [Unlock(CHANNEL, mine.locks, (bytes(32), SECRET))]
    assert due(mine, sight(closing(9, locks=True), (PAYS_B,), told=True)) == [Unlock(CHANNEL, (PAYS_B,), (SECRET,))]
    assert due(mine, sight(closing(9, locks=True), (PAYS_A,), told=True)) == []
    unknown = replace(sight(closing(9, locks=True)), pending={CHANNEL.id: (b"?" * 32, None)})
    assert due(mine, unknown) == []


def test_an_expired_lock_is_left_alone() -> None:
    mine = stand(Side.B, (PAYS_B,))
    late = replace(sight(closing(9, NOW + 5000, locks=True), mine.locks), now=PAYS_B.expiry + 1)
    assert due(mine, late) == []
    assert due(mine, replace(late, now=PAYS_B.expiry)) == [Reveal(CHANNEL, SECRET)]


@pytest.mark.parametrize("side", [Side.B, None])
def test_an_open_channels_lock_goes_to_l1_when_the_margin_is_reached(side: Side | None) -> None:
    mine = stand(side, (PAYS_B,))
    early, late = (replace(sight(), now=PAYS_B.expiry - MARGIN + seconds) for seconds in (-1, 0))
    assert due(mine, early) == []
    if side is None:
        assert due(mine, late) == [Reveal(CHANNEL, SECRET)]
    else:
        assert due(mine, late) == [CloseAlone(CHANNEL, signed(mine), mine.locks, (SECRET,))]
        assert due(replace(mine, half_signed=True), late) == [Reveal(CHANNEL, SECRET)]
    assert due(mine, replace(late, revealed={HASH: NOW})) == [], "revealed, it is safe"
    assert due(replace(mine, secrets={}), late) == [], "the secret is not known"
    assert due(stand(Side.A, (PAYS_B,)), late) == [], "it pays the other side"


def test_in_a_closing_channel_what_is_late_is_revealed_because_that_cannot_be_hindered() -> None:
    mine = stand(Side.B, (PAYS_A, PAYS_B))
    now = PAYS_B.expiry - MARGIN
    for position, kind in (
        (closing(8, now), Challenge),
        (closing(9, now, True), None),
        (closing(9, now - 1, True), None),
    ):
        found = due(mine, replace(sight(position, mine.locks), now=now))
        assert found[0] == Reveal(CHANNEL, SECRET)
        assert [type(each) for each in found[1:]] == ([kind] if kind else [])
    alone = stand(Side.B, (PAYS_B,))
    assert due(alone, replace(sight(closing(9, now - 1, True), alone.locks), now=now)) == [Reveal(CHANNEL, SECRET)]


@pytest.mark.parametrize("nonce", [8, 9, 10])
def test_where_a_newer_state_may_come_secrets_are_revealed_and_not_shown(nonce: int) -> None:
    mine = stand(Side.B, (PAYS_B,), half_signed=True)
    found = due(mine, sight(closing(nonce, locks=nonce > 8), mine.locks if nonce > 8 else ()))
    assert found == [Reveal(CHANNEL, SECRET), *([Challenge(CHANNEL, signed(mine))] if nonce == 8 else [])]


def test_the_locks_of_a_half_signed_state_count_too() -> None:
    other = (Lock(keccak256(OTHER), 3, NOW + 700),)
    mine = stand(Side.B, (PAYS_B,), half_signed=True, other_locks=(other,), secrets={other[0].hash: OTHER})
    assert due(mine, sight(closing(10, locks=True), other)) == [Reveal(CHANNEL, OTHER)]
    over = sight(closing(10, NOW - 1, locks=True), other)
    assert due(mine, over) == [Settle(CHANNEL, other, (OTHER,))], "nothing newer can come any more"


@pytest.mark.parametrize("nonce", [8, 9, 10])
def test_a_tower_reveals_for_it_does_not_know_what_else_was_signed(nonce: int) -> None:
    mine = stand(None, (PAYS_B,))
    shown = sight(closing(nonce, locks=nonce > 8), mine.locks if nonce > 8 else ())
    challenge = [ChallengeSigned(CHANNEL, mine.newest, BY_A, BY_B)] if nonce == 8 else []
    assert due(mine, shown) == [Reveal(CHANNEL, SECRET), *challenge]
    assert due(mine, replace(shown, revealed={HASH: NOW})) == challenge
    final = sight(closing(nonce, NOW - 1, locks=nonce > 8), mine.locks if nonce > 8 else ())
    assert due(mine, final) == ([Unlock(CHANNEL, mine.locks, (SECRET,))] if nonce > 8 else [])


def test_an_owner_leaves_with_the_newest_state() -> None:
    mine = stand(Side.B, (PAYS_B,), leave=True)
    assert due(mine, sight()) == [CloseAlone(CHANNEL, signed(mine), mine.locks, (SECRET,))]
    assert due(replace(mine, half_signed=True), sight()) == [CloseAlone(CHANNEL, signed(mine))]
    assert due(replace(mine, secrets={}), sight()) == [CloseAlone(CHANNEL, signed(mine))]
    assert due(mine, sight(closing(9))) == [], "somebody closes already"
    assert due(stand(None, leave=True), sight()) == [], "a tower cannot"
    first = Stand(CHANNEL, Side.A, leave=True)
    assert due(first, sight()) == [CloseAlone(CHANNEL, SignedState(FIRST_STATE, bytes(64)))]


def test_settling_waits_for_every_lock() -> None:
    mine = stand(Side.A, (PAYS_A, PAYS_B), secrets={})
    over = sight(closing(9, NOW - 1, locks=True), mine.locks)
    assert due(mine, over) == []
    known = {PAYS_A.hash: OTHER}
    assert due(replace(mine, secrets=known), over) == [Unlock(CHANNEL, mine.locks, (OTHER, bytes(32)))]
    for resolved in ({"now": PAYS_B.expiry + 1}, {"revealed": {HASH: PAYS_B.expiry}}):
        settled = Settle(CHANNEL, mine.locks, (OTHER, bytes(32)))
        assert due(replace(mine, secrets=known), replace(over, **resolved)) == [settled]
    assert due(replace(mine, secrets=known), replace(over, revealed={HASH: PAYS_B.expiry + 1})) != [settled]
    assert due(replace(mine, secrets=known), replace(over, shown={HASH: SECRET})) == [
        Settle(CHANNEL, mine.locks, (OTHER, SECRET))
    ]


def test_a_secret_of_zeros_cannot_be_shown_and_is_revealed() -> None:
    lock = Lock(keccak256(bytes(32)), 7, NOW + 1000)
    mine = stand(Side.B, (lock,), secrets={lock.hash: bytes(32)})
    reveal = Reveal(CHANNEL, bytes(32))
    assert due(mine, sight(closing(8))) == [reveal, Challenge(CHANNEL, signed(mine))]
    assert due(mine, sight(closing(9, locks=True), (lock,))) == [reveal]
    assert due(mine, sight(closing(9, NOW - 1, locks=True), (lock,))) == [reveal]
    assert due(mine, replace(sight(), now=lock.expiry - MARGIN)) == [reveal]


def test_a_stand_that_could_not_be_defended_is_refused() -> None:
    with pytest.raises(BadInput, match=r"signature of state 9 .* missing"):
        stand(Side.A, by_b=None)
    with pytest.raises(BadInput, match=r"signature of state 9 .* missing"):
        stand(None, by_a=None)
    with pytest.raises(BadInput, match="1 locks are not those of state 9"):
        stand(newest=State(9, 30, NO_LOCKS), locks=(PAYS_B,))
    with pytest.raises(BadInput, match="64 bytes"):
        stand(by_a=b"short")
    stand(Side.A, by_a=None)


def test_duties_that_may_wait_at_the_same_time_have_different_names() -> None:
    every: list[Duty] = [
        CloseAlone(CHANNEL, SignedState(FIRST_STATE, bytes(64))),
        Challenge(CHANNEL, SignedState(FIRST_STATE, bytes(64))),
        Unlock(CHANNEL, (PAYS_B,), (SECRET,)),
        Reveal(CHANNEL, SECRET),
        Reveal(CHANNEL, OTHER),
        Settle(CHANNEL),
    ]
    assert len({each.name for each in every}) == len(every)
