"""Some of the ways that `test_crossing_machine.py` goes at random, each by itself, with what it comes to."""

from __future__ import annotations

import pytest

from toolkit.rollup.codec import Header
from toolkit.rollup.machine import Withdrawal

from .crossing import Crossing
from .crossing_checks import check_all
from .crossing_model import ETH
from .crossing_people import ALICE, BOB, CARELESS, CAROL, KEYS, PROVIDER, SEQUENCER, STRANGER, Person
from .test_crossing_machine import Crossings

PRICE, FEE = 50, 3


@pytest.fixture
def machine() -> Crossings:
    """Carol has withdrawn 50 wei since what is confirmed; the rollup will be frozen."""
    return started(freeze=True)


def started(*, freeze: bool, refused: Person | None = None) -> Crossings:
    machine = Crossings()
    machine.deploy(freeze, refused)
    return machine


def gain(world: Crossing, who: bytes) -> int:
    """What somebody has got (wei) since the beginning, both chains and all claims together."""
    return world.model.worth[who, ETH] - 2**140


def pay_early(world: Crossing, provider: bytes, withdrawal: Withdrawal, fee: int = FEE) -> bool:
    terms = world.terms(provider, fee, world.now + 10**6)
    signature = terms.sign(world.domain, withdrawal, KEYS[withdrawal.owner])
    return world.exit_fast(provider, withdrawal, terms, signature, withdrawal.amount - fee)


@pytest.mark.parametrize("refused", [None, ALICE, CAROL, STRANGER])
@pytest.mark.parametrize("freeze", [True, False])
def test_everybody_leaves_and_nothing_is_left(freeze: bool, refused: Person | None) -> None:
    """Whoever cannot be paid at first, and whether anybody works for the rollup or nobody does."""
    started(freeze=freeze, refused=refused).teardown()


def test_equal_deposits_of_one_second_come_back_each(machine: Crossings) -> None:
    """Their messages are the same bytes, so that one's proof may be the other's."""
    world = machine.world
    before = gain(world, BOB)
    for _ in range(3):
        assert machine.deposits(ALICE, BOB, 0, 5)
    machine.teardown()
    assert gain(world, BOB) - before == 15
    assert len({place for place, event in world.replica.bridge.recovered.items() if event.owner == BOB}) == 3


def test_a_provider_is_paid_what_it_has_paid_and_its_fee(machine: Crossings) -> None:
    world = machine.world
    before = gain(world, CAROL)
    assert pay_early(world, PROVIDER, Withdrawal(1, CAROL, ETH, PRICE))
    machine.settle(False)
    machine.teardown()
    assert (gain(world, CAROL) - before, gain(world, PROVIDER)) == (-FEE, FEE)


def test_a_withdrawal_that_the_frozen_state_does_not_know_is_its_providers_loss(machine: Crossings) -> None:
    """Carol has her money again, and what the provider has paid: to look for an alarm is the provider's part."""
    world = machine.world
    before = gain(world, CAROL)
    assert pay_early(world, PROVIDER, Withdrawal(1, CAROL, ETH, PRICE))
    machine.teardown()
    assert (gain(world, CAROL) - before, gain(world, PROVIDER)) == (PRICE - FEE, FEE - PRICE)


def test_who_pays_for_nothing_loses_it_and_nobody_else_does(machine: Crossings) -> None:
    world = machine.world
    others = [gain(world, who) for who in (BOB, CAROL, STRANGER, PROVIDER)]
    phantom = Withdrawal(7, ALICE, ETH, 1000)
    before = gain(world, ALICE)
    assert pay_early(world, CARELESS, phantom)
    machine.settle(False)
    machine.teardown()
    assert (gain(world, ALICE) - before, gain(world, CARELESS)) == (1000 - FEE, FEE - 1000)
    assert [gain(world, who) for who in (BOB, CAROL, STRANGER, PROVIDER)] == others


def test_who_pays_for_what_is_withdrawn_later_gets_it(machine: Crossings) -> None:
    world = machine.world
    account = next(i for i, each in enumerate(world.model.accounts) if each[:2] == (ALICE, ETH))
    ahead = Withdrawal(len(world.model.withdrawals), ALICE, ETH, 20)
    assert pay_early(world, CARELESS, ahead)
    machine.operate(account, None, 20, 0, "", "pool")
    machine.posted()
    assert world.model.withdrawals[-1] == ahead
    machine.settle(False)
    machine.teardown()
    assert gain(world, CARELESS) == FEE


@pytest.mark.parametrize("same", [True, False])
def test_a_fast_exit_that_is_mined_again_pays_for_the_history_it_knows(machine: Crossings, same: bool) -> None:
    """L1 forgets the batch, and perhaps mines another; the same transaction then pays nothing."""
    world = machine.world
    world.mark()
    machine.withdraw(0, 10, 0, "", "pool")
    machine.posted()
    withdrawal = world.model.withdrawals[-1]
    assert pay_early(world, PROVIDER, withdrawal)
    post, exit_fast = world.reorganise(0, again=0, later=False)
    assert withdrawal not in world.model.withdrawals
    if not same:
        assert world.post_batch(SEQUENCER, world.next_batch, Header(), (), ())
    assert post() == exit_fast() == same
    check_all(world)
    machine.teardown()
    assert gain(world, PROVIDER) <= FEE
