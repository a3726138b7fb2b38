"""What L1 shows of assertions and games, as logs made by hand: no node needed."""

from __future__ import annotations

import random
from dataclasses import replace

from rollup_services.test_parts import CONTRACTS, DISPUTE, INBOX, POSTER, ROLLUP, RULES
from toolkit.crypto import keccak256
from toolkit.devnet.l1 import selector
from toolkit.rollup import contracts as c
from toolkit.rollup.codec import Header
from toolkit.rollup.derive import Replica
from toolkit.rollup.dispute import game as g
from toolkit.rollup.dispute.moves import Move, challenger_moves, defender_moves
from toolkit.rollup.inbox import Batch, extend
from toolkit.rollup.store import L1Log

ME, OTHER, MALLORY, HONEST = (bytes([n]) * 20 for n in (0x3E, 0x07, 0x3A, 0x40))
WINDOW = 10_000
WRONG = keccak256(b"wrong")


class L1:
    """A chain of our own making: what happens on it, and the replica that follows it."""

    def __init__(self, batches: int = 3, ring_size: int = 256, max_rounds: int = 8) -> None:
        rules = replace(RULES, max_rounds=max_rounds)
        self.replica = Replica(replace(CONTRACTS, ring_size=ring_size, rules=rules))
        self.now, self.count = 1_000, 0
        for _ in range(batches):
            self.post()

    @property
    def genesis(self) -> bytes:
        return CONTRACTS.genesis_assertion

    def log(self, address: bytes, topics: tuple[bytes, ...], data: bytes, calldata: bytes = b"") -> None:
        self.count += 1
        place = (self.count, 0, b"\x01" * 32, self.now, self.count.to_bytes(32, "big"), POSTER)
        self.replica.add(L1Log(*place, address, topics, data, calldata))

    def post(self) -> None:
        """Another batch with one record, which has no effect."""
        history, records = self.replica.history, [random.Random(self.count).randbytes(76)]
        batch = Batch(Header().encode(), records, (), self.now, POSTER)
        number = len(history.posted) + 1
        calldata = c.encode_post_batch(number, Header().encode(), records, ())
        accumulator = extend(history.accumulator, batch.hash).ljust(32, b"\0")
        self.log(INBOX, (c.BATCH_POSTED, number.to_bytes(32, "big")), accumulator, calldata)

    def checkpoint(self, batch: int) -> None:
        accumulator = self.replica.history.posted[batch - 1].accumulator.ljust(32, b"\0")
        self.log(INBOX, (c.CHECKPOINTED, batch.to_bytes(32, "big")), accumulator)

    def assert_state(self, parent: bytes, batch: int, wrong: bytes | None = None, who: bytes = HONEST) -> bytes:
        """Somebody asserts; returns the id."""
        derived = self.replica.derived[batch]
        claim = g.Claim(parent, batch, derived.accumulator, wrong or derived.machine_hash)
        data = claim.encode()[32:] + who.rjust(32, b"\0") + (self.now + WINDOW).to_bytes(32, "big")
        self.log(ROLLUP, (c.ASSERTED, claim.id, parent), data)
        return claim.id

    def confirm(self, name: bytes) -> None:
        self.log(ROLLUP, (c.CONFIRMED, name), bytes(32))

    def reject(self, name: bytes) -> None:
        self.log(ROLLUP, (c.REJECTED, name), bytes(32))

    def reclaim(self, name: bytes) -> None:
        self.log(ROLLUP, (c.RECLAIMED, name), b"")

    def open(self, name: bytes, challenger: bytes = ME) -> bytes:
        """Somebody challenges; returns the game's id."""
        assertion = self.replica.assertions[name]
        start = self.replica.claim_of(assertion.parent).machine_hash
        game = g.game_id(name, challenger)
        people = challenger.rjust(32, b"\0") + assertion.proposer.rjust(32, b"\0")
        data = people + start + assertion.machine_hash + assertion.batch.to_bytes(32, "big")
        self.log(DISPUTE, (g.OPENED, game, name), data)
        return game

    def defend(self, game: bytes, rounds: int, hashes: list[bytes]) -> None:
        self.log(DISPUTE, (g.DEFENDED, game), rounds.to_bytes(32, "big") + b"".join(hashes))

    def prove(self, game: bytes, claimed: bytes, computed: bytes) -> None:
        start = self.replica.disputes.open[game].state.game.start
        self.log(DISPUTE, (g.PROVED, game), start + claimed + computed)

    def end(self, game: bytes, name: bytes, winner: bytes) -> None:
        self.log(DISPUTE, (g.ENDED, game, name), winner.rjust(32, b"\0") + bytes(32))

    def challenges(self) -> list[Move]:
        return challenger_moves(self.replica, ME, self.now)

    def defences(self, me: bytes = HONEST) -> list[Move]:
        return defender_moves(self.replica, me, self.now)


def called(moves: list[Move]) -> list[bytes]:
    """The functions that moves call."""
    return [move.data[:4] for move in moves]


OPEN, DEFEND, CHALLENGE, PROVE, TIMEOUT, REFUND = (
    selector(each) for each in (g.OPEN, g.DEFEND, g.CHALLENGE, g.PROVE, g.TIMEOUT, g.REFUND)
)
