"""An alarm calls for something to confirm; after a freeze nothing is begun, and everybody takes its bonds back."""

from __future__ import annotations

import pytest

from rollup_services.l1_logs import HONEST, L1, MALLORY, ME, WRONG, called
from rollup_services.rig import ETHER, WINDOW, Rig
from rollup_services.test_parts import ROLLUP, RULES
from toolkit.bridge.client import alarm, freeze
from toolkit.devnet.l1 import selector
from toolkit.rollup import contracts as c
from toolkit.rollup.client import OperationRefused
from toolkit.rollup.dispute import game as g
from toolkit.rollup.dispute.moves import challenger_moves, defender_moves, expired_moves, reclaim_moves
from toolkit.rollup.proposer import assert_moves, beside_moves, confirm_moves

LONG = 100_000


def frozen_log(l1: L1) -> None:
    l1.log(ROLLUP, (c.FROZEN, l1.replica.confirmed), b"")


@pytest.fixture
def l1() -> L1:
    return L1()


def test_after_a_freeze_nothing_is_asserted_or_confirmed(l1: L1) -> None:
    l1.assert_state(l1.genesis, 1)
    l1.assert_state(l1.genesis, 2)
    l1.now += LONG
    assert confirm_moves(l1.replica, l1.now)
    assert assert_moves(l1.replica)
    assert beside_moves(l1.replica, ME)
    frozen_log(l1)
    assert confirm_moves(l1.replica, l1.now) == []
    assert assert_moves(l1.replica) == []
    assert beside_moves(l1.replica, ME) == []


def test_after_a_freeze_no_dispute_is_begun_and_those_under_way_are_played_to_the_end(l1: L1) -> None:
    first, second = (l1.assert_state(l1.genesis, batch, WRONG, MALLORY) for batch in (1, 2))
    l1.open(first, ME)
    right = l1.assert_state(l1.genesis, 3)
    l1.open(right, MALLORY)
    assert called(challenger_moves(l1.replica, ME, l1.now)) == [selector(g.OPEN)]
    frozen_log(l1)
    assert second in l1.replica.pending
    assert challenger_moves(l1.replica, ME, l1.now) == []
    assert called(defender_moves(l1.replica, HONEST, l1.now)) == [selector(g.DEFEND)]
    l1.now += RULES.clock + 1
    assert called(challenger_moves(l1.replica, ME, l1.now)) == [selector(g.TIMEOUT)]


def test_after_a_freeze_games_of_others_are_nobody_s_business(l1: L1) -> None:
    l1.open(l1.assert_state(l1.genesis, 3), MALLORY)
    l1.now += LONG
    assert expired_moves(l1.replica, ME, l1.now)
    frozen_log(l1)
    assert expired_moves(l1.replica, ME, l1.now) == []


def test_after_a_freeze_bonds_come_back_from_the_root_on(l1: L1) -> None:
    """The contract gives back those first whose parent has no slot any more, or is the frozen one."""
    below = l1.assert_state(l1.genesis, 1)
    l1.confirm(below)
    first = l1.assert_state(below, 2)
    second = l1.assert_state(first, 3)
    l1.now += LONG
    assert reclaim_moves(l1.replica, HONEST, l1.now) == []
    frozen_log(l1)
    assert [move.name for move in reclaim_moves(l1.replica, HONEST, l1.now)] == [("reclaim", first)]
    l1.reclaim(first)
    assert [move.name for move in reclaim_moves(l1.replica, HONEST, l1.now)] == [("reclaim", second)]


def test_bonds_come_back_also_where_the_rollup_is_frozen_as_it_began(l1: L1) -> None:
    first = l1.assert_state(l1.genesis, 2)
    l1.now += LONG
    frozen_log(l1)
    assert [move.name for move in reclaim_moves(l1.replica, HONEST, l1.now)] == [("reclaim", first)]


def test_an_alarm_about_the_newest_state_brings_a_batch_and_the_next_confirmation(fresh_rig: Rig) -> None:
    rig, rollup = fresh_rig, fresh_rig.contracts.rollup
    sequencer, verifier = rig.start("sequencer"), rig.start("verifier")
    client = sequencer.client

    def posted() -> int:
        found: int = client.status()["posted"]
        return found

    assert posted() == 0
    alarm(rig.chain, rollup, rig.accounts["erin"], rig.chain.call(rollup.functions.GENESIS()))
    client.wait_until(lambda: posted() == 1, "a batch that can be asserted")
    proposer = rig.start("proposer")
    verifier.client.wait_until(lambda: verifier.client.status()["assertedBatch"] == 1, "its assertion")
    assert verifier.client.status()["alarm"] is not None
    rig.node.travel(WINDOW)
    proposer.client.wait_until(lambda: proposer.client.status()["confirmedBatch"] == 1, "its confirmation")
    verifier.client.wait_until(lambda: verifier.client.status()["alarm"] is None, "the end of the alarm")
    assert posted() <= 2  # after a quiet week one more, in case that that assertion had been lost


def test_services_of_a_frozen_rollup_say_so_and_begin_nothing(fresh_rig: Rig) -> None:
    rig, rollup, erin = fresh_rig, fresh_rig.contracts.rollup, fresh_rig.accounts["erin"]
    sequencer, proposer, verifier = (rig.start(role) for role in ("sequencer", "proposer", "verifier"))
    alice, bob = rig.accounts["alice"], rig.accounts["bob"]
    rig.deposit("alice", ETHER)
    sequencer.client.wait_for_balance(alice.address_bytes, ETHER)
    proposer.client.wait_until(lambda: proposer.client.status()["assertedBatch"] == 2, "the assertion")
    proposer.kill()
    rig.running.remove(proposer)

    genesis = rig.chain.call(rollup.functions.GENESIS())
    alarm(rig.chain, rollup, erin, genesis)
    rig.node.travel(rig.chain.call(rollup.functions.ESCAPE_DELAY()))
    freeze(rig.chain, rollup, erin, genesis)
    verifier.client.wait_until(lambda: verifier.client.status()["frozen"] == "0x" + genesis.hex(), "the freeze")
    status = sequencer.client.status
    sequencer.client.wait_until(lambda: status()["frozen"] == "0x" + genesis.hex(), "the sequencer to see it")

    with pytest.raises(OperationRefused, match="the rollup was frozen on L1"):
        sequencer.client.transfer(alice, bob.address_bytes, 10**15)
    batches, bond = status()["posted"], rig.chain.call(rollup.functions.BOND())
    rig.deposit("alice", ETHER)  # which would call for a batch
    assertions = verifier.client.status()["assertions"]
    before = rig.chain.balance(rig.accounts["proposer"].address)
    proposer = rig.start("proposer")

    def came_back() -> bool:
        gained = rig.chain.balance(rig.accounts["proposer"].address) - before
        return bool(gained > assertions * bond * 9 // 10)

    proposer.client.wait_until(came_back, "the bonds to come back")
    head = rig.chain.block_number()
    sequencer.client.wait_until(lambda: status()["l1Block"] >= head, "the sequencer to see it all")
    assert status()["posted"] == batches
    verifier.client.wait_until(lambda: verifier.client.status()["l1Block"] >= head, "the verifier to see it all")
    assert [each["status"] for each in verifier.client.call("l2_assertions")] == ["reclaimed"] * assertions
