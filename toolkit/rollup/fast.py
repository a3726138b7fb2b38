"""The machine's transition on all cores: the same as ``machine.apply_batch`` in all that comes of it.

Nearly all the time goes into recovering who signed, and what somebody signed depends on the records before it, because
the state knows the nonces. So a batch is first applied ahead, believing that every signature is good, and those asked
for on the way are recovered on all cores. Up to the first bad one, each digest was made in the very state in which the
specification makes it, so all this is right, and is written. The rest, if there is any, is done in turn: an honest
sequencer posts no bad signature. Everything but the recovering is the specification itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar, cast

from toolkit.crypto import recover_all
from toolkit.errors import BadInput
from toolkit.rollup import machine
from toolkit.rollup.codec import Header
from toolkit.rollup.inbox import Batch
from toolkit.rollup.machine import (
    Account,
    Change,
    Check,
    Outcome,
    State,
    Withdrawal,
    end_batch,
    is_signed,
    message_change,
    record_change,
)

_WORTHWHILE = 64
"""With fewer steps there is nothing to gain."""

_Item = TypeVar("_Item")


class Signers:
    """A `machine.Check` that remembers whom it has recovered, and can do so beforehand."""

    def __init__(self) -> None:
        self._known: dict[tuple[bytes, bytes], bytes | None] = {}

    def recover(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """Recover the signers of pairs of a digest and a signature that are not known yet, on all cores."""
        new = [pair for pair in dict.fromkeys(pairs) if pair not in self._known]
        digests, signatures = [digest for digest, _ in new], [signature for _, signature in new]
        self._known.update(zip(new, recover_all(digests, signatures), strict=True))

    def __call__(self, digest: bytes, signature: bytes, owner: bytes) -> bool:
        if (digest, signature) in self._known:
            return self._known[digest, signature] == owner
        return is_signed(digest, signature, owner)


def apply_batch(state: State, batch: Batch) -> list[Outcome]:
    """`machine.apply_batch`, on all cores."""
    if state.position or batch.steps < _WORTHWHILE:
        return machine.apply_batch(state, batch)
    changes, questions = _ahead(state, batch)
    signers = Signers()
    signers.recover((digest, signature) for _, digest, signature, _ in questions)
    right = next((number for number, *asked in questions if not signers(*asked)), len(changes))
    for change in changes[:right]:
        state.commit(change)
    changes[right:] = _walk(state, batch, signers, right)
    state.position = batch.steps - 1
    end_batch(state, batch)
    return [change.outcome for change in changes]


def replay_batch(state: State, batch: Batch, outcomes: Sequence[int]) -> None:
    """Apply a batch whose outcomes are known, without recovering who signed.

    Args:
        outcomes: what `apply_batch` returned for it, in this state.

    Raises:
        BadInput: they cannot be this batch's; then ``state`` is good for nothing. What they say of signatures is
            believed.
    """
    if state.position or len(outcomes) != batch.steps - 1:
        raise BadInput(f"{len(outcomes)} outcomes are not those of a batch of {batch.steps - 1} records and messages")
    found: list[Outcome] = []
    for change in _walk(state, batch, lambda *_: outcomes[len(found)] != Outcome.BAD_SIGNATURE):
        found.append(change.outcome)
    if found != list(outcomes):
        number = next(i for i, outcome in enumerate(outcomes) if found[i] != outcome)
        raise BadInput(f"step {number} of batch {state.batch + 1} ends as {found[number]!r}, not as {outcomes[number]}")
    state.position = batch.steps - 1
    end_batch(state, batch)


def _ahead(state: State, batch: Batch) -> tuple[list[Change], list[tuple[int, bytes, bytes, bytes]]]:
    """What records and messages do if every signature is good; ``state`` is not changed.

    Returns:
        The changes, and each signature that was asked for: the step's number, the digest, the signature, the owner.
    """
    changes, questions = list[Change](), list[tuple[int, bytes, bytes, bytes]]()

    def believe(digest: bytes, signature: bytes, owner: bytes) -> bool:
        questions.append((len(changes), digest, signature, owner))
        return True

    for change in _walk(_Ahead(state), batch, believe):
        changes.append(change)
    return changes, questions


def _walk(state: State, batch: Batch, check: Check, start: int = 0) -> Iterator[Change]:
    """Apply a batch's records and messages from a step on, one each time that the next change is asked for."""
    header = Header.decode(batch.header)
    for record in batch.records[start:]:
        change = record_change(state, header, record, check)
        state.commit(change)
        yield change
    for message in batch.messages[max(0, start - len(batch.records)) :]:
        change = message_change(state, message, check)
        state.commit(change)
        yield change


class _Ahead(State):
    """A state on top of another, which stays as it was; for the changes and `commit` alone."""

    def __init__(self, below: State) -> None:
        self.genesis, self.fees = below.genesis, below.fees
        # Lists for whoever asks for items and for the length, as these do.
        self.accounts = cast("list[Account]", _Overlay(below.accounts))
        self.withdrawals = cast("list[Withdrawal]", _Overlay(below.withdrawals))
        self._dirty, self._indices = set(), {}


class _Overlay(Generic[_Item]):
    """A list on top of another, which stays as it was."""

    def __init__(self, below: Sequence[_Item]) -> None:
        self._below, self._length = below, len(below)
        self._changed: dict[int, _Item] = {}

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: int) -> _Item:
        return self._changed[index] if index in self._changed else self._below[index]

    def __setitem__(self, index: int, item: _Item) -> None:
        self._changed[index] = item

    def append(self, item: _Item) -> None:
        """Add an item."""
        self._changed[self._length] = item
        self._length += 1
