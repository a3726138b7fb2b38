"""The disputes on L1 as their events tell them: every game with its state, its clocks, and the moves so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import hex_of
from toolkit.errors import ProtocolError
from toolkit.rollup.dispute.game import (
    LAST_STEP,
    SEGMENTS,
    Challenged,
    Defended,
    DisputeEvent,
    Ended,
    GameState,
    Opened,
    Player,
    Proved,
    Rules,
)
from toolkit.rollup.store import L1Log

_NOBODY = bytes(20)


@dataclass(frozen=True)
class Played:
    """A move that was made.

    Attributes:
        what: "open", "defend", "challenge", "prove" or "end" (by the clock, or a refund).
        by: who sent its transaction (20 bytes).
        said: the move in words.
        defender_time, challenger_time: seconds left on the clocks after it.
        block, timestamp, transaction: where on L1.
    """

    what: str
    by: bytes
    said: str
    defender_time: int
    challenger_time: int
    block: int
    timestamp: int
    transaction: bytes


@dataclass
class Dispute:
    """A game.

    Attributes:
        state: as the contract keeps it; as it was last, where the game is over.
        moves: so far.
        proved: what L1 said when it executed a step, and which step it was of the run.
        ended: how it ended; None while it goes on.
        worked_out: a state of the game, and what a player has worked out for it (`moves.py`).
    """

    state: GameState
    moves: list[Played] = field(default_factory=list)
    proved: tuple[Proved, int] | None = None
    ended: Ended | None = None
    worked_out: tuple[GameState, object] | None = field(default=None, repr=False, compare=False)

    @property
    def id(self) -> bytes:
        """The game's name: that of the assertion and the challenger together."""
        return self.state.game.id

    @property
    def segment(self) -> tuple[int, int] | None:
        """The steps of the run that the game is about: from and to; None before the run was measured."""
        game = self.state.game
        return (self.state.offset, self.state.offset + SEGMENTS ** (game.rounds - game.picks)) if game.rounds else None

    @property
    def lost_by_step(self) -> bool:
        """Whether L1 itself found that the challenger was wrong."""
        return self.proved is not None and self.proved[0].computed == self.proved[0].claimed

    def as_json(self, now: int) -> dict[str, Any]:
        """The game for JSON-RPC; ``now`` is L1's time (seconds). Clocks are in seconds, ETH in wei."""
        state, game = self.state, self.state.game
        clocks = {"defender": game.defender_time, "challenger": game.challenger_time}
        if self.ended is None:
            clocks[state.turn.value] = max(0, state.time_left - max(0, now - game.moved_at))
        proved, step = self.proved or (None, None)
        return {
            "game": hex_of(game.id),
            "assertion": hex_of(game.assertion),
            "batch": game.target,
            "challenger": checksum(game.challenger),
            "defender": checksum(game.defender),
            "status": "open" if self.ended is None else "ended",
            "turn": state.turn.value if self.ended is None else None,
            "deadline": state.deadline if self.ended is None else None,
            "clocks": clocks,
            "rounds": game.rounds,
            "picks": game.picks,
            "segment": list(self.segment) if self.segment else None,
            "finalStep": proved
            and {
                "step": step,
                "before": hex_of(proved.before),
                "claimed": hex_of(proved.claimed),
                "computed": hex_of(proved.computed),
            },
            "winner": checksum(self.ended.winner) if self.ended and self.ended.winner != _NOBODY else None,
            "reward": str(self.ended.reward) if self.ended else None,
            "moves": [
                {
                    "what": move.what,
                    "by": checksum(move.by),
                    "said": move.said,
                    "clocks": {"defender": move.defender_time, "challenger": move.challenger_time},
                    "block": move.block,
                    "timestamp": move.timestamp,
                    "transaction": hex_of(move.transaction),
                }
                for move in self.moves
            ],
        }


