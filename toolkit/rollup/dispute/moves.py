"""What is to be done on L1 now, from what L1 shows: the moves of a challenger, of a defender, and around them.

Pure: asked again after every look at L1, so what L1 refused, or a reorganisation undid, is simply wanted again, and
nobody needs to remember anything.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import TypeVar, cast

from toolkit.devnet.l1 import hex_of
from toolkit.rollup.contracts import Contracts, encode_checkpoint, encode_reclaim
from toolkit.rollup.derive import Assertion, Replica
from toolkit.rollup.dispute.disputes import Dispute
from toolkit.rollup.dispute.game import (
    LAST_STEP,
    SEGMENTS,
    GameState,
    Player,
    encode_challenge,
    encode_defend,
    encode_open,
    encode_prove,
    encode_refund,
    encode_timeout,
    game_id,
)
from toolkit.rollup.dispute.trace import Trace

CHECKPOINT_HASHES = 3_000
"""Batches that one checkpoint goes back over at most: 96 KB of calldata."""

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Move:
    """A transaction that is due.

    Attributes:
        name: no two moves of the same name are wanted at once.
        to: the contract (20 bytes).
        data: calldata.
        said: the move in words.
        value: wei sent along.
        deadline: the last second (L1 time) at which it is good; None where there is none.
    """

    name: Hashable
    to: bytes
    data: bytes
    said: str
    value: int = 0
    deadline: int | None = None


def challenger_moves(replica: Replica, me: bytes, now: int) -> list[Move]:
    """What a verifier with the address ``me`` must do: dispute whatever is wrong and could become final.

    Args:
        now: L1's time (seconds).
    """
    wrong = [each for each in replica.pending.values() if must_challenge(replica, each, me, now)]
    moves = [open_move(replica, each) for each in wrong]
    for dispute in _of(replica, me, Player.CHALLENGER):
        assertion = replica.assertions[dispute.state.game.assertion]
        if assertion.status == "rejected":
            moves.append(refund_move(replica.contracts, dispute))
        elif dispute.state.turn is Player.DEFENDER:
            moves += timeout_moves(replica.contracts, dispute, now)
        elif now <= dispute.state.deadline and not assertion.agree:
            moves += _pick_moves(replica, assertion, dispute)
    return moves


def defender_moves(replica: Replica, me: bytes, now: int) -> list[Move]:
    """What the proposer with the address ``me`` must do for its assertions, as far as they are right.

    Args:
        now: L1's time (seconds).
    """
    moves: list[Move] = []
    for dispute in _of(replica, me, Player.DEFENDER):
        assertion = replica.assertions[dispute.state.game.assertion]
        if assertion.status != "pending" or not assertion.agree:
            continue
        if dispute.state.turn is Player.CHALLENGER:
            moves += timeout_moves(replica.contracts, dispute, now)
        elif now <= dispute.state.deadline:
            moves.append(_defence(replica, assertion, dispute))
    return moves


def expired_moves(replica: Replica, me: bytes, now: int) -> list[Move]:
    """The ends of games between others, that they leave open though a clock has run out.

    Else who plays both sides could hold what all others build on for ever. Not where a challenger of something wrong
    has gone: that game keeps it from becoming final. The players have an extension's time to end it themselves.
    After a freeze only those count that keep a bond of ``me`` from coming back.

    Args:
        now: L1's time (seconds).
    """
    moves: list[Move] = []
    at_stake = _stakes(replica, me) if replica.frozen is not None else replica.pending.keys()
    for dispute in replica.disputes.open.values():
        game, assertion = dispute.state.game, replica.assertions[dispute.state.game.assertion]
        if assertion.id not in at_stake or assertion.status != "pending" or me in (game.challenger, game.defender):
            continue
        if assertion.agree or dispute.state.turn is Player.DEFENDER:
            moves += timeout_moves(replica.contracts, dispute, now - replica.contracts.rules.extension)
    return moves


def reclaim_moves(replica: Replica, me: bytes, now: int) -> list[Move]:
    """The bonds of ``me`` in assertions that can never be confirmed any more, and were not rejected.

    And those of others below them, without which ours do not come back.
    """
    at_stake = _stakes(replica, me)
    return [
        Move(
            ("reclaim", each.id),
            replica.contracts.rollup,
            encode_reclaim(each.claim),
            f"takes back the bond of batch {each.batch}'s assertion {_short(each.id)}, which was left behind",
        )
        for each in replica.pending.values()
        if each.id in at_stake
        and now >= each.deadline
        and not replica.disputes.holds(each.id)
        and _left_behind(replica, each)
    ]


def must_challenge(replica: Replica, assertion: Assertion, me: bytes, now: int) -> bool:
    """Whether ``me`` must begin a dispute about an assertion.

    One that is wrong, though all before it is right, and whose window is open; also where somebody else disputes it,
    who may mean to lose. What rests on a wrong assertion dies with it. Where L1 itself has once found for the
    assertion, another bond would be lost, too. After a freeze nothing becomes final any more.
    """
    if (
        replica.frozen is not None
        or assertion.agree
        or now >= assertion.deadline
        or not is_sound(replica, assertion.parent)
    ):
        return False
    if game_id(assertion.id, me) in replica.disputes.open:
        return False
    mine = (each for each in replica.disputes.against(assertion.id) if each.state.game.challenger == me)
    return not any(each.lost_by_step for each in mine)


def is_sound(replica: Replica, assertion: bytes) -> bool:
    """Whether an assertion, by its id, can still become final, and it and all before it say what we computed."""
    while assertion != replica.confirmed:
        found = replica.pending.get(assertion)
        if found is None or not found.agree:
            return False
        assertion = found.parent
    confirmed = replica.assertions.get(replica.confirmed)
    return confirmed is None or confirmed.agree


def pick(state: GameState, trace: Trace) -> int | None:
    """The first segment at whose start ``trace`` agrees with the defender, and at whose end it does not.

    16 where the state asserted is one of the run, but not its last; None where the defender is right, or an earlier
    pick was wrong.
    """
    piece = state.split
    inner = trace.split(state.offset, piece * SEGMENTS)
    first, last = trace.hashes([state.offset, state.offset + piece * SEGMENTS])
    own = (first, *inner, last)
    for index in range(SEGMENTS):
        start, end = state.segment(index)
        if start == own[index] and end != own[index + 1]:
            return index
    if state.game.picks == 0 and last == state.game.end and trace.steps > piece * SEGMENTS:
        return LAST_STEP
    return None


def step_of(state: GameState, index: int) -> int:
    """The step of the run that ``index`` names where segments are single steps, or 16, the step after the last."""
    return int(SEGMENTS**state.game.rounds) if index == LAST_STEP else state.offset + index


def defend_move(contracts: Contracts, dispute: Dispute, trace: Trace) -> Move:
    """The defender's move: the run, or what is left of it, split by what ``trace`` says."""
    state = dispute.state
    rounds = state.game.rounds or min(trace.rounds, contracts.rules.max_rounds)
    length = SEGMENTS ** (rounds - state.game.picks)
    return Move(
        ("defend", dispute.id, state.game.picks),
        contracts.dispute,
        encode_defend(state, rounds, trace.split(state.offset, length)),
        f"game {_short(dispute.id)}: splits the {length:,} steps from {state.offset:,} on",
        deadline=state.deadline,
    )


