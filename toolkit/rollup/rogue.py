"""The dishonest, for tests and demonstrations: the same processes, interfaces and contracts, with something swapped.

A proposer that lies believes in another run of the machine: it derives from L1 like the honest one, with one thing
wrong, and then asserts, defends and confirms with the honest one's code. So it bluffs as well as anybody could.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from toolkit.crypto import keccak256
from toolkit.errors import BadInput
from toolkit.rollup.contracts import Contracts
from toolkit.rollup.derive import Replica
from toolkit.rollup.game import SEGMENTS
from toolkit.rollup.machine import (
    Account,
    Batch,
    Change,
    Outcome,
    State,
    apply_step,
)
from toolkit.rollup.player import Player
from toolkit.rollup.proposer import ProposerService
from toolkit.rollup.service import Built, Parts
from toolkit.rollup.trace import Trace

ETH = bytes(20)


def build_rogue(role: str, parts: Parts) -> Built:
    """The service of a role that cheats as its configuration says: ``name`` or ``name:detail``.

    Raises:
        BadInput: there is no such way to cheat.
    """
    name, _, detail = parts.config.cheat.partition(":")
    cheats = {"proposer": PROPOSERS}.get(role, {})
    if name not in cheats:
        raise BadInput(f"a {role} cannot cheat by {name!r}; there are {', '.join(cheats) or 'no ways'}")
    logging.getLogger(role).warning("this %s cheats: %s", role, parts.config.cheat)
    return cheats[name](parts, detail)


class LyingReplica(Replica):
    """Derives everything, but for one kind of step that it gets wrong."""

    def apply(self, state: State, batch: Batch) -> Sequence[Outcome]:
        outcomes = []
        for _ in range(batch.steps):
            outcomes.append(self.step(state, batch))
        return outcomes[:-1]

    def step(self, state: State, batch: Batch) -> Outcome:
        """Apply one step, or something else in its place."""
        return apply_step(state, batch).outcome

    def state_at(self, batch: int) -> State:
        state = State(self.contracts.genesis)
        for posted in self.history.posted[:batch]:
            self.apply(state, posted.batch)
        return state

    def new_trace(self, first: int, last: int) -> Trace:
        batches = [each.batch for each in self.history.posted[first:last]]
        return _OtherTrace(self.state_at(first), batches, self.step)


class _OtherTrace(Trace):
    def __init__(self, before: State, batches: Sequence[Batch], step: Callable[[State, Batch], object]) -> None:
        super().__init__(before, batches)
        self._step = step

    def apply(self, state: State, index: int) -> None:
        self._step(state, self._batches[index])


class StolenBalance(LyingReplica):
    """In one batch, the record in its middle gives the thief the greatest balance of ETH, too.

    Args:
        thief: the 20-byte address that gets it.
        batch: the batch's number; where zero, the first that has records.
    """

    def __init__(self, contracts: Contracts, thief: bytes, batch: int = 0) -> None:
        super().__init__(contracts)
        self._thief, self._batch = thief, batch

    def step(self, state: State, batch: Batch) -> Outcome:
        number, position = state.batch + 1, state.position
        outcome = super().step(state, batch)
        if number == (self._batch or self._first()) and position == len(batch.records) // 2:
            state.commit(self._theft(state))
        return outcome

    def _first(self) -> int | None:
        return next((each.number for each in self.history.posted if each.batch.records), None)

    def _theft(self, state: State) -> Change:
        rich = [i for i, each in enumerate(state.accounts) if each.token == ETH and each.owner != self._thief]
        if not rich:
            return Change(Outcome.APPLIED)
        index = max(rich, key=lambda i: state.accounts[i].balance)
        victim = state.accounts[index]
        own = state.index_of(self._thief, ETH)
        account = Account(self._thief, ETH, 0, 0) if own is None else state.accounts[own]
        loot = account._replace(balance=account.balance + victim.balance)
        place = len(state.accounts) if own is None else own
        return Change(Outcome.APPLIED, ((index, victim._replace(balance=0)), (place, loot)))


class ForgedSignature(LyingReplica):
    """Takes every transfer whose signature is nobody's for one of the payer's."""

    def step(self, state: State, batch: Batch) -> Outcome:
        if state.position < len(batch.records):
            return apply_step(state, batch, lambda *_: True).outcome
        return super().step(state, batch)


class WrongStateRoot(Replica):
    """Claims a random hash, and in the dispute makes up what it needs between it and the truth."""

    def judged(self, parent: bytes, batch: int) -> bytes:
        return keccak256(b"wrong" + parent + batch.to_bytes(8, "big"))

    def new_trace(self, first: int, last: int) -> Trace:
        return _MadeUp(self.state_at(first), [each.batch for each in self.history.posted[first:last]])


class _MadeUp(Trace):
    """Right for the first third of the run, made up from there on."""

    def hashes(self, steps: Sequence[int]) -> list[bytes]:
        right = super().hashes(steps)
        return [
            known if step <= self.steps // 3 else keccak256(known + step.to_bytes(8, "big"))
            for known, step in zip(right, steps, strict=True)
        ]


class Unfinished(Replica):
    """Claims a state from the middle of the run: after 16 steps, or 256, and so on, or one step before the end."""

    def judged(self, parent: bytes, batch: int) -> bytes:
        trace = self.new_trace(self.batch_of(parent), batch)
        return trace.hash(trace.steps)

    def new_trace(self, first: int, last: int) -> Trace:
        trace = super().new_trace(first, last)
        stop = SEGMENTS ** (trace.rounds - 1)
        trace.steps = stop if stop > 1 else trace.steps - 1
        return trace


Cheat = Callable[[Parts, str], Built]
"""Builds a service that cheats; the text says how exactly."""


def _believing(derive: Callable[[Contracts, bytes, str], Replica]) -> Cheat:
    """A proposer that derives in its own way; ``derive`` is given its address and the detail, too."""

    def build(parts: Parts, detail: str) -> Built:
        player = Player(parts.outbox(parts.needed_key("proposer")), logging.getLogger("proposer"))
        watcher = parts.watcher("proposer", lambda contracts: derive(contracts, player.address, detail))
        proposer = ProposerService(watcher, player, parts.config)
        return proposer, proposer.methods()

    return build


PROPOSERS: dict[str, Cheat] = {
    "stolen-balance": _believing(lambda contracts, thief, batch: StolenBalance(contracts, thief, int(batch or 0))),
    "forged-signature": _believing(lambda contracts, *_: ForgedSignature(contracts)),
    "wrong-state-root": _believing(lambda contracts, *_: WrongStateRoot(contracts)),
    "unfinished": _believing(lambda contracts, *_: Unfinished(contracts)),
}
