"""Which moves are due for a proposer, from what L1 shows; and what it may put at stake."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from rollup_services.l1_logs import DEFEND, HONEST, L1, MALLORY, OTHER, TIMEOUT, WINDOW, WRONG, called
from rollup_services.test_parts import CONTRACTS, RULES
from toolkit.devnet.l1 import selector
from toolkit.rollup import contracts as c
from toolkit.rollup.config import Config
from toolkit.rollup.dispute import game as g
from toolkit.rollup.dispute.moves import Move, expired_moves, reclaim_moves
from toolkit.rollup.dispute.player import Player
from toolkit.rollup.proposer import ProposerService, WrongConfirmed, assert_moves, beside_moves, confirm_moves
from toolkit.rollup.watcher import Watcher


@pytest.fixture
def l1() -> L1:
    return L1()


# --- the proposer ---


def test_what_is_right_is_defended_against_every_challenger(l1: L1) -> None:
    name = l1.assert_state(l1.genesis, 3)
    for challenger in (OTHER, MALLORY):
        l1.open(name, challenger)
    moves = l1.defences()
    assert called(moves) == [DEFEND, DEFEND]
    right = l1.replica.trace(l1.replica.assertions[name])
    states = [dispute.state for dispute in l1.replica.disputes.open.values()]
    assert [move.data for move in moves] == [g.encode_defend(each, 1, right.split(0, 16)) for each in states]
    assert l1.defences(OTHER) == []
    l1.now = states[0].deadline + 1
    assert l1.defences() == []


def test_a_wrong_assertion_of_its_own_is_not_defended(l1: L1) -> None:
    game = l1.open(l1.assert_state(l1.genesis, 3, WRONG))
    assert l1.defences() == []
    l1.defend(game, 1, [WRONG] * 15)
    l1.now += RULES.clock + 1
    assert l1.defences() == []


def test_a_challenger_that_vanished_is_timed_out(l1: L1) -> None:
    game = l1.open(l1.assert_state(l1.genesis, 3), OTHER)
    l1.defend(game, 1, [WRONG] * 15)
    state = l1.replica.disputes.open[game].state
    l1.now = state.deadline
    assert l1.defences() == []
    l1.now += 1
    assert [move.data for move in l1.defences()] == [g.encode_timeout(state)]


def test_a_game_that_its_players_leave_open_is_ended_where_it_holds_what_is_right(l1: L1) -> None:
    """Who asserts first, challenges that, and vanishes on both sides, must not stop all confirmations for ever."""
    name = l1.assert_state(l1.genesis, 3, who=MALLORY)
    game = l1.open(name, OTHER)
    config = SimpleNamespace(poll_seconds=0.0, assert_seconds=0.0, assert_on_demand=False)
    proposer = ProposerService(cast(Watcher, None), cast(Player, SimpleNamespace(address=HONEST)), cast(Config, config))
    for turn in range(2):
        state = l1.replica.disputes.open[game].state
        before, l1.now = l1.now, state.deadline + RULES.extension
        assert proposer.moves(l1.replica, l1.now) == []
        assert called(proposer.moves(l1.replica, l1.now + 1)) == [TIMEOUT]
        assert expired_moves(l1.replica, MALLORY, l1.now + 1) == expired_moves(l1.replica, OTHER, l1.now + 1) == []
        if not turn:
            l1.now = before
            l1.defend(game, 1, [WRONG] * 15)


def test_a_game_against_what_is_wrong_is_ended_only_where_that_has_lost(l1: L1) -> None:
    name = l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    game, late = l1.open(name, OTHER), l1.now + RULES.clock + RULES.extension + 1
    assert called(expired_moves(l1.replica, HONEST, late)) == [TIMEOUT]
    l1.defend(game, 1, [WRONG] * 15)
    assert expired_moves(l1.replica, HONEST, late) == []
    l1.open(name, HONEST)
    l1.reject(name)
    assert expired_moves(l1.replica, HONEST, late) == []


def test_nothing_is_confirmed_while_it_is_disputed(l1: L1) -> None:
    name = l1.assert_state(l1.genesis, 3)
    game = l1.open(name, OTHER)
    l1.now += WINDOW
    assert confirm_moves(l1.replica, l1.now) == []
    l1.end(game, name, HONEST)
    assert called(confirm_moves(l1.replica, l1.now)) == [selector(c.CONFIRM)]


def test_bonds_left_behind_are_taken_back_after_their_window(l1: L1) -> None:
    first = l1.assert_state(l1.genesis, 1, who=OTHER)
    mine = l1.assert_state(l1.genesis, 2)
    child = l1.assert_state(mine, 3)
    l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    l1.confirm(first)
    assert reclaim_moves(l1.replica, HONEST, l1.now) == []
    l1.now += WINDOW

    def due() -> list[bytes]:
        return [move.data for move in reclaim_moves(l1.replica, HONEST, l1.now)]

    assert due() == [c.encode_reclaim(l1.replica.assertions[mine].claim)]  # its child, only when it is gone
    l1.reclaim(mine)
    assert due() == [c.encode_reclaim(l1.replica.assertions[child].claim)]
    l1.reclaim(child)
    assert due() == []


def test_what_was_built_on_a_rejected_assertion_is_taken_back(l1: L1) -> None:
    other = l1.assert_state(l1.genesis, 1, who=OTHER)
    mine = l1.assert_state(other, 2)
    l1.reject(other)
    l1.now += WINDOW
    assert [move.data for move in reclaim_moves(l1.replica, HONEST, l1.now)] == [
        c.encode_reclaim(l1.replica.assertions[mine].claim)
    ]


def test_what_keeps_a_bond_from_coming_back_is_taken_back_first_for_whoever_made_it(l1: L1) -> None:
    """The proposer of what ours is built on may be gone, or wish to keep ours there."""
    l1.confirm(l1.assert_state(l1.genesis, 1, who=OTHER))
    other = l1.assert_state(l1.genesis, 2, who=MALLORY)
    mine = l1.assert_state(other, 3)
    l1.assert_state(l1.genesis, 3, who=MALLORY)  # nothing of ours is built on it
    l1.now += WINDOW

    def due() -> list[bytes]:
        return [move.data for move in reclaim_moves(l1.replica, HONEST, l1.now)]

    assert due() == [c.encode_reclaim(l1.replica.assertions[other].claim)]
    l1.reclaim(other)
    assert due() == [c.encode_reclaim(l1.replica.assertions[mine].claim)]


def test_what_was_lost_though_it_is_right_is_asserted_about_another_batch(l1: L1) -> None:
    lost = l1.assert_state(l1.genesis, 3)
    l1.reject(lost)
    (move,) = assert_moves(l1.replica)
    assert "asserts batch 2" in move.said
    l1.post()
    (move,) = assert_moves(l1.replica)
    assert "asserts batch 4" in move.said


def test_something_of_our_own_stands_beside_what_somebody_else_could_let_die(l1: L1) -> None:
    """And what is built goes on top of it all the same, for mostly nobody does."""
    theirs = l1.assert_state(l1.genesis, 3, who=OTHER)
    (beside,) = beside_moves(l1.replica, HONEST)
    assert "asserts batch 2" in beside.said  # the same about batch 3 stands already
    l1.post()
    (beside,), (above,) = beside_moves(l1.replica, HONEST), assert_moves(l1.replica)
    assert (beside.name != above.name, "batch 4" in beside.said, "batch 4" in above.said) == (True, True, True)
    assert (beside.data[4:36], above.data[4:36]) == (l1.genesis, theirs)
    ours = l1.assert_state(l1.genesis, 4)
    assert beside_moves(l1.replica, HONEST) == []
    l1.reject(theirs)
    l1.post()
    (above,) = assert_moves(l1.replica)
    assert above.data[4:36] == ours


def test_nothing_stands_beside_what_is_our_own_or_wrong(l1: L1) -> None:
    l1.assert_state(l1.genesis, 2, WRONG, who=OTHER)
    assert beside_moves(l1.replica, HONEST) == []
    l1.assert_state(l1.genesis, 3)
    l1.assert_state(l1.genesis, 1, who=OTHER)
    assert beside_moves(l1.replica, HONEST) == []


def test_no_assertion_reaches_further_than_a_dispute_could() -> None:
    l1 = L1(batches=20, max_rounds=1)  # two steps each: sixteen steps are eight batches
    (move,) = assert_moves(l1.replica)
    assert "asserts batch 8" in move.said
    l1.assert_state(l1.genesis, 8)
    (move,) = assert_moves(l1.replica)
    assert "asserts batch 16" in move.said


class Purse:
    """A player whose moves nobody makes."""

    address = HONEST

    def __init__(self, balance: int) -> None:
        self.owned, self.wanted = balance, list[Move]()

    async def balance(self) -> int:
        return self.owned

    async def play(self, moves: Sequence[Move]) -> Sequence[object]:
        self.wanted = list(moves)
        return ()


def test_what_is_right_is_defended_also_when_something_wrong_was_confirmed(l1: L1) -> None:
    name = l1.assert_state(l1.genesis, 3)
    wrong = l1.assert_state(l1.genesis, 2, WRONG, MALLORY)
    l1.open(name)
    l1.confirm(wrong)
    purse = Purse(10 * CONTRACTS.bond)
    watcher = SimpleNamespace(replica=l1.replica, timestamp=l1.now)
    config = SimpleNamespace(poll_seconds=0.0, assert_seconds=0.0, assert_on_demand=False)
    proposer = ProposerService(cast(Watcher, watcher), cast(Player, purse), cast(Config, config))
    with pytest.raises(WrongConfirmed, match="L1 confirmed a wrong state for batch 2"):
        asyncio.run(proposer._act())
    assert called(purse.wanted) == [DEFEND]


def test_a_new_assertion_leaves_enough_to_defend_those_that_stand(l1: L1, caplog: pytest.LogCaptureFixture) -> None:
    """Who is made to spend everything on bonds, and is challenged then, would lose them all."""
    purse = Purse(0)
    watcher = SimpleNamespace(replica=l1.replica, timestamp=l1.now)
    config = SimpleNamespace(poll_seconds=0.0, assert_seconds=0.0, assert_on_demand=False)
    proposer = ProposerService(cast(Watcher, watcher), cast(Player, purse), cast(Config, config))
    for batch, standing in ((3, 1), (4, 2)):
        enough = CONTRACTS.bond + standing * RULES.bond // 2
        for balance, expected in ((enough - 1, []), (enough, [selector(c.ASSERT_STATE)])):
            purse.owned = balance
            asyncio.run(proposer._act())
            assert called(purse.wanted) == expected
        l1.assert_state(l1.genesis, batch)
        l1.post()
    assert caplog.text.count("no new assertion") == 2
    name = l1.assert_state(l1.genesis, 1)
    l1.open(name)
    purse.owned = 0
    asyncio.run(proposer._act())
    assert called(purse.wanted) == [DEFEND]


def test_who_asserts_on_demand_defends_all_the_same_and_asserts_when_told(l1: L1) -> None:
    purse = Purse(10 * CONTRACTS.bond)
    watcher = SimpleNamespace(replica=l1.replica, timestamp=l1.now, lock=asyncio.Lock())
    config = SimpleNamespace(poll_seconds=0.0, assert_seconds=0.0, assert_on_demand=True)
    proposer = ProposerService(cast(Watcher, watcher), cast(Player, purse), cast(Config, config))
    l1.open(l1.assert_state(l1.genesis, 1))
    asyncio.run(proposer._act())
    assert called(purse.wanted) == [DEFEND]
    assert asyncio.run(proposer.assert_now()) == {"assertions": 1}
    asyncio.run(proposer._act())
    assert called(purse.wanted) == [DEFEND, selector(c.ASSERT_STATE)]
