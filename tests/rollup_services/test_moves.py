"""Which moves are due, from what L1 shows: decided without a node."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from rollup_services.test_parts import CONTRACTS, DISPUTE, INBOX, POSTER, ROLLUP, RULES
from toolkit.crypto import keccak256
from toolkit.devnet.l1 import selector
from toolkit.rollup import contracts as c
from toolkit.rollup.codec import Header
from toolkit.rollup.config import Config
from toolkit.rollup.derive import KEPT_TRACES, Replica
from toolkit.rollup.dispute import game as g
from toolkit.rollup.dispute.moves import (
    Move,
    challenger_moves,
    checkpoint_moves,
    defender_moves,
    expired_moves,
    reclaim_moves,
)
from toolkit.rollup.dispute.player import Player
from toolkit.rollup.dispute.trace import Trace
from toolkit.rollup.fast import replay_batch
from toolkit.rollup.inbox import Batch, extend
from toolkit.rollup.machine import State
from toolkit.rollup.proposer import ProposerService, WrongConfirmed, assert_moves, beside_moves, confirm_moves
from toolkit.rollup.store import L1Log
from toolkit.rollup.verifier import VerifierService
from toolkit.rollup.watcher import Watcher

ME, OTHER, MALLORY, HONEST = (bytes([n]) * 20 for n in (0x3E, 0x07, 0x3A, 0x40))
WINDOW = 10_000
WRONG = keccak256(b"wrong")


class L1:
    """A chain of our own making: what happens on it, and the replica that follows it."""

    def __init__(self, batches: int = 3, ring_size: int = 256, max_rounds: int = 8) -> None:
        rules = replace(RULES, max_rounds=max_rounds)
        self.replica = Replica(replace(CONTRACTS, ring_size=ring_size, rules=rules))
        self.now, self.count = 1_000, 0
        for _ in range(batches):
            self.post()

    @property
    def genesis(self) -> bytes:
        return CONTRACTS.genesis_assertion

    def log(self, address: bytes, topics: tuple[bytes, ...], data: bytes, calldata: bytes = b"") -> None:
        self.count += 1
        place = (self.count, 0, b"\x01" * 32, self.now, self.count.to_bytes(32, "big"), POSTER)
        self.replica.add(L1Log(*place, address, topics, data, calldata))

    def post(self) -> None:
        """Another batch with one record, which has no effect."""
        history, records = self.replica.history, [random.Random(self.count).randbytes(76)]
        batch = Batch(Header().encode(), records, (), self.now, POSTER)
        number = len(history.posted) + 1
        calldata = c.encode_post_batch(number, Header().encode(), records, ())
        accumulator = extend(history.accumulator, batch.hash).ljust(32, b"\0")
        self.log(INBOX, (c.BATCH_POSTED, number.to_bytes(32, "big")), accumulator, calldata)

    def checkpoint(self, batch: int) -> None:
        accumulator = self.replica.history.posted[batch - 1].accumulator.ljust(32, b"\0")
        self.log(INBOX, (c.CHECKPOINTED, batch.to_bytes(32, "big")), accumulator)

    def assert_state(self, parent: bytes, batch: int, wrong: bytes | None = None, who: bytes = HONEST) -> bytes:
        """Somebody asserts; returns the id."""
        derived = self.replica.derived[batch]
        claim = g.Claim(parent, batch, derived.accumulator, wrong or derived.machine_hash)
        data = claim.encode()[32:] + who.rjust(32, b"\0") + (self.now + WINDOW).to_bytes(32, "big")
        self.log(ROLLUP, (c.ASSERTED, claim.id, parent), data)
        return claim.id

    def confirm(self, name: bytes) -> None:
        self.log(ROLLUP, (c.CONFIRMED, name), bytes(32))

    def reject(self, name: bytes) -> None:
        self.log(ROLLUP, (c.REJECTED, name), bytes(32))

    def reclaim(self, name: bytes) -> None:
        self.log(ROLLUP, (c.RECLAIMED, name), b"")

    def open(self, name: bytes, challenger: bytes = ME) -> bytes:
        """Somebody challenges; returns the game's id."""
        assertion = self.replica.assertions[name]
        start = self.replica.claim_of(assertion.parent).machine_hash
        game = g.game_id(name, challenger)
        people = challenger.rjust(32, b"\0") + assertion.proposer.rjust(32, b"\0")
        data = people + start + assertion.machine_hash + assertion.batch.to_bytes(32, "big")
        self.log(DISPUTE, (g.OPENED, game, name), data)
        return game

    def defend(self, game: bytes, rounds: int, hashes: list[bytes]) -> None:
        self.log(DISPUTE, (g.DEFENDED, game), rounds.to_bytes(32, "big") + b"".join(hashes))

    def prove(self, game: bytes, claimed: bytes, computed: bytes) -> None:
        start = self.replica.disputes.open[game].state.game.start
        self.log(DISPUTE, (g.PROVED, game), start + claimed + computed)

    def end(self, game: bytes, name: bytes, winner: bytes) -> None:
        self.log(DISPUTE, (g.ENDED, game, name), winner.rjust(32, b"\0") + bytes(32))

    def challenges(self) -> list[Move]:
        return challenger_moves(self.replica, ME, self.now)

    def defences(self, me: bytes = HONEST) -> list[Move]:
        return defender_moves(self.replica, me, self.now)


def called(moves: list[Move]) -> list[bytes]:
    """The functions that moves call."""
    return [move.data[:4] for move in moves]


OPEN, DEFEND, CHALLENGE, PROVE, TIMEOUT, REFUND = (
    selector(each) for each in (g.OPEN, g.DEFEND, g.CHALLENGE, g.PROVE, g.TIMEOUT, g.REFUND)
)


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
