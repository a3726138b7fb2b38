"""L1 reorganises below a dispute: the move, the assertion, or the batch that it is about are gone, and all go on."""

from __future__ import annotations

from rollup_services.court import CLOCK, Purse, bonds, games, key, traffic, wait_for_games
from rollup_services.rig import Rig, Service


def kept(rig: Rig, game: str) -> bool:
    """Whether L1 knows the game."""
    known: bytes = rig.chain.call(rig.contracts.dispute.functions.commitment(bytes.fromhex(game[2:])))
    return known != bytes(32)


def reorganise(rig: Rig, verifier: Service, last_kept: int) -> None:
    """Replace all blocks after one by empty ones, and wait until the verifier has noticed."""
    before = verifier.log().count("L1 reorganised")
    rig.node.rpc.call("anvil_reorg", rig.chain.block_number() - last_kept, [])
    verifier.client.wait_until(lambda: verifier.log().count("L1 reorganised") > before, "the change to be noticed")


def test_a_dispute_survives_that_l1_forgets_its_move_its_assertion_and_its_batch(fresh_rig: Rig) -> None:
    rig, bond = fresh_rig, bonds(fresh_rig)
    sequencer, verifier = rig.start("sequencer"), rig.start("verifier")
    traffic(rig, sequencer)
    before_batch = rig.chain.block_number()
    traffic(rig, sequencer, 20)
    before_assertion = rig.chain.block_number()
    mallory, challenger = Purse(rig, rig.accounts["grace"]), Purse(rig, rig.accounts["verifier"])
    rig.start("proposer", "rogue", key=key(rig, "grace"), cheat="stall", assert_seconds=0.0)
    (first,) = wait_for_games(verifier, 1, turn="defender")

    reorganise(rig, verifier, rig.chain.block_number() - 1)
    verifier.client.wait_until(lambda: kept(rig, first["game"]), "the move to be made again")

    reorganise(rig, verifier, before_assertion)
    verifier.client.wait_until(lambda: kept(rig, first["game"]), "the assertion, and the move, to be made again")
    verifier.client.wait_until(lambda: len(games(verifier, game=first["game"])) == 1, "the game to be followed again")

    reorganise(rig, verifier, before_batch)
    assert not kept(rig, first["game"])
    verifier.client.wait_until(lambda: bool(games(verifier, status="open")), "a game about the new history", 60.0)
    (last,) = games(verifier, status="open")
    assert last["assertion"] != first["assertion"]
    rig.node.travel(CLOCK + 1)
    verifier.client.wait_until(
        lambda: any(each["status"] == "ended" for each in games(verifier, game=last["game"])), "the end"
    )
    ended = games(verifier, status="ended")
    assert {each["winner"] for each in ended} == {rig.accounts["verifier"].address}
    assert mallory.gained() <= -bond.assertion
    verifier.client.wait_until(
        lambda: (
            challenger.gained()
            == bond.assertion // 2 * len(games(verifier, status="ended"))
            - bond.challenge * len(games(verifier, status="open"))
        ),
        "the rewards",
    )
