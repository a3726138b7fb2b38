"""The dispute of a scenario: told move by move, with everybody's gas."""

from __future__ import annotations

from toolkit.devnet.accounts import checksum
from toolkit.scenario.stage import Stage
from toolkit.technique.meter import CheckFailed


def tell_verdict(stage: Stage) -> None:
    """Wait until the verifier has won the game about the wrong assertion, and tell it.

    Raises:
        CheckFailed: somebody else won, or there is another game.
    """
    stage.wait(lambda status: bool(status["disputes"] and not status["openDisputes"]), "the dispute to end")
    (game,) = stage.replica().disputes.all
    receipts = stage.chain.receipts(move.transaction for move in game.moves)
    told: set[bytes] = set()
    for move, receipt in zip(game.moves, receipts, strict=True):
        said = move.said
        if move.what == "open":
            said = f"the challenger disputes it; bond {stage.amount(stage.bond('Dispute'))}"
        said = said.replace("the challenger", "the verifier").replace("the defender", "the proposer")
        stage.story.step(said, None if move.transaction in told else receipt["gasUsed"])
        told.add(move.transaction)
    verifier, winner = stage.accounts["verifier"], game.ended.winner if game.ended else b""
    if winner != verifier.address_bytes:
        raise CheckFailed(f"the assertion is wrong, and {checksum(winner) if winner else 'nobody'} won the dispute")
