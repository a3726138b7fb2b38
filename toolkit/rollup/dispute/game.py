"""The dispute game as the contract keeps it: what is hashed, what is written, what is emitted, and what follows.

Everything here is pure. The contract stores one hash a game (`GameState.commitment`), so whoever moves must know the
rest: it is a fold over the game's events and the times of their blocks. By hand, not with a decoder of the ABI, as
``contracts.py`` and for its speed; tests hold it against the contract.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from toolkit.crypto import keccak256
from toolkit.devnet.l1 import selector, topic
from toolkit.errors import ProtocolError

SEGMENTS = 16
"""Into so many the defender splits a segment, by the hashes between them."""
LAST_STEP = 16
"""Where the challenger says that the asserted state is not the machine's last: the segment after the 16th."""
NO_HASHES = bytes(32)
"""What is shown in place of the hashes' hash where it is the defender's turn."""

_CLAIM = "(bytes32,uint256,bytes28,bytes32)"
_GAME = "(bytes32,bytes32,bytes32,address,address,uint32,uint8,uint8,uint40,uint40,uint40)"
OPEN = f"open({_CLAIM},uint256,bytes28,bytes32)"
DEFEND = f"defend({_GAME},uint256,bytes32[15])"
CHALLENGE = f"challenge({_GAME},bytes32[15],uint256)"
PROVE = f"prove({_GAME},bytes32[15],uint256,bytes)"
TIMEOUT = f"timeout({_GAME},bytes32)"
REFUND = f"refund({_GAME},bytes32)"

OPENED = topic("Opened(bytes32,bytes32,address,address,bytes32,bytes32,uint256)")
DEFENDED = topic("Defended(bytes32,uint256,bytes32[15])")
CHALLENGED = topic("Challenged(bytes32,uint256)")
PROVED = topic("Proved(bytes32,bytes32,bytes32,bytes32)")
ENDED = topic("Ended(bytes32,bytes32,address,uint256)")

ERRORS = (
    "WrongBond(uint256,uint256)", "AlreadyOpen(bytes32)", "WrongGame(bytes32,bytes32)", "NotPlayer(address,address)",
    "WrongRounds(uint256,uint256)", "WrongSegment(uint256,uint256,uint256)", "OutOfTime(uint256,uint256)",
    "StillTime(uint256,uint256)", "NotRejected(bytes32)", "NotPending(bytes32)", "WindowClosed(uint256,uint256)",
    "WrongWitness(bytes32,bytes32)", "UnknownAccumulator(uint256)",
)  # fmt: skip
"""What the Dispute, and what it calls, may answer to a move."""


@dataclass(frozen=True)
class Rules:
    """The contract's parameters.

    Attributes:
        clock: seconds that a player has for all its moves.
        extension: seconds that it has at least for each.
        max_rounds: log16 of the steps that a run may have.
        bond: of a challenger (wei).
    """

    clock: int
    extension: int
    max_rounds: int
    bond: int


@dataclass(frozen=True)
class Claim:
    """What an assertion says, as the contracts hash it.

    Attributes:
        parent: the id of the assertion that it follows (32 bytes).
        batch: batches applied.
        accumulator: of the Inbox after them (28 bytes).
        machine_hash: of the machine after them (32 bytes).
    """

    parent: bytes
    batch: int
    accumulator: bytes
    machine_hash: bytes

    @property
    def id(self) -> bytes:
        """The assertion's id."""
        return keccak256(self.encode())

    def encode(self) -> bytes:
        """The four words."""
        return self.parent + _word(self.batch) + self.accumulator.ljust(32, b"\0") + self.machine_hash


class Player(Enum):
    """The two sides."""

    DEFENDER = "defender"
    CHALLENGER = "challenger"


