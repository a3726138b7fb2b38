"""Challenges of what is right cost the challengers, hold up nothing for good, and cost nobody honest."""

from __future__ import annotations

from rollup_services.court import CLOCK, Purse, bonds, games, key, traffic, wait_for_games
from rollup_services.rig import WINDOW, Rig

CROWD = 9
EXTENSION = 3 * 3600


def test_many_false_challenges_at_once_all_lose(fresh_rig: Rig) -> None:
    rig, bond = fresh_rig, bonds(fresh_rig)
    sequencer, verifier = rig.start("sequencer"), rig.start("verifier")
    batch = traffic(rig, sequencer)
    proposer_purse, honest = Purse(rig, rig.accounts["proposer"]), Purse(rig, rig.accounts["verifier"])
    proposer = rig.start("proposer", assert_seconds=3600.0)
    proposer.client.wait_until(lambda: proposer.client.status()["assertedBatch"] >= batch, "the assertion")
    rig.start("verifier", "crowd", key=key(rig, "grace"), cheat=f"false-challenge:{CROWD}")

    # Those that pick wrongly to the end lose by the step; the others have vanished, and lose by the clock.
    played = wait_for_games(proposer, (CROWD + 1) // 2, status="ended")
    assert {game["winner"] for game in played} == {rig.accounts["proposer"].address}
    assert all(game["finalStep"]["computed"] == game["finalStep"]["claimed"] for game in played)
    silent = wait_for_games(proposer, CROWD // 2, status="open", turn="challenger")
    assert len({game["challenger"] for game in [*played, *silent]}) == CROWD
    assert proposer.client.status()["confirmedBatch"] == 0
    rig.node.travel(CLOCK + 1)
    ended = wait_for_games(proposer, CROWD, status="ended")
    assert {game["winner"] for game in ended} == {rig.accounts["proposer"].address}
    assert not games(proposer, status="open")

    rig.node.travel(WINDOW)
    proposer.client.wait_until(lambda: proposer.client.status()["confirmedBatch"] >= batch, "confirmation")
    assert proposer_purse.gained() == CROWD * (bond.challenge // 2)
    assert honest.gained() == 0
    assert rig.chain.balance(rig.contracts.dispute.address) == CROWD * (bond.challenge - bond.challenge // 2)
    assert not games(verifier, challenger=rig.accounts["verifier"].address)


def test_an_assertion_of_somebody_who_vanished_can_be_lost_though_it_is_right_and_another_takes_its_place(
    fresh_rig: Rig,
) -> None:
    rig = fresh_rig
    sequencer, verifier = rig.start("sequencer"), rig.start("verifier")
    batch = traffic(rig, sequencer)
    gone = rig.start("proposer", "gone", key=key(rig, "heidi"), assert_seconds=3600.0)
    gone.client.wait_until(lambda: gone.client.status()["assertedBatch"] >= batch, "the assertion")
    gone.kill()
    rig.running.remove(gone)
    rogue = Purse(rig, rig.accounts["grace"])
    crowd = rig.start("verifier", "crowd", key=key(rig, "grace"), cheat="false-challenge:1")
    wait_for_games(verifier, 1, turn="defender")
    rig.node.travel(CLOCK + 1)
    (game,) = wait_for_games(verifier, 1, status="ended")
    assert game["winner"] == rig.accounts["grace"].address
    assert rogue.gained() == bonds(rig).assertion // 2
    crowd.stop()
    rig.running.remove(crowd)

    # The same cannot be asserted again, but something else that is right can.
    proposer = rig.start("proposer")
    proposer.client.wait_until(lambda: proposer.client.status()["agreed"] == 2, "another right assertion")
    assert proposer.client.status()["rejected"] == 1
    rig.node.travel(WINDOW)
    proposer.client.wait_until(lambda: proposer.client.status()["confirmedBatch"] > 0, "its confirmation")
    assert "refuses" not in proposer.log()


def test_a_game_whose_players_have_both_vanished_stops_nobody_for_good(fresh_rig: Rig) -> None:
    """Who asserts what is right before all others, and disputes it with another key, would else hold it for ever."""
    rig = fresh_rig
    sequencer = rig.start("sequencer")
    batch = traffic(rig, sequencer)
    gone = rig.start("proposer", "gone", key=key(rig, "heidi"), assert_seconds=3600.0)
    gone.client.wait_until(lambda: gone.client.status()["assertedBatch"] >= batch, "the assertion")
    crowd = rig.start("verifier", "crowd", key=key(rig, "grace"), cheat="false-challenge:1")
    gone.client.wait_until(lambda: gone.client.status()["disputes"] > 0, "the dispute")
    for each in (gone, crowd):
        each.kill()
        rig.running.remove(each)
    traffic(rig, sequencer)  # another batch, and perhaps moves that were under way

    proposer = rig.start("proposer")
    wait_for_games(proposer, 1, status="open")
    rig.node.travel(CLOCK + EXTENSION + 1)
    wait_for_games(proposer, 1, status="ended")

    def stands() -> bool:
        return any(each["status"] == "pending" for each in proposer.client.call("l2_assertions"))

    proposer.client.wait_until(stands, "a right assertion")
    rig.node.travel(WINDOW)
    proposer.client.wait_until(lambda: proposer.client.status()["confirmedBatch"] >= batch, "its confirmation")
