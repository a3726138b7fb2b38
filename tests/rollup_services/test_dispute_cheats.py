"""Every way in which a proposer can cheat ends with the cheat paying, and with nobody honest losing anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from rollup_services.court import Purse, bonds, games, key, traffic, wait_for_games
from rollup_services.rig import WINDOW, Rig, Service, start_rig

ONCE = 3600.0
"""Seconds between a cheat's assertions: it makes one."""


@dataclass
class Court:
    rig: Rig
    sequencer: Service
    verifier: Service
    proposer: Service

    def confirm(self, batch: int) -> None:
        """The honest state after a batch becomes final."""
        status = self.proposer.client.status
        self.proposer.client.wait_until(lambda: status()["assertedBatch"] >= batch, "the right assertion")
        self.rig.node.travel(WINDOW)
        self.proposer.client.wait_until(lambda: status()["confirmedBatch"] >= batch, "its confirmation")


@pytest.fixture(scope="module")
def court() -> Iterator[Court]:
    """Honest services that run for all tests here."""
    with start_rig() as rig:
        yield Court(rig, rig.start("sequencer"), rig.start("verifier"), rig.start("proposer"))


@pytest.fixture
def rogue(court: Court) -> Iterator[None]:
    """Cheats end with the test."""
    honest = list(court.rig.running)
    yield
    for service in [each for each in court.rig.running if each not in honest]:
        service.stop()
        court.rig.running.remove(service)


@pytest.mark.usefixtures("rogue")
@pytest.mark.parametrize("cheat", ["stolen-balance", "wrong-state-root", "unfinished", "stale"])
def test_a_lie_is_disputed_step_by_step_and_costs_its_bond(court: Court, cheat: str) -> None:
    rig, verifier, bond = court.rig, court.verifier, bonds(court.rig)
    batch = traffic(rig, court.sequencer, 300)
    burned = rig.chain.balance(rig.contracts.dispute.address)
    mallory, challenger = Purse(rig, rig.accounts["grace"]), Purse(rig, rig.accounts["verifier"])
    before = len(games(verifier))
    rig.start("proposer", cheat, key=key(rig, "grace"), cheat=f"{cheat}:{batch}", assert_seconds=ONCE)
    game = wait_for_games(verifier, before + 1, status="ended")[-1]
    assert (game["challenger"], game["defender"]) == (rig.accounts["verifier"].address, rig.accounts["grace"].address)
    assert game["winner"] == game["challenger"]
    assert game["finalStep"]["computed"] != game["finalStep"]["claimed"]
    assert [move["what"] for move in game["moves"]][:2] == ["open", "defend"]
    assert [move["what"] for move in game["moves"]][-2:] == ["prove", "end"]
    assert mallory.gained() == -bond.assertion
    assert challenger.gained() == bond.assertion // 2
    assert rig.chain.balance(rig.contracts.dispute.address) - burned == bond.assertion - bond.assertion // 2
    court.confirm(batch)
    status = verifier.client.status()
    assert (status["disagreed"], status["openDisputes"]) == (0, 0)
    assert "L1 refuses" not in verifier.log()


def test_of_two_siblings_the_wrong_one_dies_and_the_right_one_stands(fresh_rig: Rig) -> None:
    rig, bond = fresh_rig, bonds(fresh_rig)
    sequencer, verifier = rig.start("sequencer"), rig.start("verifier")
    batch = traffic(rig, sequencer)
    mallory = Purse(rig, rig.accounts["grace"])
    rogue = rig.start("proposer", "two", key=key(rig, "grace"), cheat="equivocation", assert_seconds=0.0)
    (game,) = wait_for_games(verifier, 1, status="ended")
    assert (game["winner"], game["defender"]) == (rig.accounts["verifier"].address, rig.accounts["grace"].address)
    right, wrong = sorted(verifier.client.call("l2_assertions"), key=lambda each: each["agree"], reverse=True)
    assert (right["agree"], right["status"], wrong["agree"], wrong["status"]) == (True, "pending", False, "rejected")
    assert (right["parent"], right["batch"]) == (wrong["parent"], wrong["batch"])
    assert game["assertion"] == wrong["id"]
    rig.node.travel(WINDOW)
    rogue.client.wait_until(lambda: rogue.client.status()["confirmedBatch"] >= batch, "the right one's confirmation")
    assert mallory.gained() == -bond.assertion