@dataclass(frozen=True)
class Game:
    """``IDispute.Game``: hashes and ids are 32 bytes, addresses 20, times seconds.

    Attributes:
        assertion: in dispute.
        start, end: the machine hashes at the segment's ends, the second as the defender claims.
        challenger, defender: the players.
        target: batches after which the machine stops.
        rounds: log16 of the run's steps; zero until the defender has chosen it.
        picks: segments picked so far.
        defender_time, challenger_time: left on the clocks.
        moved_at: when the last move was made.
    """

    assertion: bytes
    start: bytes
    end: bytes
    challenger: bytes
    defender: bytes
    target: int
    rounds: int
    picks: int
    defender_time: int
    challenger_time: int
    moved_at: int

    @property
    def id(self) -> bytes:
        """The game's name."""
        return game_id(self.assertion, self.challenger)

    def encode(self) -> bytes:
        """The eleven words."""
        numbers = (self.target, self.rounds, self.picks, self.defender_time, self.challenger_time, self.moved_at)
        return b"".join(
            (
                *(self.assertion, self.start, self.end, _address(self.challenger), _address(self.defender)),
                *map(_word, numbers),
            )
        )


@dataclass(frozen=True)
class GameState:
    """A game, and what the defender named for the challenger to pick from.

    Attributes:
        game: as the contract hashes it.
        hashes: 15 machine hashes (32 bytes each) where it is the challenger's turn; none where it is the defender's.
        offset: steps from the parent's state to the segment's start.
    """

    game: Game
    hashes: tuple[bytes, ...] = ()
    offset: int = 0

    @property
    def turn(self) -> Player:
        """Whose move it is."""
        return Player.CHALLENGER if self.hashes else Player.DEFENDER

    @property
    def hashes_hash(self) -> bytes:
        """What `timeout` and `refund` want to be shown beside the game."""
        return keccak256(b"".join(self.hashes)) if self.hashes else NO_HASHES

    @property
    def commitment(self) -> bytes:
        """The hash that the contract keeps."""
        shown = keccak256(self.game.encode())
        return keccak256(shown + self.hashes_hash) if self.hashes else shown

    @property
    def time_left(self) -> int:
        """Seconds from `Game.moved_at` that the player has whose turn it is."""
        return self.game.challenger_time if self.hashes else self.game.defender_time

    @property
    def deadline(self) -> int:
        """The last second (L1 time) in which the player may move; one later anybody may end the game."""
        return self.game.moved_at + self.time_left

    @property
    def split(self) -> int:
        """Steps of each of the 16 segments that the challenger picks from; the rounds must have been chosen."""
        return int(SEGMENTS ** (self.game.rounds - self.game.picks - 1))

    @property
    def decisive(self) -> bool:
        """Whether the segments that the challenger picks from are single steps: then it must prove."""
        return self.turn is Player.CHALLENGER and self.game.rounds - self.game.picks == 1

    def segment(self, index: int) -> tuple[bytes, bytes]:
        """The machine hashes at the ends of the segment ``index``, 0 to 15; of 16, those of the step after the last."""
        if index == LAST_STEP:
            return self.game.end, self.game.end
        start = self.hashes[index - 1] if index else self.game.start
        return start, self.hashes[index] if index < SEGMENTS - 1 else self.game.end

    def after(self, event: Defended | Challenged, timestamp: int, rules: Rules) -> GameState:
        """The game after a move in a block of this time (seconds).

        Raises:
            ProtocolError: no such move was possible, so something is wrong with the L1 node.
        """
        game, used = self.game, timestamp - self.game.moved_at
        if isinstance(event, Defended) != (self.turn is Player.DEFENDER) or not 0 <= used <= self.time_left:
            raise ProtocolError(f"L1 shows a move of the game 0x{game.id.hex()} that was impossible: {event}")
        if isinstance(event, Defended):
            moved = replace(
                game,
                rounds=event.rounds,
                defender_time=game.defender_time - used,
                challenger_time=max(game.challenger_time, rules.extension),
                moved_at=timestamp,
            )
            return replace(self, game=moved, hashes=event.hashes)
        start, end = self.segment(event.index)
        moved = replace(
            game,
            start=start,
            end=end,
            picks=game.picks + 1,
            challenger_time=game.challenger_time - used,
            defender_time=max(game.defender_time, rules.extension),
            moved_at=timestamp,
        )
        return GameState(moved, (), self.offset + event.index * self.split)


