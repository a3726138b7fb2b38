"""Honest players and cheats around many games: what each asserts and claims, and how the honest answer in time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from toolkit.crypto import keccak256
from toolkit.errors import Reverted
from toolkit.rollup.dispute import game as g

from .arena import PENDING, REJECTED, WINDOW
from .table import BATCHES, STEPS, Table

PROPOSER, VERIFIER = b"\xa0" * 20, b"\xa1" * 20
"""The honest: one asserts what is right, the other disputes what is wrong."""
CHEATS = [b"\xc0" * 20, b"\xc1" * 20]
RULES = g.Rules(clock=WINDOW // 4, extension=WINDOW // 50, max_rounds=3, bond=10**16 + 1)
END = 16**RULES.max_rounds
"""As many steps as a game can be about."""

Run = Callable[[int], bytes]


@dataclass
class Assertion:
    """What was asserted.

    Attributes:
        claim: the assertion.
        proposer: whose it is.
        right: whether it is, together with all that it is built on.
        rooted: whether what it is built on is.
        run: the right run from the parent's state on, as if that were right.
        claimed: the run that its proposer defends.
        halves: of its machine hash.
    """

    claim: g.Claim
    proposer: bytes
    right: bool
    rooted: bool
    run: Run
    claimed: Run
    halves: tuple[bytes, bytes]


class Crowd(Table):
    """The contracts with everybody around them."""

    def __init__(self) -> None:
        super().__init__(RULES)
        self.cheats = [*CHEATS, self.odd_party()]
        alphabet = self.alphabet
        root = Assertion(
            self.genesis, bytes(20), True, True, alphabet.run(0, 0), alphabet.run(0, 0), alphabet.halves(0)
        )
        self.known = {self.genesis.id: root}

    def made(self, state: g.GameState) -> Assertion:
        return self.known[state.game.assertion]

    def rejected(self, state: g.GameState) -> bool:
        return self.status(state.game.assertion) == REJECTED

    # Assertions

    def assert_right(self, parent: Assertion, batches: int, *, honest: bool) -> None:
        """What is right, if the parent is; also cheats may do so."""
        first, last = parent.claim.batch, min(parent.claim.batch + batches, BATCHES)
        run, halves = self.alphabet.run(first, last), self.alphabet.halves(last * STEPS)
        self._assert(parent, last, run, run, PROPOSER if honest else self.cheats[0], halves)

    def assert_wrong(self, parent: Assertion, batches: int, step: int, kind: str, cheat: int) -> None:
        """What is wrong after a step and from there on; made up at its end; unfinished; or beyond its target."""
        alphabet, first, last = self.alphabet, parent.claim.batch, min(parent.claim.batch + batches, BATCHES - 1)
        run, step = alphabet.run(first, last), min(step, (last - first) * STEPS)
        outbox = keccak256(step.to_bytes(2, "big") + bytes([cheat]))
        claimed, halves = run, (outbox, run(END))
        if kind == "wrong":
            claimed = lambda steps: run(steps) if steps < step else keccak256(outbox + run(steps))  # noqa: E731
        elif kind == "made up":
            claimed = lambda steps: run(steps) if steps < END else keccak256(outbox + run(END))  # noqa: E731
        elif kind == "unfinished":
            claimed = lambda steps: run(min(steps, step - 1))  # noqa: E731
            halves = alphabet.halves(first * STEPS + step - 1)
        elif kind == "beyond":
            claimed, halves = alphabet.run(first, last + 1), alphabet.halves((last + 1) * STEPS)
        self._assert(parent, last, run, claimed, self.cheats[cheat], halves)

    def _assert(
        self, parent: Assertion, last: int, run: Run, claimed: Run, proposer: bytes, halves: tuple[bytes, bytes]
    ) -> None:
        end = claimed(END)
        claim = self.claim(parent.claim, last, end)
        try:
            self.assert_state(proposer, parent.claim, last, end)
        except Reverted as error:
            assert error.error == "AlreadyAsserted", error
            assert claim.id in self.known
        else:
            right = parent.right and end == run(END)
            self.known[claim.id] = Assertion(claim, proposer, right, parent.right, run, claimed, halves)

    def standing(self, made: Assertion) -> tuple[int, int, bool]:
        """An assertion's status and deadline, and whether a game holds it."""
        _, deadline, _, _, status = self.evm.call(self.rollup, "assertion", made.claim.id)
        return status, deadline, any(state.game.assertion == made.claim.id for state in self.games.values())

    def is_due(self, made: Assertion) -> bool:
        """Whether it has stood its window and its games."""
        status, deadline, held = self.standing(made)
        return status == PENDING and self.now >= deadline and not held

    # The honest

    def mover(self, state: g.GameState) -> bytes:
        """Who is to move."""
        return state.game.defender if state.turn is g.Player.DEFENDER else state.game.challenger

    def waits_for_honest(self, state: g.GameState) -> bool:
        """Whether an honest player has something to decide."""
        return self.mover(state) in (PROPOSER, VERIFIER) and not self.rejected(state)

    def respond(self, name: bytes) -> None:
        """The honest player's move."""
        state = self.games[name]
        made = self.made(state)
        if state.turn is g.Player.DEFENDER:
            steps = (made.claim.batch - self.claims[made.claim.parent][0].batch) * STEPS
            self.defend_as(name, next(n for n in range(1, 4) if 16**n >= steps), made.run)
        else:
            self.answer(name, made.run, lambda steps: self.step_witness(state, steps))

    def step_witness(self, state: g.GameState, steps: int) -> bytes:
        """The witness of a step of the right run."""
        claim = self.made(state).claim
        return self.alphabet.witnesses(self.claims[claim.parent][0].batch, claim.batch)(steps)

    def advance(self, to: int) -> None:
        """Let time pass until then (seconds); who is honest moves at the latest in its last second."""
        while due := [
            (state.deadline, name)
            for name, state in self.games.items()
            if state.deadline < to and self.waits_for_honest(state)
        ]:
            deadline, name = min(due)
            self.evm.set_time(deadline)
            self.respond(name)
        self.evm.set_time(to)

    # What must always hold

    def check_honest(self) -> None:
        """The honest never lose: neither a game, nor what a game is about."""
        disputed = {state.game.assertion for state in self.games.values() if state.game.challenger == VERIFIER}
        for end in self.ended:
            if end.game == g.game_id(end.assertion, VERIFIER):
                disputed.add(end.assertion)
                assert end.winner in (VERIFIER, bytes(20))
            if self.known[end.assertion].proposer == PROPOSER:
                assert end.winner == PROPOSER
        for name, made in self.known.items():
            status = self.status(name)
            assert not (made.proposer == PROPOSER and status == REJECTED)
            assert not (name in disputed and status not in (PENDING, REJECTED))
