"""What everybody gets out of a rollup that is frozen, and the proofs of it; pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from toolkit.errors import BadInput
from toolkit.rollup.derive import Posted, Replica
from toolkit.rollup.inbox import Batch, Message
from toolkit.rollup.machine import State, deposit_of
from toolkit.rollup.merkle import list_proof
from toolkit.rollup.witness import holding_witness


@dataclass(frozen=True)
class Final:
    """The assertion at which a rollup is, or would be, frozen: ``IBridge.Final``.

    Attributes:
        parent: the id of the assertion before it (32 bytes).
        batch: batches that its state has applied.
        accumulator: of the Inbox after them (28 bytes).
        outbox_root, inner_hash: the halves of its machine hash (32 bytes each).
    """

    parent: bytes
    batch: int
    accumulator: bytes
    outbox_root: bytes
    inner_hash: bytes


@dataclass(frozen=True)
class Escape:
    """An account of the final state: ``amount`` (base units) of ``token`` that ``Bridge.escape`` pays its owner."""

    account: int
    owner: bytes
    token: bytes
    amount: int


@dataclass(frozen=True)
class Recovery:
    """A deposit that the final state does not know.

    Attributes:
        owner, token, amount: what ``Bridge.recoverDeposit`` pays to whom, in base units.
        message: as the Inbox holds it.
        consumed: the batch that has consumed it, and its place among the messages there; None while it waits in the
            Inbox, where a late batch must consume it first.
    """

    owner: bytes
    token: bytes
    amount: int
    message: Message
    consumed: tuple[Posted, int] | None = None


@dataclass(frozen=True)
class Consumption:
    """The other arguments of ``Bridge.recoverDeposit``: ``IBridge.Consumed``, and the proof of the message."""

    batch: int
    before: bytes
    posted: Batch
    place: int
    hint: int
    proof: tuple[bytes, ...]


def final_of(replica: Replica) -> Final:
    """The last confirmed assertion; that of a frozen rollup is the last for ever."""
    claim = replica.claim_of(replica.confirmed)
    derived = replica.derived[claim.batch]
    if derived.machine_hash != claim.machine_hash:
        raise BadInput(
            f"L1 has confirmed the machine hash 0x{claim.machine_hash.hex()} after batch {claim.batch}, but its data "
            f"gives 0x{derived.machine_hash.hex()}: only its proposer could show what it takes to leave"
        )
    return Final(claim.parent, claim.batch, claim.accumulator, derived.outbox_root, derived.inner_hash)


def final_state(replica: Replica) -> State:
    """The state of `final_of`, as an object of its own."""
    return replica.state_at(replica.batch_of(replica.confirmed))


def escapes(state: State) -> list[Escape]:
    """Every account of a final state that holds something, paid out or not."""
    return [
        Escape(index, account.owner, account.token, account.balance)
        for index, account in enumerate(state.accounts)
        if account.balance
    ]


def escape_witness(state: State, escape: Escape) -> bytes:
    """The witness for ``Bridge.escape``."""
    return holding_witness(state, escape.account)


def recoveries(replica: Replica) -> list[Recovery]:
    """Every deposit that the final state does not know, in the Inbox's order, paid back or not."""
    return list(_recoveries(replica))


def consumption(replica: Replica, recovery: Recovery) -> Consumption:
    """What shows L1 that a deposit was consumed after the final state.

    Raises:
        BadInput: no batch has consumed it yet.
    """
    if recovery.consumed is None:
        raise BadInput(f"no batch has consumed the deposit of {recovery.amount} for 0x{recovery.owner.hex()} yet")
    posted, place = recovery.consumed
    before = replica.derived[posted.number - 1].accumulator
    batch = posted.batch
    proof = list_proof(batch.message_leaves, place)
    return Consumption(posted.number, before, batch, place, batch.messages[place].account, proof)


def _recoveries(replica: Replica) -> Iterator[Recovery]:
    genesis, history = replica.contracts.genesis, replica.history
    places = [
        (message, (posted, place))
        for posted in history.posted[replica.batch_of(replica.confirmed) :]
        for place, message in enumerate(posted.batch.messages)
    ]
    waiting = [(message, None) for message in (*history.required, *history.arrived)]
    for message, consumed in (*places, *waiting):
        deposit = deposit_of(genesis, message)
        if deposit is not None:
            token, owner, amount = deposit
            yield Recovery(owner, token, amount, message, consumed)
