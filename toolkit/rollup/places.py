"""Where in L1's history something of the rollup is: an operation, a withdrawal, a message; found without a signature.

All of it follows from what was derived already: the records, and what became of each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from toolkit.errors import BadInput
from toolkit.rollup.codec import NO_ACCOUNT, decode_amount, decode_fee
from toolkit.rollup.inbox import Batch
from toolkit.rollup.machine import Outcome, State, is_forced
from toolkit.rollup.operations import transfer_digest, withdraw_digest

if TYPE_CHECKING:
    from toolkit.rollup.derive import Arrival, Derived, History, Replica

_NO_ACCOUNT = NO_ACCOUNT.to_bytes(4, "big")


@dataclass(frozen=True)
class Place:
    """A record or a message that a batch on L1 holds.

    Attributes:
        batch: the batch's number.
        position: in it, from 0; the records come first, then the messages.
        message: the number of the message, where it is one.
        outcome: what became of it.
        withdrawal: the index of the withdrawal that it made, if it made one.
        block, transaction: of L1, that brought the batch.
    """

    batch: int
    position: int
    message: int | None
    outcome: Outcome
    withdrawal: int | None
    block: int
    transaction: bytes


class Places:
    """Finds what a replica has derived; one that has grown since is seen as it is now."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._names: dict[bytes, tuple[int, int]] = {}  # of operations that applied: batch and position
        self._nonces: dict[int, int] = defaultdict(int)
        self._named = 0  # batches
        self._arrivals: dict[bytes, list[int]] = defaultdict(list)
        self._arrived = 0

    def withdrawal(self, index: int) -> Place:
        """What made a withdrawal. Raises BadInput where there is no such withdrawal on L1."""
        derived = self._derived
        if not 0 <= index < derived[-1].withdrawals:
            raise BadInput(f"there is no withdrawal {index} on L1; there are {derived[-1].withdrawals}")
        batch = bisect_right(derived, index, key=lambda each: each.withdrawals)
        left = index - derived[batch - 1].withdrawals
        for position in self._withdrawals(batch):
            if not left:
                return self._place(batch, position)
            left -= 1
        raise AssertionError("unreachable")

    def operation(self, name: bytes) -> Place | None:
        """An operation that applied, by its hash, however it came to L1; None where there is none.

        The first time it takes a few microseconds for each operation on L1.
        """
        for number in range(self._named + 1, len(self._history.posted) + 1):
            self._name(number)
        self._named = len(self._history.posted)
        found = self._names.get(name)
        return None if found is None else self._place(*found)

    def message(self, number: int) -> Place | None:
        """Where a message was consumed, by its number; None where no batch has consumed it yet."""
        posted = self._history.posted
        batch = bisect_right(posted, number, key=lambda each: each.first_message)
        if batch and number - posted[batch - 1].first_message < len(posted[batch - 1].batch.messages):
            records = len(posted[batch - 1].batch.records)
            return self._place(batch, records + number - posted[batch - 1].first_message)
        return None

    def arrivals(self, transaction: bytes) -> list[Arrival]:
        """The messages that an L1 transaction sent."""
        arrivals = self._history.arrivals
        for arrival in arrivals[self._arrived :]:
            self._arrivals[arrival.transaction].append(arrival.number)
        self._arrived = len(arrivals)
        return [arrivals[number] for number in self._arrivals.get(transaction, ())]

    @property
    def _history(self) -> History:
        return self._replica.history

    @property
    def _derived(self) -> Sequence[Derived]:
        return self._replica.derived

    def _place(self, batch: int, position: int) -> Place:
        posted, outcomes = self._history.posted[batch - 1], self._replica.outcomes[batch - 1]
        message = position - len(posted.batch.records)
        withdrawal = None
        for count, each in enumerate(self._withdrawals(batch)):
            if each == position:
                withdrawal = self._derived[batch - 1].withdrawals + count
        return Place(
            batch, position, posted.first_message + message if message >= 0 else None, Outcome(outcomes[position]),
            withdrawal, posted.block, posted.transaction,
        )  # fmt: skip

    def _withdrawals(self, batch: int) -> Iterator[int]:
        """The positions in a batch at which something was withdrawn."""
        for position, operation in self._applied(batch):
            if operation[4:8] == _NO_ACCOUNT:
                yield position

    def _applied(self, batch: int) -> Iterator[tuple[int, bytes]]:
        """The operations of a batch that applied, with their positions; without registrations, which nobody signs."""
        operations = operations_of(self._history.posted[batch - 1].batch)
        for position, (operation, outcome) in enumerate(
            zip(operations, self._replica.outcomes[batch - 1], strict=True)
        ):
            if outcome == Outcome.APPLIED and operation and operation[:4] != _NO_ACCOUNT:
                yield position, operation

    def _name(self, batch: int) -> None:
        for position, operation in self._applied(batch):
            account = int.from_bytes(operation[:4], "big")
            self._names[_digest(self._replica.state, operation, self._nonces[account])] = batch, position
            self._nonces[account] += 1


def operations_of(batch: Batch) -> Iterator[bytes]:
    """What could be an operation, in the order of the batch's outcomes: a record, also a forced one, or nothing."""
    yield from batch.records
    for message in batch.messages:
        yield message.data[1:] if is_forced(message) else b""


def _digest(state: State, operation: bytes, nonce: int) -> bytes:
    """What was signed in an operation that applied; accounts keep their owner and token for ever."""
    sender, recipient = int.from_bytes(operation[:4], "big"), int.from_bytes(operation[4:8], "big")
    token, domain = state.accounts[sender].token, state.genesis.domain
    terms = token, decode_amount(operation[8:11]), decode_fee(operation[11:12]), nonce
    if recipient == NO_ACCOUNT:
        return withdraw_digest(domain, sender, *terms)
    return transfer_digest(domain, sender, state.accounts[recipient].owner, *terms)