@dataclass(frozen=True)
class Opened:
    """A game began."""

    game: bytes
    assertion: bytes
    challenger: bytes
    defender: bytes
    start: bytes
    end: bytes
    target: int

    def first(self, timestamp: int, rules: Rules) -> GameState:
        """The game as it begins in a block of this time (seconds)."""
        return GameState(
            Game(
                *(self.assertion, self.start, self.end, self.challenger, self.defender, self.target),
                *(0, 0, rules.clock, rules.clock, timestamp),
            )
        )


@dataclass(frozen=True)
class Defended:
    """The defender split the segment by 15 hashes."""

    game: bytes
    rounds: int
    hashes: tuple[bytes, ...]


@dataclass(frozen=True)
class Challenged:
    """The challenger picked a segment, 0 to 15."""

    game: bytes
    index: int


@dataclass(frozen=True)
class Proved:
    """L1 executed the step from ``before``: it leads to ``computed``, and the defender had claimed ``claimed``."""

    game: bytes
    before: bytes
    claimed: bytes
    computed: bytes


@dataclass(frozen=True)
class Ended:
    """A game is over; ``reward`` in wei, ``winner`` the zero address where another game had rejected the assertion."""

    game: bytes
    assertion: bytes
    winner: bytes
    reward: int


DisputeEvent = Opened | Defended | Challenged | Proved | Ended


def decode_event(topics: Sequence[bytes], data: bytes) -> DisputeEvent | None:
    """The event in a log of the Dispute contract; None where it is none of the game's."""
    event, words = topics[0] if topics else b"", [data[i : i + 32] for i in range(0, len(data), 32)]
    if event == OPENED:
        return Opened(topics[1], topics[2], words[0][12:], words[1][12:], words[2], words[3], _number(words[4]))
    if event == DEFENDED:
        return Defended(topics[1], _number(words[0]), tuple(words[1:]))
    if event == CHALLENGED:
        return Challenged(topics[1], _number(words[0]))
    if event == PROVED:
        return Proved(topics[1], *words)
    if event == ENDED:
        return Ended(topics[1], topics[2], words[0][12:], _number(words[1]))
    return None


def game_id(assertion: bytes, challenger: bytes) -> bytes:
    """The name of the game of a challenger (20 bytes) against an assertion."""
    return keccak256(assertion + _address(challenger))


def encode_open(parent: Claim, claim: Claim) -> bytes:
    """The calldata of ``Dispute.open``; ``parent`` is the claim that ``claim.parent`` is the id of."""
    return selector(OPEN) + parent.encode() + claim.encode()[32:]


def encode_defend(state: GameState, rounds: int, hashes: Sequence[bytes]) -> bytes:
    """The calldata of ``Dispute.defend``."""
    return selector(DEFEND) + state.game.encode() + _word(rounds) + b"".join(hashes)


def encode_challenge(state: GameState, index: int) -> bytes:
    """The calldata of ``Dispute.challenge``."""
    return selector(CHALLENGE) + state.game.encode() + b"".join(state.hashes) + _word(index)


def encode_prove(state: GameState, index: int, witness: bytes) -> bytes:
    """The calldata of ``Dispute.prove``."""
    head = state.game.encode() + b"".join(state.hashes) + _word(index)
    tail = _word(len(witness)) + witness + bytes(-len(witness) % 32)
    return selector(PROVE) + head + _word(len(head) + 32) + tail


def encode_timeout(state: GameState) -> bytes:
    """The calldata of ``Dispute.timeout``."""
    return selector(TIMEOUT) + state.game.encode() + state.hashes_hash


def encode_refund(state: GameState) -> bytes:
    """The calldata of ``Dispute.refund``."""
    return selector(REFUND) + state.game.encode() + state.hashes_hash


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _number(word: bytes) -> int:
    return int.from_bytes(word, "big")


def _address(address: bytes) -> bytes:
    return address.rjust(32, b"\0")
