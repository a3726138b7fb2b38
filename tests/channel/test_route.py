"""What a hop decides, from the locks that are pending and from what it knows: pure, without a socket."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.channel import route
from toolkit.channel.route import Bill, Failure, Held, Hop, Knowledge, Policy
from toolkit.channel.state import Lock, Side
from toolkit.crypto import keccak256
from toolkit.errors import BadInput

START = 1_800_000_000
SECRET = b"s" * 32
HASH = keccak256(SECRET)
ONWARD = [Hop(b"\x0c" * 20, 1_000, START + 7_200)]


def held(
    *, ours: bool = True, units: int = 1_001, expiry: int = START + 10_800, forward: bool = True, **given: Any
) -> Held:
    lock = Lock(HASH, units if ours else -units, expiry)
    onward = route.encode(ONWARD) if forward else b""
    return Held(b"c" * 32, Side.B, lock, onward, **{"live": True, "moving": False, **given})


def decided(
    each: Held, known: Knowledge | None = None, *others: Held, now: int = START, past: int | None = None
) -> list[route.Intent]:
    return route.intents([each, *others], known or Knowledge(), Policy(), now, now if past is None else past)


def cancelled(reason: Failure) -> list[route.Intent]:
    return [route.CancelLock(b"c" * 32, HASH, reason)]


KNOWN = Knowledge(secrets={HASH: SECRET})
INVOICE = Knowledge(secrets={HASH: SECRET}, invoices={HASH: Bill(1_001)})


def test_a_hop_forwards_what_pays_it() -> None:
    assert decided(held()) == [route.Forward(b"c" * 32, held().lock, ONWARD[0], b"")]
    assert decided(held(units=1_000)) == cancelled(Failure.FEE_TOO_LOW)
    assert decided(held(expiry=START + 10_799)) == cancelled(Failure.TOO_SOON)
    assert decided(held(), now=START + 5_401) == cancelled(Failure.TOO_SOON)
    assert decided(held(live=False)) == []
    assert decided(held(moving=True)) == []
    assert decided(held(forwarding=True)) == []
    assert decided(held(forwarding=True), KNOWN) == [route.Show(b"c" * 32, SECRET)]


def test_a_hop_waits_for_the_next_one_as_long_as_its_own_lock_lasts() -> None:
    forwarded = Knowledge(forwarded={HASH: b"d" * 32}, failures={HASH: Failure.FEE_TOO_LOW})
    onward = Held(b"d" * 32, Side.A, Lock(HASH, 1_000, START + 7_200), b"", live=False, moving=False)
    assert decided(held(), forwarded, onward) == []
    assert decided(held(), forwarded, onward, now=START + 10_800) == []
    assert decided(held(), forwarded, onward, now=START + 10_801) == cancelled(Failure.EXPIRED)
    assert decided(held(), forwarded) == cancelled(Failure.FEE_TOO_LOW)


def test_nothing_is_given_up_before_l1_has_passed_its_expiry() -> None:
    forwarded = Knowledge(forwarded={HASH: b"d" * 32})
    onward = Held(b"d" * 32, Side.A, Lock(HASH, 1_000, START + 7_200), b"", live=False, moving=False)
    assert decided(held(), forwarded, onward, now=START + 90_000, past=START + 10_800) == []
    assert decided(held(), forwarded, onward, now=START + 90_000, past=START + 10_801) == cancelled(Failure.EXPIRED)


def test_what_l1_may_still_take_is_not_given_up_where_our_clock_is_far_ahead_of_its() -> None:
    shown = Knowledge(secrets=INVOICE.secrets, invoices=INVOICE.invoices, accepted={(b"c" * 32, HASH)})
    passed_on = Knowledge(secrets={HASH: SECRET}, forwarded={HASH: b"d" * 32})
    for each, known in ((held(forward=False), shown), (held(), passed_on)):
        assert decided(each, known, now=START + 90_000, past=START + 10_800) == []
        assert decided(each, known, now=START + 90_000, past=START + 10_801) == cancelled(Failure.EXPIRED)


def test_a_payee_shows_its_secret_to_who_pays_enough_and_early_enough() -> None:
    show = [route.Show(b"c" * 32, SECRET)]
    assert decided(held(), INVOICE) == show
    assert decided(held(units=1_000), INVOICE) == cancelled(Failure.UNDERPAID)
    assert decided(held(), INVOICE, now=START + 10_800 - 1_799) == cancelled(Failure.TOO_SOON)
    shown = Knowledge(secrets=INVOICE.secrets, invoices=INVOICE.invoices, accepted={(b"c" * 32, HASH)})
    assert decided(held(), shown, now=START + 10_800) == show, "it must not be given up once the secret was shown"
    assert decided(held(), shown, now=START + 10_801) == cancelled(Failure.EXPIRED)


def test_a_payee_shows_its_secret_for_the_asset_that_it_asked_for_only() -> None:
    assert decided(held(token=b"t" * 20), INVOICE) == cancelled(Failure.UNDERPAID)
    assert decided(held(exponent=8), INVOICE) == cancelled(Failure.UNDERPAID)
    assert not INVOICE.may_show(held(token=b"t" * 20))


def test_a_secret_that_l1_noted_in_time_counts_for_good() -> None:
    late = START + 20_000
    noted = Knowledge(secrets={HASH: SECRET}, revealed={HASH: START + 10_800})
    too_late = Knowledge(secrets={HASH: SECRET}, revealed={HASH: START + 10_801})
    assert decided(held(), noted, now=late) == [route.Show(b"c" * 32, SECRET)]
    assert decided(held(), too_late, now=late) == cancelled(Failure.EXPIRED)
    assert decided(held(ours=False), noted, now=late) == [route.SettleLock(b"c" * 32, SECRET)]
    assert decided(held(ours=False), too_late, now=late) == []
    assert decided(held(ours=False), KNOWN) == [route.SettleLock(b"c" * 32, SECRET)]


def test_a_route_that_is_none_is_given_back() -> None:
    assert decided(held()._replace(route=b"x")) == cancelled(Failure.BAD_ROUTE)
    assert decided(held(forward=False)) == cancelled(Failure.UNKNOWN_HASH)


@given(st.integers(1, 10**12), st.integers(1, 20), st.integers(0, 100), st.integers(0, 10**6))
def test_every_hop_of_a_plan_is_paid_and_has_time(units: int, hops: int, fee_units: int, fee_ppm: int) -> None:
    policy = Policy(fee_units=fee_units, fee_ppm=fee_ppm)
    plan = route.plan(units, [bytes([number]) * 20 for number in range(hops)], START, policy)
    assert plan[-1].units == units
    assert route.decode(route.encode(plan)) == plan
    for taken, given_on in pairwise(plan):
        assert route.promised(Lock(HASH, taken.units, taken.expiry), given_on, policy, START) is None
        cheaper = Lock(HASH, taken.units - 1, taken.expiry)
        assert route.promised(cheaper, given_on, policy, START) is Failure.FEE_TOO_LOW
    with pytest.raises(BadInput, match="shorter than the time between two"):
        Policy(expiry_delta=1_800)
    with pytest.raises(BadInput, match="no fee is negative"):
        Policy(fee_ppm=-1)
    with pytest.raises(BadInput, match="1 to 20 hops"):
        route.plan(units, [b"a" * 20] * 21, START, policy)
