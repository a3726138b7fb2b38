"""The run of the machine that an assertion is about, step by step: the hashes between, and the witness of one step."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from toolkit.errors import BadInput
from toolkit.rollup.dispute.game import SEGMENTS
from toolkit.rollup.inbox import Batch
from toolkit.rollup.machine import Outcome, State, apply_step
from toolkit.rollup.witness import build_witness

KEPT_STATES = 4
"""States kept beside the first: each costs as much memory as there are accounts."""


class Trace:
    """The machine from a state on, through some batches, to its target.

    Step k leads from ``hash(k)`` to ``hash(k + 1)``. Beyond the last step nothing changes. Walking starts from the
    nearest state that is kept, and states are kept where a walk began: each round of a game looks closer at a part of
    the round before.

    Attributes:
        steps: how many there are to the target.
        target: batches that have been applied then.
    """

    def __init__(self, before: State, batches: Sequence[Batch], outcomes: Sequence[Sequence[int]] = ()) -> None:
        """
        Args:
            before: the state before the first of ``batches``; it is not changed, nor may it be.
            outcomes: what became of their records and messages, where that is known already: then nobody's signature
                is recovered again.
        """
        if before.position:
            raise BadInput(f"a run begins between two batches, not at position {before.position} of one")
        self._batches, self._outcomes = batches, outcomes
        self._ends = list(accumulate(batch.steps for batch in batches))
        self.steps = self._ends[-1] if batches else 0
        self.target = before.batch + len(batches)
        self._kept = {0: before}
        self._hashes: dict[int, bytes] = {}

    @property
    def rounds(self) -> int:
        """How often a run must be cut into 16 until its pieces are single steps: at least once."""
        rounds = 1
        while SEGMENTS**rounds < self.steps:
            rounds += 1
        return rounds

    def hash(self, step: int) -> bytes:
        """The machine hash (32 bytes) after so many steps."""
        return self.hashes([step])[0]

    def hashes(self, steps: Sequence[int]) -> list[bytes]:
        """The machine hashes after so many steps each, in one walk; ``steps`` rise."""
        wanted = [min(step, self.steps) for step in steps]
        missing = sorted({step for step in wanted if step not in self._hashes})
        if missing:
            place = missing[0]
            state = self.state(place)
            for step in missing:
                self._walk(state, place, step)
                self._hashes[step] = state.machine_hash
                place = step
        return [self._hashes[step] for step in wanted]

    def split(self, offset: int, length: int) -> tuple[bytes, ...]:
        """The 15 hashes that cut the ``length`` steps (a power of 16) after the first ``offset`` into 16 segments."""
        piece = length // SEGMENTS
        steps = [offset + piece * i for i in range(1, SEGMENTS)]
        if any(min(step, self.steps) not in self._hashes for step in steps):
            self.state(offset, keep=True)
        return tuple(self.hashes(steps))

    def state(self, step: int, *, keep: bool = False) -> State:
        """A copy of the state after so many steps; ``keep`` it for walks to come."""
        step = min(step, self.steps)
        nearest = max(each for each in self._kept if each <= step)
        state = self._kept[nearest].copy()
        self._walk(state, nearest, step)
        if keep and step not in self._kept:
            while len(self._kept) > KEPT_STATES:
                del self._kept[next(each for each in self._kept if each)]  # the oldest but the first
            self._kept[step] = state.copy()
        return state

    def batch_of(self, step: int) -> Batch | None:
        """The batch that a step is part of; None beyond the end."""
        return self._batches[bisect_right(self._ends, step)] if step < self.steps else None

    def number_of(self, step: int) -> int | None:
        """That batch's number, which is also how many are applied at its end; None beyond the end."""
        first = self.target - len(self._batches)
        return first + 1 + bisect_right(self._ends, step) if step < self.steps else None

    def witness(self, step: int) -> bytes:
        """The witness with which L1 executes the step from ``hash(step)``."""
        return build_witness(self.state(step), self.batch_of(step))

    def apply(self, state: State, index: int) -> None:
        """Apply to ``state`` the next step of the batch ``index``, from 0."""
        batch, position = self._batches[index], state.position
        if not self._outcomes or position == batch.steps - 1:
            apply_step(state, batch)
            return
        is_bad = self._outcomes[index][position] == Outcome.BAD_SIGNATURE
        apply_step(state, batch, lambda *_: not is_bad)

    def _walk(self, state: State, first: int, last: int) -> None:
        index = bisect_right(self._ends, first)
        for step in range(first, last):
            if step == self._ends[index]:
                index += 1
            self.apply(state, index)
