"""What is asserted on L1 and what is disputed of it: whose move it is, and what the clocks say. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from toolkit.devnet.l1 import hex_of
from toolkit.errors import BadInput
from toolkit.rollup.derive import Assertion, Replica
from toolkit.rollup.dispute.disputes import Dispute
from toolkit.rollup.dispute.game import Player

_NAME_CHARACTERS, _SHORTEST = 66, 6
T = TypeVar("T")


@dataclass(frozen=True)
class Court:
    """Assertions, and the games about them.

    Attributes:
        now: L1's time (seconds).
        assertions: in the order in which they were made.
        games: in the order in which they were opened, those included that are over.
    """

    now: int
    assertions: tuple[Assertion, ...]
    games: tuple[Dispute, ...]

    @staticmethod
    def of(replica: Replica, now: int) -> Court:
        """Everything that L1 shows at ``now`` (its time in seconds)."""
        return Court(now, tuple(replica.assertions.values()), tuple(replica.disputes.all))

    def about(self, name: str) -> Court:
        """One game with its assertion, or an assertion with all games about it, by the 0x-hex id or its beginning.

        Raises:
            BadInput: that names none, or several.
        """
        wanted = _checked(name)
        games = _matching(self.games, lambda each: each.id, wanted)
        assertions = _matching(self.assertions, lambda each: each.id, wanted)
        if len(games) + len(assertions) != 1:
            how_many = f"{len(games) + len(assertions)} games and assertions" if games or assertions else "no game"
            raise BadInput(f"L1 shows {how_many} {name}: 'l2kit dispute' lists the games and assertions that there are")
        about = assertions[0].id if assertions else games[0].state.game.assertion
        return Court(
            self.now,
            tuple(each for each in self.assertions if each.id == about),
            games or tuple(each for each in self.games if each.state.game.assertion == about),
        )

    def clocks(self, game: Dispute) -> dict[Player, int]:
        """Seconds that each player has left now."""
        state, played = game.state, game.state.game
        left = {Player.DEFENDER: played.defender_time, Player.CHALLENGER: played.challenger_time}
        if game.ended is None:
            left[state.turn] = max(0, state.time_left - max(0, self.now - played.moved_at))
        return left

    def as_json(self) -> dict[str, Any]:
        """The same for programs: times and clocks in seconds, ETH in wei as text."""
        return {
            "now": self.now,
            "assertions": [each.as_json() for each in self.assertions],
            "games": [each.as_json(self.now) for each in self.games],
        }


def _checked(name: str) -> str:
    digits = name[2:]
    is_hex = all(each in "0123456789abcdef" for each in digits.lower())
    if not name.startswith("0x") or not is_hex or not _SHORTEST <= len(name) <= _NAME_CHARACTERS:
        raise BadInput(
            f"{name!r:.80} is no id of a game or an assertion: give 0x and its hex digits, {_SHORTEST - 2} or more"
        )
    return name.lower()


def _matching(those: Sequence[T], id_of: Callable[[T], bytes], beginning: str) -> tuple[T, ...]:
    return tuple(each for each in those if hex_of(id_of(each)).startswith(beginning))