def pick_move(contracts: Contracts, dispute: Dispute, index: int) -> Move:
    """The challenger's move where segments have more than one step."""
    return Move(
        ("challenge", dispute.id, dispute.state.game.picks),
        contracts.dispute,
        encode_challenge(dispute.state, index),
        f"game {_short(dispute.id)}: picks segment {index}",
        deadline=dispute.state.deadline,
    )


def prove_move(contracts: Contracts, dispute: Dispute, index: int, witness: bytes) -> Move:
    """The challenger's last move: L1 executes the step."""
    return Move(
        ("prove", dispute.id),
        contracts.dispute,
        encode_prove(dispute.state, index, witness),
        f"game {_short(dispute.id)}: has L1 execute step {step_of(dispute.state, index):,}",
        deadline=dispute.state.deadline,
    )


def timeout_moves(contracts: Contracts, dispute: Dispute, now: int) -> Iterator[Move]:
    """The end of the game, where the clock of the player whose turn it is has run out."""
    state = dispute.state
    if now > state.deadline:
        yield Move(
            ("timeout", dispute.id),
            contracts.dispute,
            encode_timeout(state),
            f"game {_short(dispute.id)}: ends it, since the {state.turn.value} has not moved in time",
        )


def refund_move(contracts: Contracts, dispute: Dispute) -> Move:
    """The challenger's bond back, where another game has rejected the assertion."""
    return Move(
        ("refund", dispute.id),
        contracts.dispute,
        encode_refund(dispute.state),
        f"game {_short(dispute.id)}: takes its bond back, since another game has rejected the assertion",
    )


