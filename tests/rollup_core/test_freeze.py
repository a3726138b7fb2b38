"""A rollup that nobody brings forward any more: the alarm, and the end."""

from __future__ import annotations

import pytest

from .evm import refusal
from .test_rollup import ALICE, BOB, BOND, DISPUTE, ESCAPE_DELAY, PENDING, World

FROZEN = 4


@pytest.fixture
def world() -> World:
    return World()


def freeze(world: World) -> None:
    world.call("alarm", world.genesis.id, sender=BOB)
    world.wait(ESCAPE_DELAY)
    world.call("freeze", world.genesis.id, sender=BOB)


def test_what_stays_the_last_confirmed_assertion_for_so_long_after_an_alarm_is_the_last_for_ever(world: World) -> None:
    genesis = world.genesis.id
    assert world.call("freezableAt", genesis) == 0
    world.call("alarm", genesis, sender=BOB)
    time = world.evm.now + ESCAPE_DELAY
    assert world.call("freezableAt", genesis) == time
    world.wait(ESCAPE_DELAY - 1)
    assert refusal("FreezeTooEarly", lambda: world.call("freeze", genesis)) == (time - 1, time)
    world.wait(1)
    world.call("freeze", genesis)
    assert world.status(world.genesis) == FROZEN


def test_nothing_is_frozen_without_an_alarm_however_old_it_is(world: World) -> None:
    world.wait(10 * ESCAPE_DELAY)
    assert refusal("NotAlarmed", lambda: world.call("freeze", world.genesis.id)) == (world.genesis.id,)


def test_an_alarm_is_raised_once_and_nobody_puts_it_off(world: World) -> None:
    world.call("alarm", world.genesis.id)
    time = world.evm.now + ESCAPE_DELAY
    world.wait(1000)
    assert refusal("AlreadyAlarmed", lambda: world.call("alarm", world.genesis.id)) == (world.genesis.id, time)


def test_a_confirmation_makes_an_alarm_void_up_to_the_last_second(world: World) -> None:
    claim = world.put(world.genesis, 2)
    world.call("alarm", world.genesis.id)
    world.wait(ESCAPE_DELAY)
    world.confirm(claim)
    assert refusal("NotLastConfirmed", lambda: world.call("freeze", world.genesis.id)) == (world.genesis.id,)
    assert refusal("NotAlarmed", lambda: world.call("freeze", claim.id)) == (claim.id,)


def test_an_alarm_is_about_the_last_confirmed_assertion_only(world: World) -> None:
    claim = world.put(world.genesis, 2)
    unknown = world.claim(world.genesis, 3).id
    for other in (claim.id, unknown):
        assert refusal("NotLastConfirmed", lambda other=other: world.call("alarm", other)) == (other,)
    world.wait()
    world.confirm(claim)
    assert refusal("NotLastConfirmed", lambda: world.call("alarm", world.genesis.id)) == (world.genesis.id,)
    world.call("alarm", claim.id)


def test_a_frozen_rollup_confirms_nothing_and_takes_no_assertion_and_no_alarm(world: World) -> None:
    claim = world.put(world.genesis, 2)
    freeze(world)
    assert refusal("ParentNotConfirmed", lambda: world.confirm(claim)) == (world.genesis.id,)
    refused = refusal("UnknownParent", lambda: world.put(world.genesis, 3))
    assert refused == (world.genesis.id,)
    for call in ("alarm", "freeze"):
        refusal("NotLastConfirmed", lambda call=call: world.call(call, world.genesis.id))
    assert world.call("confirmedOutbox", world.genesis.outbox)


def test_the_bonds_of_what_the_end_overtook_go_back(world: World) -> None:
    child = world.put(world.genesis, 2)
    grandchild = world.put(child, 3)
    before = world.balance(ALICE)
    freeze(world)
    refusal("NotLeftBehind", lambda: world.reclaim(grandchild))
    world.reclaim(child)
    world.reclaim(grandchild)
    assert world.balance(ALICE) - before == 2 * BOND
    assert world.balance(world.rollup.address) == 0


def test_a_dispute_about_what_the_end_overtook_still_ends(world: World) -> None:
    claim = world.put(world.genesis, 2)
    world.call("hold", claim.id, sender=DISPUTE)
    freeze(world)
    assert world.status(claim) == PENDING
    world.call("reject", claim.id, BOB, sender=DISPUTE)
    assert world.balance(world.rollup.address) == 0