def test_a_forged_signature_moves_nothing_and_who_claims_that_it_did_pays(fresh_rig: Rig) -> None:
    rig, bond = fresh_rig, bonds(fresh_rig)
    sequencer, verifier = rig.start("sequencer", cheat="forged-signature"), rig.start("verifier")
    batch = traffic(rig, sequencer)
    verifier.client.wait_until(lambda: verifier.client.status()["batches"] >= batch, "the batch")
    assert verifier.client.status()["recordsWithoutEffect"] == 1
    mallory, challenger = Purse(rig, rig.accounts["grace"]), Purse(rig, rig.accounts["verifier"])
    cheat = "forged-signature"
    rig.start("proposer", "rogue", key=key(rig, "grace"), cheat=cheat, assert_seconds=ONCE)
    (game,) = wait_for_games(verifier, 1, status="ended")
    assert game["winner"] == rig.accounts["verifier"].address
    assert mallory.gained() == -bond.assertion
    assert challenger.gained() == bond.assertion // 2


def test_a_cheat_that_waits_until_its_clock_has_all_but_run_out_loses_by_a_step(fresh_rig: Rig) -> None:
    rig = fresh_rig
    sequencer, verifier = rig.start("sequencer"), rig.start("verifier")
    traffic(rig, sequencer)
    rig.start("proposer", "rogue", key=key(rig, "grace"), cheat="stall", assert_seconds=ONCE)
    game = wait_for_games(verifier, 1)[-1]
    waited = 0
    while game["status"] == "open":
        if game["turn"] == "defender":
            moves, rest = len(game["moves"]), game["deadline"] - rig.chain.now()
            assert rest > 600, "it waits"
            rig.node.travel(rest - 60)
            waited += rest - 60
            assert not games(verifier, status="ended"), "it waits until the last seconds"
            rig.node.travel(56)
            verifier.client.wait_until(lambda: len(games(verifier)[0]["moves"]) > moves, "its move")  # noqa: B023
        (game,) = games(verifier)
    assert waited > 24 * 3600
    assert game["winner"] == rig.accounts["verifier"].address
    assert game["finalStep"]["computed"] != game["finalStep"]["claimed"]
    assert game["moves"][-1]["clocks"]["challenger"] > 23 * 3600


def test_a_cheat_that_does_not_answer_loses_by_the_clock(fresh_rig: Rig) -> None:
    rig, bond = fresh_rig, bonds(fresh_rig)
    sequencer, verifier = rig.start("sequencer"), rig.start("verifier")
    traffic(rig, sequencer)
    mallory, challenger = Purse(rig, rig.accounts["grace"]), Purse(rig, rig.accounts["verifier"])
    rogue = rig.start("proposer", "rogue", key=key(rig, "grace"), cheat="stall", assert_seconds=ONCE)
    wait_for_games(verifier, 1, turn="defender")
    rogue.kill()
    rig.running.remove(rogue)
    rig.node.travel(24 * 3600 + 1)
    (game,) = wait_for_games(verifier, 1, status="ended")
    assert game["winner"] == rig.accounts["verifier"].address
    assert game["finalStep"] is None
    assert mallory.gained() == -bond.assertion
    assert challenger.gained() == bond.assertion // 2


def test_a_batch_that_the_inbox_has_forgotten_is_brought_back_and_the_cheat_loses_all_the_same() -> None:
    with start_rig(ring_size=4) as rig:
        sequencer, watcher = rig.start("sequencer"), rig.start("verifier", "watcher", key="")
        batch = traffic(rig, sequencer)
        rig.start("proposer", "rogue", key=key(rig, "grace"), cheat=f"stolen-balance:{batch}", assert_seconds=ONCE)
        watcher.client.wait_until(lambda: watcher.client.status()["disagreed"] == 1, "the lie")
        alice, bob = rig.accounts["alice"], rig.accounts["bob"]
        for _ in range(5):
            sequencer.client.wait_for_post(sequencer.client.transfer(alice, bob.address_bytes, 10**12).hash)
        verifier = rig.start("verifier")
        (game,) = wait_for_games(verifier, 1, status="ended")
        assert game["winner"] == rig.accounts["verifier"].address
        assert "reminds the Inbox of its accumulator after batch " in verifier.log()
        assert game["finalStep"]["computed"] != game["finalStep"]["claimed"]
