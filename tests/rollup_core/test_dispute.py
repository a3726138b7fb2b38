"""What a dispute decides: what is wrong falls, what is right stands. The machine is the smallest there is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from toolkit.crypto import keccak256
from toolkit.rollup.dispute import game as g
from toolkit.rollup.inbox import batch_hash

from .arena import BOND, CONFIRMED, PENDING, REJECTED, RULES, SEQUENCER, WINDOW
from .evm import refusal
from .table import BATCHES, CHALLENGER, DEFENDER, NO_WITNESS, OTHER, STEPS, Table


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture(scope="module")
def long_table() -> Table:
    """More than 16**3 steps, in games of up to eight rounds."""
    return Table(replace(RULES, max_rounds=8), steps=2500)


@pytest.mark.parametrize("rounds", [2, 3, 4])
@pytest.mark.parametrize("step", [1, 2, 16, 17, 99, 100, 101, 199, 200])
def test_a_wrong_assertion_is_rejected_wherever_it_begins_to_be_wrong(table: Table, step: int, rounds: int) -> None:
    claim = table.wrong(step)
    name = table.open(CHALLENGER, claim)
    end = table.play(name, rounds, table.wrong_run(step), table.run, table.witness)
    assert end == g.Ended(name, claim.id, CHALLENGER, BOND // 2)
    assert table.proved[-1].before == table.run(step - 1)
    assert (table.proved[-1].claimed, table.proved[-1].computed) == (table.wrong_run(step)(step), table.run(step))
    assert table.status(claim.id) == REJECTED
    table.check()


@pytest.mark.parametrize("rounds", [4, 5, 8])
@pytest.mark.parametrize("step", [1, 16**3, 16**3 + 1, 4999, 5000])
def test_a_run_of_thousands_of_steps_comes_down_to_one(long_table: Table, step: int, rounds: int) -> None:
    table, claimed = long_table, long_table.wrong_run(step)

    def made_up(steps: int) -> bytes:
        """As there are many assertions about the same run, each ends in its own way."""
        return claimed(steps) if steps < table.length else keccak256(claimed(step) + bytes([rounds]))

    claim = table.assert_state(DEFENDER, table.genesis, 2, made_up(table.length))
    name = table.open(CHALLENGER, claim)
    assert table.play(name, rounds, made_up, table.run, table.witness).winner == CHALLENGER
    assert table.proved[-1].before == table.run(step - 1)
    assert (table.proved[-1].claimed, table.proved[-1].computed) == (made_up(step), table.run(step))
    table.check()


@pytest.mark.parametrize("index", [0, 1, 7, 15])
def test_a_right_assertion_stands_whatever_the_challenger_picks(table: Table, index: int) -> None:
    claim = table.right()
    name = table.open(CHALLENGER, claim)
    table.defend_as(name, 2, table.run)
    table.challenge(name, index)
    table.defend_as(name, 2, table.run)
    table.prove(name, index, table.witness(table.games[name].offset + index))
    assert table.ended[-1] == g.Ended(name, claim.id, DEFENDER, RULES.bond // 2)
    assert table.status(claim.id) == PENDING
    table.check()
    table.wait(WINDOW)
    table.confirm_right(claim)
    assert table.status(claim.id) == CONFIRMED
    table.check()


def test_a_right_assertion_is_the_machine_s_last_state(table: Table) -> None:
    name = table.open_right()
    table.defend_as(name, 2, table.run)
    table.prove(name, g.LAST_STEP, table.witness(2 * STEPS))
    assert table.ended[-1].winner == DEFENDER
    table.check()


@pytest.mark.parametrize("place", [0, 1, 99, 100, 199])
def test_an_unfinished_state_is_wrong(table: Table, place: int) -> None:
    """Every step of the defender's run is right, up to where it stands still."""
    unfinished = lambda steps: table.run(min(steps, place))  # noqa: E731
    claim = table.assert_state(DEFENDER, table.genesis, 2, table.run(place))
    name = table.open(CHALLENGER, claim)
    assert table.play(name, 2, unfinished, table.run, table.witness).winner == CHALLENGER
    assert table.proved[-1].before == table.run(place)


def test_too_few_rounds_show_that_the_state_asserted_is_not_the_last(table: Table) -> None:
    """The run has 200 steps. The state after 16 is asserted, and every step up to there is right."""
    claim = table.assert_state(DEFENDER, table.genesis, 2, table.run(16))
    name = table.open(CHALLENGER, claim)
    table.defend_as(name, 1, table.run)
    assert table.first_wrong(name, table.run) == g.LAST_STEP
    table.prove(name, g.LAST_STEP, table.witness(16))
    assert table.ended[-1].winner == CHALLENGER
    assert table.proved[-1] == g.Proved(name, table.run(16), table.run(16), table.run(17))


