"""A game about five batches, of which the first two are asserted: right, or wrong from a certain step on."""

from __future__ import annotations

from collections.abc import Callable

from toolkit.crypto import keccak256
from toolkit.rollup.dispute import game as g

from .alphabet import Alphabet
from .arena import RULES, Arena

DEFENDER, CHALLENGER, OTHER, THIEF = (bytes([n]) * 20 for n in (0xDE, 0xC4, 0xC5, 0x7F))
STEPS = 100
"""Of a batch; two batches need two rounds."""
BATCHES = 5
NO_WITNESS = bytes(128)
MADE_UP = [b"\1" * 32] * 15
_WRONG_OUTBOX = keccak256(b"wrong")


class Table(Arena):
    """The smallest machine, and who knows its whole run.

    Attributes:
        run: the state hash after so many steps of the first two batches.
        witness: of the step after so many.
        length: steps of those two batches.
    """

    def __init__(self, rules: g.Rules = RULES, *, ring_size: int = 64, steps: int = STEPS) -> None:
        self.alphabet = Alphabet(steps)
        super().__init__(self.alphabet.deploy, rules, ring_size=ring_size)
        for number in range(1, BATCHES + 1):
            self.post(number)
            self.alphabet.apply_batch(self.accumulator(number))
        self.run, self.witness = self.alphabet.run(0, 2), self.alphabet.witnesses(0, 2)
        self.length = 2 * steps

    def wrong_run(self, step: int) -> Callable[[int], bytes]:
        """The run, but wrong after so many steps, and from there on: its outbox is another."""
        return lambda steps: self.run(steps) if steps < step else keccak256(_WRONG_OUTBOX + self.run(steps))

    def right(self, *, proposer: bytes = DEFENDER) -> g.Claim:
        """Assert what is so."""
        return self.assert_state(proposer, self.genesis, 2, self.run(self.length))

    def wrong(self, step: int = 1, *, proposer: bytes = DEFENDER) -> g.Claim:
        """Assert that the wrong run is right."""
        return self.assert_state(proposer, self.genesis, 2, self.wrong_run(step)(self.length))

    def open_right(self) -> bytes:
        return self.open(CHALLENGER, self.right())

    def open_wrong(self) -> bytes:
        return self.open(CHALLENGER, self.wrong())

    def win(self, name: bytes, step: int = 1) -> g.Ended:
        """Play the game against a wrong assertion to its end; the challenger must win it."""
        challenger = self.games[name].game.challenger
        end = self.play(name, 2, self.wrong_run(step), self.run, self.witness)
        assert end.winner == challenger
        return end

    def lose(self, name: bytes) -> g.Ended:
        """Play the game against a right assertion to its end; the defender must win it."""
        defender = self.games[name].game.defender
        end = self.play(name, 2, self.run, lambda _: bytes(32), self.witness)
        assert end.winner == defender
        return end

    def confirm_right(self, claim: g.Claim) -> None:
        self.confirm(claim, *self.alphabet.halves(claim.batch * self.alphabet.steps))

    def confirm_wrong(self, claim: g.Claim) -> None:
        """Try to."""
        self.confirm(claim, _WRONG_OUTBOX, self.run(self.length))