def open_move(replica: Replica, assertion: Assertion) -> Move:
    """The beginning of a dispute."""
    contracts = replica.contracts
    return Move(
        ("open", assertion.id),
        contracts.dispute,
        encode_open(replica.claim_of(assertion.parent), assertion.claim),
        f"challenges batch {assertion.batch}'s assertion {_short(assertion.id)}",
        contracts.rules.bond,
        assertion.deadline - 1,
    )


def checkpoint_moves(replica: Replica, batch: int) -> Iterator[Move]:
    """What makes the Inbox know the accumulator of a batch again, where it has forgotten it.

    Where it lies too far back for one transaction, the first of several; the others are due when that has landed.
    """
    contracts, posted = replica.contracts, replica.history.posted
    kept, size = replica.checkpoints, contracts.ring_size
    if batch in kept or len(posted) - batch < size:
        return
    # Not the oldest of the ring: a batch may land before us.
    ringed = len(posted) - size + 1 + size // 4
    known = min([each for each in kept if each > batch] + [ringed])
    start = max(batch, known - CHECKPOINT_HASHES)
    yield Move(
        ("checkpoint", start),
        contracts.inbox,
        encode_checkpoint(start, posted[start - 1].accumulator, [each.batch.hash for each in posted[start:known]]),
        f"reminds the Inbox of its accumulator after batch {start}",
    )


@dataclass(frozen=True)
class _Answer:
    """What a challenger has to say: a segment; and where it is a step, whose batch (if any), and its witness."""

    index: int
    batch: int | None = None
    witness: bytes | None = None


def _pick_moves(replica: Replica, assertion: Assertion, dispute: Dispute) -> Iterator[Move]:
    answer = _worked_out(dispute, lambda: _answer(dispute.state, replica.trace(assertion)))
    if answer is None:
        return
    if answer.witness is None:
        yield pick_move(replica.contracts, dispute, answer.index)
        return
    before = list(checkpoint_moves(replica, answer.batch)) if answer.batch is not None else []
    yield from before or [prove_move(replica.contracts, dispute, answer.index, answer.witness)]


def _answer(state: GameState, trace: Trace) -> _Answer | None:
    index = pick(state, trace)
    if index is None or (index != LAST_STEP and not state.decisive):
        return None if index is None else _Answer(index)
    step = step_of(state, index)
    return _Answer(index, trace.number_of(step), trace.witness(step))


def _defence(replica: Replica, assertion: Assertion, dispute: Dispute) -> Move:
    return _worked_out(dispute, lambda: defend_move(replica.contracts, dispute, replica.trace(assertion)))


def _worked_out(dispute: Dispute, work: Callable[[], _Found]) -> _Found:
    """What ``work`` says of the game as it stands, worked out once.

    It is asked for at every look at L1, and to walk a run again for each of many games could take longer than a clock.
    """
    if dispute.worked_out is None or dispute.worked_out[0] is not dispute.state:
        dispute.worked_out = dispute.state, work()
    return cast(_Found, dispute.worked_out[1])


def _of(replica: Replica, me: bytes, side: Player) -> list[Dispute]:
    return [
        each
        for each in replica.disputes.open.values()
        if me == (each.state.game.challenger if side is Player.CHALLENGER else each.state.game.defender)
    ]


def _stakes(replica: Replica, me: bytes) -> set[bytes]:
    """The pending assertions (ids) of ``me``, and those that they are built on."""
    found: set[bytes] = set()
    for each in replica.pending.values():
        below: Assertion | None = each if each.proposer == me else None
        while below is not None and below.id not in found:
            found.add(below.id)
            below = replica.pending.get(below.parent)
    return found


def _left_behind(replica: Replica, assertion: Assertion) -> bool:
    """As ``Rollup.reclaim`` sees it: the parent was rejected or frozen, or has no slot any more."""
    if assertion.parent == replica.frozen:
        return True
    parent = replica.assertions.get(assertion.parent)
    if parent is None:
        return replica.confirmed != replica.contracts.genesis_assertion
    return parent.status != "pending" and parent.id != replica.confirmed


def _short(value: bytes) -> str:
    return hex_of(value)[:10]
