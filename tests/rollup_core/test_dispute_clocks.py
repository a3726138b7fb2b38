"""The clocks of a dispute."""

from __future__ import annotations

from dataclasses import replace

import pytest

from .arena import BOND, PENDING, RULES, WINDOW
from .evm import refusal
from .table import CHALLENGER, DEFENDER, MADE_UP, THIEF, Table


@pytest.fixture
def table() -> Table:
    return Table()


def test_a_move_in_the_last_second_is_in_time_and_one_later_only_the_end_is(table: Table) -> None:
    for late in (False, True):
        claim = table.assert_state(DEFENDER, table.genesis, 3 if late else 2, b"\x22" * 32)
        name = table.open(CHALLENGER, claim)
        table.wait(RULES.clock + late)
        if late:
            refused = refusal("OutOfTime", lambda name=name: table.defend_as(name, 2, table.run))
            assert refused == (RULES.clock + 1, RULES.clock)
            table.timeout(name)
            assert table.ended[-1].winner == CHALLENGER
        else:
            refused = refusal("StillTime", lambda name=name: table.timeout(name))
            assert refused == (RULES.clock, RULES.clock)
            table.defend_as(name, 2, table.run)
    table.check()


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("last", [False, True])
def test_a_challenger_s_last_second(table: Table, late: bool, last: bool) -> None:
    """For a pick, and for a proof."""
    claim = table.wrong()
    name = table.open(CHALLENGER, claim)
    table.defend_as(name, 2, table.wrong_run(1))
    if last:
        table.challenge(name, 0)
        table.defend_as(name, 2, table.wrong_run(1))
    table.wait(RULES.clock + late)
    if late:
        refusal("OutOfTime", lambda: table.answer(name, table.run, table.witness))
        table.timeout(name)
        assert table.ended[-1].winner == DEFENDER
        assert table.status(claim.id) == PENDING  # nothing confirms it
    else:
        refusal("StillTime", lambda: table.timeout(name))
        table.answer(name, table.run, table.witness)
    table.check()


def test_a_clock_runs_in_its_owner_s_turn_only_and_each_move_has_its_extension(table: Table) -> None:
    name = table.open_wrong()
    table.wait(RULES.clock - 10)
    table.defend_as(name, 3, table.wrong_run(1))
    game = table.games[name].game
    assert (game.defender_time, game.challenger_time) == (10, RULES.clock)
    table.wait(RULES.clock)
    table.challenge(name, 0)
    game = table.games[name].game
    assert (game.defender_time, game.challenger_time) == (RULES.extension, 0)
    table.wait(RULES.extension - 100)
    table.defend_as(name, 3, table.wrong_run(1))
    game = table.games[name].game
    assert (game.defender_time, game.challenger_time) == (100, RULES.extension)
    table.wait(RULES.extension + 1)
    refusal("OutOfTime", lambda: table.challenge(name, 0))
    table.timeout(name)
    assert table.ended[-1].winner == DEFENDER


@pytest.mark.parametrize("rounds", [1, 4])
def test_the_longest_game_lasts_as_long_as_the_interface_says(table: Table, rounds: int) -> None:
    """Both players take every second they have."""
    table = Table(replace(RULES, max_rounds=rounds))
    name = table.open_wrong()
    begin = table.now
    while True:
        table.wait(table.games[name].time_left)
        table.defend(name, rounds, MADE_UP)
        table.wait(table.games[name].time_left)
        if table.games[name].decisive:
            break
        table.challenge(name, 0)
    assert table.now == begin + table.longest_game
    assert table.longest_game == 2 * (RULES.clock + (rounds - 1) * RULES.extension)
    table.wait(1)
    table.timeout(name)
    table.check()


def test_an_assertion_waits_for_its_games_and_no_longer(table: Table) -> None:
    """A sham challenge in the window's last second, by someone who then does nothing."""
    claim = table.right()
    table.wait(WINDOW - 1)
    name = table.open(THIEF, claim)
    table.wait(1)
    assert refusal("IsHeld", lambda: table.confirm_right(claim)) == (claim.id, 1)
    table.defend_as(name, 2, table.run)
    table.wait(RULES.clock + 1)
    before = table.balance(DEFENDER)
    table.timeout(name)
    table.confirm_right(claim)
    assert table.balance(DEFENDER) == before + BOND + RULES.bond // 2
    table.check()
