"""Which moves are due for a challenger, from what L1 shows; and how far back the Inbox remembers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import cast

import pytest

from rollup_services.l1_logs import L1, MALLORY, OPEN, OTHER, PROVE, WINDOW, WRONG, called
from rollup_services.test_parts import DISPUTE, RULES
from toolkit.crypto import keccak256
from toolkit.rollup import contracts as c
from toolkit.rollup.derive import KEPT_TRACES, Replica
from toolkit.rollup.dispute import game as g
from toolkit.rollup.dispute.moves import checkpoint_moves
from toolkit.rollup.dispute.trace import Trace
from toolkit.rollup.fast import replay_batch
from toolkit.rollup.inbox import Batch
from toolkit.rollup.machine import State
from toolkit.rollup.verifier import VerifierService
from toolkit.rollup.watcher import Watcher


@pytest.fixture
def l1() -> L1:
    return L1()


# --- the challenger ---


def test_what_is_wrong_is_challenged_with_the_bond(l1: L1) -> None:
    l1.assert_state(l1.genesis, 2)
    wrong = l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    (move,) = l1.challenges()
    parent = g.Claim(bytes(32), 0, l1.replica.derived[0].accumulator, l1.replica.derived[0].machine_hash)
    assert move.data == g.encode_open(parent, l1.replica.assertions[wrong].claim)
    assert (move.to, move.value) == (DISPUTE, RULES.bond)
    assert "challenges batch 3" in move.said


def test_what_somebody_else_challenges_is_challenged_all_the_same(l1: L1) -> None:
    wrong = l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    l1.open(wrong, OTHER)
    assert called(l1.challenges()) == [OPEN]
    l1.end(g.game_id(wrong, OTHER), wrong, MALLORY)  # a sham
    assert called(l1.challenges()) == [OPEN]


def test_what_rests_on_a_wrong_assertion_is_left_to_die_with_it(l1: L1) -> None:
    wrong = l1.assert_state(l1.genesis, 1, WRONG, MALLORY)
    l1.assert_state(wrong, 2, keccak256(b"more"), MALLORY)
    l1.assert_state(wrong, 3, None, MALLORY)
    assert len(l1.challenges()) == 1
    right = l1.assert_state(l1.genesis, 1)
    l1.assert_state(right, 2, keccak256(b"else"), MALLORY)
    assert len(l1.challenges()) == 2


def test_nothing_is_challenged_after_its_window(l1: L1) -> None:
    l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    l1.now += WINDOW - 1
    assert called(l1.challenges()) == [OPEN]
    l1.now += 1
    assert l1.challenges() == []


@pytest.mark.parametrize("settle", [L1.reject, L1.reclaim])
def test_nothing_is_challenged_that_cannot_become_final(l1: L1, settle: Callable[[L1, bytes], None]) -> None:
    wrong = l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    settle(l1, wrong)
    assert l1.challenges() == []


def test_a_wrong_sibling_of_what_was_confirmed_is_dead_already(l1: L1) -> None:
    right = l1.assert_state(l1.genesis, 2)
    l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    l1.confirm(right)
    assert l1.challenges() == []


def test_who_lost_by_the_clock_challenges_again_but_not_who_lost_by_the_step(l1: L1) -> None:
    wrong = l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    game = l1.open(wrong)
    l1.end(game, wrong, MALLORY)
    assert called(l1.challenges()) == [OPEN]
    game = l1.open(wrong)
    l1.defend(game, 1, [WRONG] * 15)
    l1.prove(game, WRONG, WRONG)
    l1.end(game, wrong, MALLORY)
    assert l1.challenges() == []


def test_a_player_waits_for_the_other_and_then_ends_its_game(l1: L1) -> None:
    game = l1.open(l1.assert_state(l1.genesis, 3, WRONG, MALLORY))
    state = l1.replica.disputes.open[game].state
    l1.now = state.deadline
    assert l1.challenges() == []
    l1.now += 1
    assert [move.data for move in l1.challenges()] == [g.encode_timeout(state)]


def test_a_challenger_picks_then_proves_and_not_after_its_deadline(l1: L1) -> None:
    game = l1.open(l1.assert_state(l1.genesis, 3, WRONG, MALLORY))
    right = l1.replica.trace(next(iter(l1.replica.assertions.values())))
    assert right.steps == 6
    # Sixteen segments of sixteen steps: all is in the first, and the defender names what is right for its end.
    l1.defend(game, 2, [right.hash(16)] * 14 + [WRONG])
    state = l1.replica.disputes.open[game].state
    (move,) = l1.challenges()
    assert (move.data, move.deadline) == (g.encode_challenge(state, 14), state.deadline)
    l1.now = state.deadline + 1
    assert l1.challenges() == []


def test_the_last_step_goes_to_l1_with_its_witness(l1: L1) -> None:
    game = l1.open(l1.assert_state(l1.genesis, 3, WRONG, MALLORY))
    right = l1.replica.trace(next(iter(l1.replica.assertions.values())))
    l1.defend(game, 1, [right.hash(1), right.hash(2), right.hash(3), *[WRONG] * 12])
    (move,) = l1.challenges()
    assert move.data == g.encode_prove(l1.replica.disputes.open[game].state, 3, right.witness(3))


def test_after_another_game_rejected_the_assertion_the_bond_is_taken_back(l1: L1) -> None:
    wrong = l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    game, other = l1.open(wrong), l1.open(wrong, OTHER)
    l1.end(other, wrong, OTHER)
    l1.reject(wrong)
    assert [move.data for move in l1.challenges()] == [g.encode_refund(l1.replica.disputes.open[game].state)]
    l1.end(game, wrong, bytes(20))
    assert l1.challenges() == []


def test_that_l1_computes_otherwise_is_said_aloud(l1: L1, caplog: pytest.LogCaptureFixture) -> None:
    wrong = l1.assert_state(l1.genesis, 3, WRONG, MALLORY)
    service = VerifierService(
        cast(Watcher, SimpleNamespace(replica=l1.replica, lock=asyncio.Lock())), None, poll_seconds=0.0
    )
    for computed, said in ((keccak256(b"other"), 0), (WRONG, 1)):
        game = l1.open(wrong)
        l1.defend(game, 1, [WRONG] * 15)
        l1.prove(game, WRONG, computed)
        l1.end(game, wrong, MALLORY)
        ended = l1.replica.disputes.all[-1].ended
        assert ended is not None
        service._ended(ended)
        assert caplog.text.count("the contract and the specification differ") == said


def test_what_to_answer_is_worked_out_once_however_many_games_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at L1 asks for the moves again: of many games about many runs, it must not walk them all again."""
    l1, walked = L1(batches=2 * KEPT_TRACES), list[tuple[int, int]]()
    for batch in range(KEPT_TRACES, 2 * KEPT_TRACES):
        game = l1.open(l1.assert_state(l1.genesis, batch, WRONG, MALLORY))
        l1.defend(game, 1 + batch % 2, [WRONG] * 15)
        l1.open(l1.assert_state(l1.genesis, batch), MALLORY)
    new_trace = Replica.new_trace

    def count(replica: Replica, first: int, last: int) -> Trace:
        walked.append((first, last))
        return new_trace(replica, first, last)

    monkeypatch.setattr(Replica, "new_trace", count)
    monkeypatch.setattr("toolkit.rollup.derive.KEPT_TRACES", 2)
    moves, defences = l1.challenges(), l1.defences()
    assert (len(moves), len(defences)) == (KEPT_TRACES, KEPT_TRACES)
    walked.clear()
    assert (l1.challenges(), l1.defences()) == (moves, defences)
    assert walked == []


