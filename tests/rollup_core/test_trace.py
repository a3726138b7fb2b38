"""The run between two states: its hashes, its witnesses, and where two players end who do not agree about it."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.crypto import keccak256
from toolkit.errors import BadInput
from toolkit.rollup.codec import RECORD_SIZE, Header
from toolkit.rollup.dispute.game import LAST_STEP, SEGMENTS, Challenged, Defended, Game, GameState, Player, Rules
from toolkit.rollup.dispute.moves import pick, step_of
from toolkit.rollup.dispute.trace import KEPT_STATES, Trace
from toolkit.rollup.inbox import Batch
from toolkit.rollup.machine import Account, Change, Outcome, State, apply_batch, apply_step
from toolkit.rollup.witness import build_witness

from .worlds import POSTER, genesis, random_world

RULES = Rules(3600, 600, 8, 1)


def random_run(seed: int, most: int = 4) -> tuple[State, list[Batch]]:
    """A state, and batches full of whatever somebody may post."""
    rng = random.Random(seed)
    origin = genesis(b"\x3a" * 20)
    world = random_world(rng, origin)
    batches, working = list[Batch](), world.state.copy()
    for _ in range(rng.randint(1, most)):
        other = random_world(rng, origin).batch
        batch = replace(world.batch if not batches else other, poster=POSTER)
        apply_batch(working, batch)
        batches.append(batch)
    return world.state, batches


def stepwise(before: State, batches: list[Batch]) -> list[State]:
    state, found = before.copy(), [before.copy()]
    for batch in batches:
        for _ in range(batch.steps):
            apply_step(state, batch)
            found.append(state.copy())
    return found


class Corrupt(Trace):
    """Opens an account out of nothing in one step, and is right in all others."""

    def __init__(self, before: State, batches: list[Batch], wrong: int) -> None:
        super().__init__(before, batches)
        starts = [0, *self._ends]
        self._place = bisect_right(self._ends, wrong), wrong - starts[bisect_right(self._ends, wrong)]

    def apply(self, state: State, index: int) -> None:
        place = index, state.position
        super().apply(state, index)
        if place == self._place:
            account = Account(b"\x99" * 20, bytes(20), 1, 0)
            state.commit(Change(Outcome.APPLIED, ((len(state.accounts), account),)))


def beginning(start: bytes, end: bytes) -> GameState:
    return GameState(Game(bytes(32), start, end, b"\xc4" * 20, b"\xde" * 20, 7, 0, 0, RULES.clock, RULES.clock, 0))


def duel(defender: Trace, challenger: Trace, rounds: int, end: bytes) -> int | None:
    """Play to the step that the challenger has L1 execute; None where it finds nothing wrong."""
    state = beginning(challenger.hash(0), end)
    for move in range(rounds):
        hashes = defender.split(state.offset, SEGMENTS ** (rounds - move))
        assert len(hashes) == SEGMENTS - 1
        state = state.after(Defended(state.game.id, rounds, hashes), 0, RULES)
        assert state.turn is Player.CHALLENGER
        index = pick(state, challenger)
        if index is None:
            return None
        if index == LAST_STEP or state.decisive:
            start, claimed = state.segment(index)
            step = step_of(state, index)
            assert start == challenger.hash(step)
            assert claimed != challenger.hash(step + 1)
            return step
        state = state.after(Challenged(state.game.id, index), 0, RULES)
    raise AssertionError("no step was reached")


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32), order=st.randoms(use_true_random=False))
def test_hashes_and_witnesses_of_a_trace_are_those_of_the_machine_in_any_order(seed: int, order: random.Random) -> None:
    before, batches = random_run(seed)
    states = stepwise(before, batches)
    trace = Trace(before, batches)
    assert trace.steps == len(states) - 1
    assert SEGMENTS**trace.rounds >= trace.steps > (SEGMENTS ** (trace.rounds - 1) if trace.rounds > 1 else 0)
    for step in [order.randrange(len(states) + 3) for _ in range(8)]:
        at = min(step, trace.steps)
        assert trace.hash(step) == states[at].machine_hash
        batch = trace.batch_of(step)
        assert (batch is None) == (step >= trace.steps)
        assert trace.number_of(step) == (None if batch is None else states[at].batch + 1)
        assert trace.witness(step) == build_witness(states[at], batch)
        length = SEGMENTS ** order.randint(1, 2)
        wanted = [states[min(step + length // SEGMENTS * i, trace.steps)].machine_hash for i in range(1, SEGMENTS)]
        assert list(trace.split(step, length)) == wanted
        assert len(trace._kept) <= KEPT_STATES + 1
    assert before.machine_hash == states[0].machine_hash  # it was not changed


def test_known_outcomes_give_the_same_hashes_without_recovering_a_signer(monkeypatch: pytest.MonkeyPatch) -> None:
    before, batches = random_run(3)
    working = before.copy()
    outcomes = [apply_batch(working, batch) for batch in batches]
    right = [Trace(before, batches).hash(step) for step in range(sum(batch.steps for batch in batches) + 1)]

    def forbidden(*_: object) -> bytes:
        raise AssertionError("a signer was recovered")

    monkeypatch.setattr("toolkit.rollup.machine.recover", forbidden)
    trace = Trace(before, batches, outcomes)
    assert [trace.hash(step) for step in range(trace.steps + 1)] == right


def test_a_run_begins_between_two_batches() -> None:
    before, batches = random_run(1)
    before.position = 1
    with pytest.raises(BadInput, match="not at position 1"):
        Trace(before, batches)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), place=st.floats(0, 1, exclude_max=True), more=st.integers(0, 2))
def test_the_players_end_at_exactly_the_step_that_is_wrong(seed: int, place: float, more: int) -> None:
    before, batches = random_run(seed)
    honest = Trace(before, batches)
    wrong = int(place * honest.steps)
    corrupt = Corrupt(before, batches, wrong)
    assert corrupt.hash(wrong) == honest.hash(wrong)
    end = corrupt.hash(corrupt.steps)
    assert duel(corrupt, honest, honest.rounds + more, end) == wrong
    # And the other way round: who is right has nothing to fear.
    assert duel(honest, honest, honest.rounds + more, honest.hash(honest.steps)) is None


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), place=st.floats(0, 1, exclude_max=True), more=st.integers(0, 1))
def test_a_state_that_is_not_the_last_is_refuted_where_it_stands_still(seed: int, place: float, more: int) -> None:
    before, batches = random_run(seed)
    honest = Trace(before, batches)
    unfinished = Trace(before, batches)
    unfinished.steps = int(place * honest.steps)
    end = unfinished.hash(unfinished.steps)
    assert duel(unfinished, honest, honest.rounds + more, end) == unfinished.steps


def test_a_run_cut_short_is_refuted_by_the_step_after_it() -> None:
    before, batches = next(run for run in map(random_run, range(99)) if Trace(*run).steps > SEGMENTS + 1)
    honest, short = Trace(before, batches), Trace(before, batches)
    short.steps = SEGMENTS
    assert duel(short, honest, 1, short.hash(SEGMENTS)) == SEGMENTS


def test_after_a_wrong_pick_there_is_nothing_to_be_shown() -> None:
    before, batches = random_run(8)
    honest = Trace(before, batches)
    made_up = [keccak256(bytes([k])) for k in range(SEGMENTS - 1)]
    state = beginning(honest.hash(0), honest.hash(honest.steps))
    state = state.after(Defended(state.game.id, 2, tuple(made_up)), 0, RULES)
    state = state.after(Challenged(state.game.id, 7), 0, RULES)  # it begins and ends at states of nobody's
    state = state.after(Defended(state.game.id, 2, tuple(made_up)), 0, RULES)
    assert pick(state, honest) is None


def test_a_piece_that_was_split_is_not_walked_again() -> None:
    """Many games about one run ask for the same pieces, also when the states of these are kept no longer."""
    walked = 0

    class Counted(Trace):
        def apply(self, state: State, index: int) -> None:
            nonlocal walked
            walked += 1
            super().apply(state, index)

    records = [bytes(RECORD_SIZE)] * 200
    trace = Counted(State(genesis(b"\x3a" * 20)), [Batch(Header().encode(), records, (), 1, POSTER)])
    pieces = range(0, trace.steps, SEGMENTS)
    assert len(pieces) > 2 * KEPT_STATES
    first = [trace.split(offset, SEGMENTS) for offset in pieces]
    walked = 0
    assert [trace.split(offset, SEGMENTS) for offset in pieces] == first
    assert not walked
