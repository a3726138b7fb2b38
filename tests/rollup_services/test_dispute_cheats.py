"""Every way in which a proposer can cheat ends with the cheat paying, and with nobody honest losing anything."""

from __future__ import annotations

from rollup_services.court import Purse, bonds, key, traffic, wait_for_games
from rollup_services.rig import WINDOW, Rig


def test_a_stolen_balance_is_disputed_step_by_step_and_costs_the_thief_its_bond(fresh_rig: Rig) -> None:
    rig, bond = fresh_rig, bonds(fresh_rig)
    mallory, honest = rig.accounts["grace"], rig.accounts["verifier"]
    sequencer, verifier = rig.start("sequencer"), rig.start("verifier")
    batch = traffic(rig, sequencer)
    verifier.client.wait_until(lambda: verifier.client.status()["batches"] >= batch, "the batch")
    thief, challenger = Purse(rig, mallory), Purse(rig, honest)
    rogue = rig.start("proposer", "rogue", key=key(rig, "grace"), cheat="stolen-balance")
    (game,) = wait_for_games(verifier, 1, status="ended")
    assert (game["challenger"], game["defender"]) == (honest.address, mallory.address)
    assert game["winner"] == honest.address
    assert game["finalStep"]["computed"] != game["finalStep"]["claimed"]
    assert [move["what"] for move in game["moves"][:2]] == ["open", "defend"]
    assert [move["what"] for move in game["moves"][-2:]] == ["prove", "end"]
    assert thief.gained() == -bond.assertion
    assert challenger.gained() == bond.assertion // 2
    assert rig.chain.balance(rig.contracts.dispute.address) == bond.assertion - bond.assertion // 2
    rogue.stop()
    rig.running.remove(rogue)

    proposer = rig.start("proposer")
    proposer.client.wait_until(lambda: proposer.client.status()["assertedBatch"] >= batch, "the right assertion")
    rig.node.travel(WINDOW)
    proposer.client.wait_until(lambda: proposer.client.status()["confirmedBatch"] >= batch, "its confirmation")
