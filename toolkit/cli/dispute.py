"""``l2kit dispute``: what is asserted on L1, and what is disputed of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from toolkit.cli import show
from toolkit.cli.passage import attached, devnet_option, json_option

if TYPE_CHECKING:
    from toolkit.bridge.amounts import Words
    from toolkit.rollup.derive import Assertion
    from toolkit.rollup.dispute.disputes import Dispute
    from toolkit.session import Court


@click.command()
@click.argument("name", required=False, metavar="[ID]")
@devnet_option
@json_option
def dispute(name: str | None, file: Path | None, as_json: bool) -> None:
    """List the assertions and disputes on L1: whose move it is, and how much time is left to whom.

    \b
    With ID, of a game or an assertion or the beginning of one, the moves of its game are told one by one.
    Everything comes from L1 alone, with no service running; whether an assertion is right is computed anew.

    \b
    Examples:
      l2kit dispute
      l2kit dispute 0x5d0e93c1
      l2kit dispute --json
    """
    with show.steps() as step:
        step("deriving the rollup from L1")
        devnet = attached(file)
        court = devnet.dispute(name)
    if as_json:
        show.as_json(court.as_json())
        return
    tell(court, devnet.words, moves=name is not None)


def tell(court: Court, words: Words, *, moves: bool) -> None:
    """Print what is asserted and disputed; with ``moves`` every game by its moves, else in a line."""
    _show_assertions(court, words)
    if not moves:
        _show_games(court, words)
        return
    for game in court.games:
        show.out.print()
        _show_game(court, game, words)


def _show_assertions(court: Court, words: Words) -> None:
    if not court.assertions:
        show.out.print("nothing has been asserted on L1", markup=False)
        return
    rows = [["id", "after batch", "by", "says", "it is"]]
    for each in court.assertions:
        right = "what is right" if each.agree else "what is wrong"
        rows.append([_short(each.id), str(each.batch), words.who(each.proposer), right, _standing(court, each)])
    show.table("Assertions", rows)


def _standing(court: Court, assertion: Assertion) -> str:
    from toolkit.bridge.amounts import span

    if assertion.status != "pending":
        return assertion.status
    if any(each.state.game.assertion == assertion.id and each.ended is None for each in court.games):
        return "disputed"
    left = assertion.deadline - court.now
    return f"pending, {span(left)} left to dispute it" if left > 0 else "pending, due to be confirmed"


def _show_games(court: Court, words: Words) -> None:
    if not court.games:
        if court.assertions:
            show.out.print("nothing has been disputed", markup=False)
        return
    rows = [["id", "about batch", "challenger", "defender", "moves", "it is"]]
    for game in court.games:
        played = game.state.game
        players = words.who(played.challenger), words.who(played.defender)
        now = _turn(court, game, words)
        rows.append([_short(game.id), str(played.target), *players, str(len(game.moves)), now])
    show.table("Disputes", rows)


def _turn(court: Court, game: Dispute, words: Words) -> str:
    """Whose move it is, and how long, or who has won."""
    from toolkit.bridge.amounts import span
    from toolkit.rollup.dispute.game import Player

    played = game.state.game
    if game.ended is not None:
        winner = game.ended.winner
        return f"over, {words.who(winner)} has won" if any(winner) else "over, the bond went back"
    who = played.defender if game.state.turn is Player.DEFENDER else played.challenger
    left = court.clocks(game)[game.state.turn]
    return f"{words.who(who)}'s move, {span(left)} left" if left else f"{words.who(who)}'s move, and its time is up"


def _show_game(court: Court, game: Dispute, words: Words) -> None:
    from toolkit.bridge.amounts import moment, span
    from toolkit.rollup.dispute.game import Player

    state, played, clocks = game.state, game.state.game, court.clocks(game)
    rows: list[Sequence[str]] = [
        ("assertion", f"0x{played.assertion.hex()}"),
        ("about", f"the state after batch {played.target}"),
        ("it is", _turn(court, game, words)),
    ]
    if game.ended is None:
        rows.append(("until", moment(state.deadline, court.now)))
    for who, player in ((played.challenger, Player.CHALLENGER), (played.defender, Player.DEFENDER)):
        rows.append((player.value, f"{words.who(who)}, {span(clocks[player])} on its clock"))
    if game.segment is not None:
        first, last = game.segment
        rows.append(("segment", f"the steps {first:,} to {last:,}, after {played.picks} of {played.rounds} rounds"))
    if game.proved is not None:
        proved, step = game.proved
        rows.append(("decided by", f"step {step:,}: L1 computes 0x{proved.computed.hex()}"))
    show.table(f"Dispute 0x{game.id.hex()}", rows)
    moves = [["when", "by", "clocks", "move"]]
    for move in game.moves:
        left = f"{_clock(move.challenger_time)} / {_clock(move.defender_time)}"
        moves.append([moment(move.timestamp, court.now), words.who(move.by), left, move.said])
    show.table("Moves (clocks of challenger / defender)", moves)


def _short(name: bytes) -> str:
    return f"0x{name.hex()[:8]}"


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
