"""Many games side by side, honest players and hostile ones, in any order of events and up to the last second."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from toolkit.crypto import keccak256
from toolkit.errors import Reverted
from toolkit.rollup.dispute import game as g

from .arena import CONFIRMED, PENDING, REJECTED, WINDOW
from .crowd import PROPOSER, RULES, VERIFIER, Assertion, Crowd
from .evm import refusal
from .table import BATCHES, MADE_UP, NO_WITNESS, STEPS

pytestmark = pytest.mark.slow

PLACES = st.integers(0, 2**32)
"""Which of those that there are."""
DICE = st.randoms(use_true_random=False)


class Disputes(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.crowd = Crowd()

    def some(self, place: int, which: Callable[[Assertion], bool] = lambda _: True) -> Assertion | None:
        found = [each for each in self.crowd.known.values() if which(each)]
        return found[place % len(found)] if found else None

    def stands(self, made: Assertion) -> bool:
        return self.crowd.status(made.claim.id) == PENDING

    def bears(self, made: Assertion) -> bool:
        """Whether it can be built on."""
        return made.claim.batch < BATCHES - 1 and self.crowd.status(made.claim.id) in (PENDING, CONFIRMED)

    def hostile(self, player: g.Player) -> list[bytes]:
        """Games in which a hostile player is to move."""
        games = self.crowd.games.items()
        honest = (PROPOSER, VERIFIER)
        return [name for name, state in games if state.turn is player and self.crowd.mover(state) not in honest]

    # Assertions

    @precondition(lambda self: len(self.crowd.known) < 12)
    @rule(place=PLACES, batches=st.integers(1, 2), honest=st.booleans())
    def assert_right(self, place: int, batches: int, honest: bool) -> None:
        parent = self.some(place, lambda made: self.bears(made) and (made.right or not honest))
        if parent is not None:
            self.crowd.assert_right(parent, batches, honest=honest)

    @precondition(lambda self: len(self.crowd.known) < 12)
    @rule(
        place=PLACES,
        batches=st.integers(1, 2),
        step=st.integers(1, 2 * STEPS),
        kind=st.sampled_from(["wrong", "made up", "unfinished", "beyond"]),
        cheat=st.integers(0, 2),
    )
    def assert_wrong(self, place: int, batches: int, step: int, kind: str, cheat: int) -> None:
        parent = self.some(place, self.bears)
        if parent is not None:
            self.crowd.assert_wrong(parent, batches, step, kind, cheat)

    # Opening

    @precondition(lambda self: self.some(0, self.stands))
    @rule(place=PLACES, who=st.integers(0, 2))
    def open_hostile(self, place: int, who: int) -> None:
        made = self.some(place, self.stands)
        assert made is not None
        self.open(made, self.crowd.cheats[who])

    @precondition(lambda self: self.some(0, self.is_for_the_honest))
    @rule(place=PLACES)
    def open_honest(self, place: int) -> None:
        """The honest dispute what is wrong, if it begins with what is right."""
        made = self.some(place, self.is_for_the_honest)
        assert made is not None
        self.open(made, VERIFIER)

    def is_for_the_honest(self, made: Assertion) -> bool:
        opened = g.game_id(made.claim.id, VERIFIER) in self.crowd.opened
        return self.stands(made) and made.rooted and not made.right and not opened

    def open(self, made: Assertion, challenger: bytes) -> None:
        status, deadline, _ = self.crowd.standing(made)
        name = g.game_id(made.claim.id, challenger)
        if name in self.crowd.games:
            assert refusal("AlreadyOpen", lambda: self.crowd.open(challenger, made.claim)) == (name,)
        elif self.crowd.now >= deadline:
            refusal("WindowClosed", lambda: self.crowd.open(challenger, made.claim))
        else:
            assert status == PENDING
            self.crowd.open(challenger, made.claim)

    # Moves

    @precondition(lambda self: any(map(self.crowd.waits_for_honest, self.crowd.games.values())))
    @rule()
    def honest_moves(self) -> None:
        """They need not wait for their last second."""
        for name, state in list(self.crowd.games.items()):
            if self.crowd.waits_for_honest(state):
                self.crowd.respond(name)

    @precondition(lambda self: self.hostile(g.Player.DEFENDER))
    @rule(place=PLACES, dice=DICE, kind=st.sampled_from(["claimed", "claimed", "right", "noise"]))
    def defend_hostile(self, place: int, dice: random.Random, kind: str) -> None:
        """By the run it claims, by the right one, or anyhow; with any number of rounds at first."""
        games = self.hostile(g.Player.DEFENDER)
        self.defend(games[place % len(games)], dice, kind)

    def defend(self, name: bytes, dice: random.Random, kind: str) -> None:
        state = self.crowd.games[name]
        made = self.crowd.made(state)
        rounds = state.game.rounds or dice.choice([1, 2, 2, 3])
        split, run = 16 ** (rounds - state.game.picks - 1), made.claimed if kind == "claimed" else made.run
        hashes = [run(state.offset + split * k) for k in range(1, 16)]
        if kind == "noise":
            hashes = [dice.choice([each, dice.randbytes(32), state.game.end, state.game.start]) for each in hashes]
        if self.crowd.now > state.deadline:
            refusal("OutOfTime", lambda: self.crowd.defend(name, rounds, hashes))
        else:
            self.crowd.defend(name, rounds, hashes)

    @precondition(lambda self: self.hostile(g.Player.CHALLENGER))
    @rule(place=PLACES, index=st.integers(0, 16), good=st.booleans(), shift=st.integers(0, 1))
    def challenge_hostile(self, place: int, index: int, good: bool, shift: int) -> None:
        """As an honest one would, or any segment; where steps are single, with the step's witness or another."""
        games = self.hostile(g.Player.CHALLENGER)
        self.challenge(games[place % len(games)], index, good, shift)

    def challenge(self, name: bytes, index: int, good: bool, shift: int) -> None:
        state = self.crowd.games[name]
        made = self.crowd.made(state)
        if good:
            first = self.crowd.first_wrong(name, made.run)
            index = index if first == g.LAST_STEP else first
        late = self.crowd.now > state.deadline
        if index == g.LAST_STEP and state.game.picks:
            refused = refusal("WrongSegment", lambda: self.crowd.prove(name, index, NO_WITNESS))
            assert refused == (index, state.game.rounds, state.game.picks)
        elif index == g.LAST_STEP or state.decisive:
            steps = 16**state.game.rounds if index == g.LAST_STEP else state.offset + index
            self.prove(name, index, self.crowd.step_witness(state, steps + shift))
        elif late:
            refusal("OutOfTime", lambda: self.crowd.challenge(name, index))
        else:
            self.crowd.challenge(name, index)

    @precondition(lambda self: self.crowd.games)
    @rule(dice=DICE)
    def everybody_moves(self, dice: random.Random) -> None:
        """Once in each game, whoever it is, as well as can be."""
        self.honest_moves()
        for name in self.hostile(g.Player.CHALLENGER):
            self.challenge(name, dice.randrange(16), True, 0)
        for name in self.hostile(g.Player.DEFENDER):
            self.defend(name, dice, "claimed")

    def prove(self, name: bytes, index: int, witness: bytes) -> None:
        """Whoever knows the step shown decides the game by it; everybody else nothing."""
        crowd, state = self.crowd, self.crowd.games[name]
        shown, segment = witness_hash(witness), state.segment(index)
        try:
            crowd.prove(name, index, witness)
        except Reverted as error:
            why = {
                "OutOfTime": crowd.now > state.deadline,
                "WrongWitness": shown != segment[0],
                "NotPending": crowd.rejected(state),
            }
            assert why.get(error.error), error
            assert crowd.games[name] == state
        else:
            proved, end = crowd.proved[-1], crowd.ended[-1]
            assert (proved.before, proved.claimed) == segment
            winner = state.game.challenger if proved.computed != proved.claimed else state.game.defender
            assert end.winner == winner

    @precondition(lambda self: self.crowd.games)
    @rule(place=PLACES, dice=DICE)
    def meddle(self, place: int, dice: random.Random) -> None:
        """Moves of others, out of turn, about another game or with wrong words: none is taken."""
        crowd = self.crowd
        name = list(crowd.games)[place % len(crowd.games)]
        state = crowd.games[name]
        change: dict[str, Any] = dice.choice(
            [
                {"start": dice.randbytes(32)},
                {"end": dice.randbytes(32)},
                {"challenger": dice.randbytes(20)},
                {"defender": crowd.cheats[state.game.defender == crowd.cheats[0]]},
                {"rounds": state.game.rounds + 1},
                {"picks": state.game.picks + 1},
                {"defender_time": state.game.defender_time + 1},
                {"challenger_time": state.game.challenger_time + 1},
                {"moved_at": state.game.moved_at - 1},
            ]
        )
        changed = replace(state.game, **change)
        wrong = [replace(state, game=changed), replace(state, hashes=tuple(dice.randbytes(32) for _ in range(15)))]
        if state.hashes:
            wrong.append(replace(state, hashes=()))
        sender = dice.choice([PROPOSER, VERIFIER, *crowd.cheats])
        for shown in wrong:
            picked = replace(shown, hashes=shown.hashes or tuple(MADE_UP))
            for data in (
                g.encode_challenge(picked, dice.randrange(16)),
                g.encode_prove(picked, dice.randrange(17), NO_WITNESS),
                g.encode_timeout(shown),
                g.encode_refund(shown),
            ):
                refusal("WrongGame", lambda data=data: crowd.send(sender, data))
        refusal("WrongGame", lambda: crowd.send(sender, g.encode_defend(wrong[0], 1, MADE_UP)))
        out_of_turn = g.encode_defend(state, 1, MADE_UP) if state.hashes else g.encode_challenge(picked, 0)
        refusal("WrongGame", lambda: crowd.send(crowd.mover(state), out_of_turn))
        if sender != crowd.mover(state):
            data = g.encode_challenge(state, 0) if state.hashes else g.encode_defend(state, 1, MADE_UP)
            refusal("NotPlayer", lambda: crowd.send(sender, data))

    # Endings

    @precondition(lambda self: self.crowd.games)
    @rule(place=PLACES)
    def end(self, place: int) -> None:
        """By its clock, or by the refund."""
        crowd = self.crowd
        name = list(crowd.games)[place % len(crowd.games)]
        state = crowd.games[name]
        if crowd.now <= state.deadline:
            refusal("StillTime", lambda: crowd.timeout(name))
        elif crowd.rejected(state):
            refusal("NotPending", lambda: crowd.timeout(name))
        if crowd.rejected(state):
            crowd.refund(name)
            return
        refusal("NotRejected", lambda: crowd.refund(name))
        if crowd.now > state.deadline:
            crowd.timeout(name)
            loser = crowd.mover(state)
            assert crowd.ended[-1].winner in {state.game.challenger, state.game.defender} - {loser} or (
                state.game.challenger == state.game.defender
            )

    @rule(place=PLACES)
    def settle(self, place: int) -> None:
        """Confirm what can be, reclaim what can be."""
        made = self.some(place)
        assert made is not None
        self.confirm_or_reclaim(made)

    def confirm_or_reclaim(self, made: Assertion) -> None:
        crowd = self.crowd
        due, above = crowd.is_due(made), crowd.status(made.claim.parent)
        ways: list[tuple[tuple[int, ...], Callable[[], None]]] = [
            ((CONFIRMED,), lambda: crowd.confirm(made.claim, *made.halves)),
            ((0, REJECTED), lambda: crowd.reclaim(made.claim)),
        ]
        for status, call in ways:
            try:
                call()
            except Reverted as error:
                assert not (due and above in status), error
            else:
                assert due and above in status
                return

    # Time

    @rule(dice=DICE, edge=st.sampled_from(["a while", "last second", "too late", "window"]))
    def wait(self, dice: random.Random, edge: str) -> None:
        """A while; or to a game's last second, to the one after it, or to the end of a window."""
        crowd = self.crowd
        times = {
            "a while": [crowd.now + dice.randint(1, 2 * RULES.extension)],
            "last second": [state.deadline for state in crowd.games.values()],
            "too late": [state.deadline + 1 for state in crowd.games.values()],
            "window": [crowd.standing(made)[1] - dice.randint(0, 1) for made in crowd.known.values()],
        }[edge]
        later = [each for each in times if each >= crowd.now]
        if later:
            crowd.advance(min(later) if dice.random() < 0.7 else dice.choice(later))

    # What must always hold

    @invariant()
    def money_and_commitments(self) -> None:
        self.crowd.check()

    @invariant()
    def the_honest_never_lose(self) -> None:
        self.crowd.check_honest()

    def teardown(self) -> None:
        """The honest answer until their games are over, and anybody ends the others: nothing is left."""
        crowd = self.crowd
        crowd.advance(crowd.now + crowd.longest_game + 1)
        for name in list(crowd.games):
            if not crowd.rejected(crowd.games[name]):
                crowd.timeout(name)
        for name in list(crowd.games):
            crowd.refund(name)
        assert not crowd.games
        crowd.check_honest()
        crowd.advance(crowd.now + WINDOW)
        for made in sorted(crowd.known.values(), key=lambda each: each.claim.batch):
            self.confirm_or_reclaim(made)
        crowd.check()
        settled = [crowd.status(name) for name in crowd.known]
        assert PENDING not in settled
        assert settled.count(CONFIRMED) == 1


def witness_hash(witness: bytes) -> bytes:
    """The hash of the state that the machine's witness shows."""
    return keccak256(witness[:32] + keccak256(witness[32:]))


Disputes.TestCase.settings = settings(max_examples=25, stateful_step_count=50, deadline=None)
TestDisputes = Disputes.TestCase
