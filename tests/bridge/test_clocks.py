"""A devnet's clock is moved over nobody's time who is right. Pure: L1's logs are made by hand."""

from __future__ import annotations

import pytest
from rollup_services.l1_logs import WINDOW, WRONG
from rollup_services.test_parts import PAYEE

from toolkit.bridge.clocks import Reach, reach

from .test_standing import L1

FAR = 30 * 86400
HASHES = [bytes([number]) * 32 for number in range(15)]


@pytest.fixture
def l1() -> L1:
    chain = L1()
    chain.fund()
    return chain


def test_where_nothing_is_wrong_the_way_is_free(l1: L1) -> None:
    assert reach(l1.view, FAR) == Reach(FAR)
    l1.assert_state(l1.genesis, 2)
    assert reach(l1.view, FAR) == Reach(FAR)


def test_the_window_of_a_wrong_assertion_that_nobody_disputes_is_not_closed(l1: L1) -> None:
    l1.assert_state(l1.genesis, 2, wrong=WRONG, who=PAYEE)
    found = reach(l1.view, l1.now + WINDOW)
    assert not found.is_quiet
    assert "bob asserts a wrong state after batch 2, and nobody disputes it: the clock is not moved" in found.refusal
    before = reach(l1.view, l1.now + WINDOW - 1)
    assert (before.until, before.is_quiet, before.refusal) == (l1.now + WINDOW - 1, False, "")
    l1.now += WINDOW
    assert reach(l1.view, FAR) == Reach(FAR), "it is too late"


def test_who_cheats_may_run_out_of_time_and_then_the_others_get_theirs(l1: L1) -> None:
    l1.open(l1.assert_state(l1.genesis, 2, wrong=WRONG, who=PAYEE))  # the cheat must answer
    (game,) = l1.replica.disputes.open.values()
    assert reach(l1.view, FAR) == Reach(game.state.deadline + 1, False, "")
    l1.now = game.state.deadline + 1
    assert reach(l1.view, FAR) == Reach(FAR)


def test_the_clock_of_an_honest_challenger_does_not_run_out(l1: L1) -> None:
    game = l1.open(l1.assert_state(l1.genesis, 2, wrong=WRONG, who=PAYEE))
    l1.defend(game, 2, HASHES)
    deadline = l1.replica.disputes.open[game].state.deadline
    found = reach(l1.view, FAR)
    assert "verifier is right in the dispute about the state after batch 2 and does not move" in found.refusal
    assert reach(l1.view, deadline).refusal == ""


def test_the_clock_of_an_honest_defender_does_not_run_out(l1: L1) -> None:
    game = l1.open(l1.assert_state(l1.genesis, 2), PAYEE)
    found = reach(l1.view, FAR)
    assert "proposer is right in the dispute about the state after batch 2 and does not move" in found.refusal
    l1.defend(game, 2, HASHES)  # and now it is the cheat's turn
    assert reach(l1.view, FAR).refusal == ""
    assert reach(l1.view, FAR).until < FAR


def test_after_a_freeze_nothing_becomes_final_and_nobody_needs_time(l1: L1) -> None:
    l1.settle()
    l1.post()
    l1.assert_state(l1.replica.confirmed, 3, wrong=WRONG, who=PAYEE)
    assert reach(l1.view, FAR).refusal
    l1.freeze()
    assert reach(l1.view, FAR) == Reach(FAR)