class Disputes:
    """Every game, by the events of the Dispute contract.

    Attributes:
        all: in the order in which they were opened.
        open: those that go on, by their ids.
        moves: of all games in L1's order, with the game's id.
    """

    def __init__(self, rules: Rules) -> None:
        self.all: list[Dispute] = []
        self.open: dict[bytes, Dispute] = {}
        self.moves: list[tuple[bytes, Played]] = []
        self._rules = rules

    def against(self, assertion: bytes) -> Iterator[Dispute]:
        """Every game about an assertion, also those that are over."""
        return (each for each in self.all if each.state.game.assertion == assertion)

    def holds(self, assertion: bytes) -> bool:
        """Whether a game about the assertion goes on."""
        return any(each.state.game.assertion == assertion for each in self.open.values())

    def add(self, event: DisputeEvent, log: L1Log) -> Dispute:
        """Take the next event; returns its game.

        Raises:
            ProtocolError: the event contradicts those before it, so something is wrong with the L1 node.
        """
        if isinstance(event, Opened):
            dispute = Dispute(event.first(log.timestamp, self._rules))
            self.all.append(dispute)
            self.open[event.game] = dispute
            self._note(dispute, "open", log, self._opening(event))
            return dispute
        known = self.open.get(event.game)
        if known is None:
            raise ProtocolError(f"L1 shows a move of a game that does not go on: {hex_of(event.game)}")
        if isinstance(event, Proved):
            self._proved(known, event, log)
        elif isinstance(event, Ended):
            self._ended(known, event, log)
        else:
            self._moved(known, event, log)
        return known

    @staticmethod
    def _opening(event: Opened) -> str:
        who, whose = _short(event.challenger), _short(event.defender)
        return f"{who} challenges what {whose} asserts of batch {event.target}"

    def _moved(self, dispute: Dispute, event: Defended | Challenged, log: L1Log) -> None:
        dispute.state = dispute.state.after(event, log.timestamp, self._rules)
        first, last = dispute.segment or (0, 0)
        if isinstance(event, Defended):
            pieces = f"16 of {dispute.state.split:,}" if dispute.state.split > 1 else "single ones"
            self._note(dispute, "defend", log, f"the defender splits the steps {first:,} to {last:,} into {pieces}")
        else:
            said = f"the challenger picks segment {event.index}: the steps {first:,} to {last:,}"
            self._note(dispute, "challenge", log, said)

    def _proved(self, dispute: Dispute, event: Proved, log: L1Log) -> None:
        state = dispute.state
        ends = (event.before, event.claimed)
        segments = range(SEGMENTS) if state.decisive else ()
        index = next((index for index in segments if state.segment(index) == ends), LAST_STEP)
        # The segment after the last begins where the whole run ends: nothing was picked before it.
        step = state.offset + index if index < LAST_STEP else SEGMENTS**state.game.rounds
        dispute.proved = event, step
        verdict = "as claimed" if event.computed == event.claimed else f"not {_short(event.claimed)}"
        said = f"L1 executes step {step:,}: it gives {_short(event.computed)}, {verdict}"
        self._note(dispute, "prove", log, said)

    def _ended(self, dispute: Dispute, event: Ended, log: L1Log) -> None:
        dispute.ended = event
        del self.open[event.game]
        game = dispute.state.game
        if event.winner == _NOBODY:
            said = "another game has rejected the assertion; the challenger has its bond back"
        else:
            winner = Player.CHALLENGER if event.winner == game.challenger else Player.DEFENDER
            loser = Player.DEFENDER if winner is Player.CHALLENGER else Player.CHALLENGER
            why = "" if dispute.proved else f"the {loser.value}'s clock has run out; "
            said = f"{why}the {winner.value} wins {event.reward / 10**18:g} ETH"
        self._note(dispute, "end", log, said)

    def _note(self, dispute: Dispute, what: str, log: L1Log, said: str) -> None:
        game = dispute.state.game
        clocks = game.defender_time, game.challenger_time
        dispute.moves.append(Played(what, log.sender, said, *clocks, log.block, log.timestamp, log.transaction))
        self.moves.append((dispute.id, dispute.moves[-1]))


def _short(value: bytes) -> str:
    return hex_of(value)[:10]