def test_a_state_beyond_the_target_is_wrong(table: Table) -> None:
    """It stands still, too: so the way to it is wrong."""
    beyond = table.alphabet.run(0, 3)
    claim = table.assert_state(DEFENDER, table.genesis, 2, beyond(3 * STEPS))
    first, second = table.open(CHALLENGER, claim), table.open(OTHER, claim)
    table.defend_as(first, 3, beyond)
    table.prove(first, g.LAST_STEP, table.alphabet.witness(3 * STEPS))
    assert table.ended[-1].winner == DEFENDER
    assert table.play(second, 3, beyond, table.run, table.witness).winner == OTHER
    assert table.proved[-1].computed == table.proved[-1].before == table.run(2 * STEPS)


def test_a_made_up_state_needs_no_witness_to_be_refuted(table: Table) -> None:
    claim = table.assert_state(DEFENDER, table.genesis, 2, b"\x99" * 32)
    name = table.open(CHALLENGER, claim)

    def made_up(steps: int) -> bytes:
        return table.run(steps) if steps < 16**4 else claim.machine_hash

    assert table.play(name, 4, made_up, table.run, table.witness).winner == CHALLENGER
    assert table.proved[-1].before == table.run(2 * STEPS)


def test_a_defender_s_mistake_costs_it_the_game_though_its_assertion_was_right(table: Table) -> None:
    """Sixteen steps are no run of 200. The same can be asserted again for another batch."""
    name = table.open_right()
    table.defend(name, 1, [table.run(k) for k in range(1, 16)])
    table.prove(name, 15, table.witness(15))
    assert table.ended[-1].winner == CHALLENGER
    assert table.status(table.ended[-1].assertion) == REJECTED
    refusal("AlreadyAsserted", table.right)
    table.assert_state(DEFENDER, table.genesis, 3, table.alphabet.run(0, 3)(3 * STEPS))
    table.check()


def test_a_game_begins_where_the_parent_ends(table: Table) -> None:
    parent = table.right()
    run = table.alphabet.run(2, 4)

    def wrong(steps: int) -> bytes:
        return run(steps) if steps < 77 else keccak256(run(steps))

    claim = table.assert_state(DEFENDER, parent, 4, wrong(2 * STEPS))
    name = table.open(CHALLENGER, claim)
    assert table.games[name].game.start == parent.machine_hash
    assert table.play(name, 2, wrong, run, table.alphabet.witnesses(2, 4)).winner == CHALLENGER
    assert (table.status(parent.id), table.status(claim.id)) == (PENDING, REJECTED)


def test_the_witness_must_be_the_step_s_own_and_nothing_else_decides(table: Table) -> None:
    name = table.open_wrong()
    table.defend_as(name, 2, table.wrong_run(1))
    table.challenge(name, 0)
    table.defend_as(name, 2, table.wrong_run(1))
    kept, game = table.commitment(name), table.games[name]
    refusal("WrongWitness", lambda: table.prove(name, 0, table.witness(1)))
    refusal("WrongWitness", lambda: table.prove(name, 0, NO_WITNESS[:-1] + b"\1"))
    refusal("", lambda: table.prove(name, 0, b""))
    refusal("WrongWitness", lambda: table.prove(name, 1, table.witness(0)))
    assert (table.commitment(name), table.games[name]) == (kept, game)
    table.check()
    table.prove(name, 0, table.witness(0))
    assert table.ended[-1].winner == CHALLENGER


def test_what_the_inbox_has_forgotten_is_brought_back_for_the_last_step() -> None:
    table = Table(ring_size=8)
    name = table.open(CHALLENGER, table.wrong(150))
    kept = table.accumulator(2)
    for number in range(BATCHES + 1, 12):
        table.post(number)
    table.defend_as(name, 2, table.wrong_run(150))
    table.answer(name, table.run, table.witness)
    table.defend_as(name, 2, table.wrong_run(150))
    assert refusal("UnknownAccumulator", lambda: table.answer(name, table.run, table.witness)) == (2,)
    # Empty batches of one and the same second are hashed alike.
    batch = batch_hash(bytes(32), bytes(32), 0, 0, bytes(32), 0, table.now, SEQUENCER)
    table.evm.call(table.inbox, "checkpoint", 2, kept, [batch] * 6)
    table.answer(name, table.run, table.witness)
    assert table.ended[-1].winner == CHALLENGER