def test_a_run_is_walked_from_what_is_confirmed_and_not_from_the_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    l1, replayed = L1(batches=12), list[int]()
    confirmed = l1.assert_state(l1.genesis, 8)
    later = l1.assert_state(confirmed, 10)
    l1.confirm(confirmed)
    expected = {batch: Replica.state_at(L1(batches=12).replica, batch).machine_hash for batch in (3, 8, 9, 10)}

    def count(state: State, batch: Batch, outcomes: Sequence[int]) -> None:
        replayed.append(state.batch + 1)
        replay_batch(state, batch, outcomes)

    monkeypatch.setattr("toolkit.rollup.derive.replay_batch", count)
    for batch, walked in ((8, [*range(1, 9)]), (10, [9, 10]), (9, [9]), (3, [1, 2, 3])):
        assert l1.replica.state_at(batch).machine_hash == expected[batch]
        assert replayed == walked
        replayed.clear()
    l1.confirm(later)
    assert l1.replica.state_at(10).machine_hash == expected[10]
    assert replayed == [9, 10]


# --- the Inbox's memory ---


def test_an_accumulator_that_the_inbox_has_forgotten_is_brought_back_before_the_last_step() -> None:
    l1 = L1(batches=3, ring_size=8)
    game = l1.open(l1.assert_state(l1.genesis, 3, WRONG, MALLORY))
    right = l1.replica.trace(next(iter(l1.replica.assertions.values())))
    l1.defend(game, 1, [right.hash(1), right.hash(2), right.hash(3), *[WRONG] * 12])  # step 3 is of batch 2
    for _ in range(6):
        l1.post()
    assert called(l1.challenges()) == [PROVE]  # nine batches: the second is the oldest of eight
    l1.post()
    (move,) = l1.challenges()
    posted = l1.replica.history.posted
    hashes = [each.batch.hash for each in posted[2 : 10 - 8 + 1 + 8 // 4]]
    assert move.data == c.encode_checkpoint(2, posted[1].accumulator, hashes)
    l1.checkpoint(2)
    assert called(l1.challenges()) == [PROVE]


def test_what_lies_far_back_is_brought_back_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toolkit.rollup.dispute.moves.CHECKPOINT_HASHES", 5)
    l1, parts = L1(batches=30, ring_size=8), 0
    while moves := list(checkpoint_moves(l1.replica, 2)):
        (move,) = moves
        batch, count = (int.from_bytes(move.data[4 + 32 * i : 36 + 32 * i], "big") for i in (0, 3))
        assert count <= 5
        l1.checkpoint(batch)
        parts += 1
    assert 2 in l1.replica.checkpoints
    assert parts == 5
