"""``l2kit escape`` and the others when services vanish one after the other: nobody's money stays behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from desk import ETHER, Desk
from waiting import eventually

from toolkit import Devnet

pytestmark = pytest.mark.node


def deeds(found: dict[str, list[dict[str, str]]]) -> str:
    """What transactions did, in words."""
    return "; ".join(each["did"] for each in found["transactions"])


def kill(devnet: Devnet, *roles: str) -> None:
    for role in roles:
        service = devnet.services.pop(role)
        service.child.kill()
        service.child.stop()


def test_everybody_leaves_in_the_end(tmp_path: Path) -> None:
    with Devnet() as devnet:
        desk = Desk(devnet, tmp_path / "devnet.json")
        everything = ["escape", "--for", "everybody", "--from", "heidi"]

        for refused in (["nobody"], ["alice", "--from", "nobody"]):
            answer = desk.refused("escape", "--for", *refused)
            assert "'nobody'" in answer and "what was done" not in answer

        # While the rollup lives nobody needs to, and nobody can.
        assert "nothing of anybody's is in the last state that L1 has confirmed" in desk.refused(*everything)
        desk.ask("deposit", "5", "--from", "alice", "--wait")
        desk.ask("deposit", "7", "--from", "bob", "--token", "DEV", "--wait")
        lives = desk.run("escape", "--for", "bob", "--travel")
        assert (lives.code, "the rollup lives: L1 has confirmed the state after batch" in lives.error) == (1, True)
        assert "bob raised the alarm" in lives.out

        # Without a sequencer operations and deposits get in through L1, by whoever waits for them.
        kill(devnet, "sequencer")
        answer = desk.refused("withdraw", "1", "--from", "alice")
        assert "does not answer: 'l2kit withdraw --forced' goes through L1 without it" in answer
        found = desk.ask("withdraw", "1", "--from", "alice", "--forced", "--travel")
        assert found["stage"] == "claimed"
        assert deeds(found).count("alice posted batch") == 2
        found = desk.ask("deposit", "0.5", "--from", "carol", "--travel")
        assert (found["stage"], deeds(found).count("in the sequencer's stead")) == ("credited", 2)
        carols = found["transactions"][0]["transaction"]
        assert eventually(lambda: desk.ask("status", carols)["until"] is not None), "to be asserted"

        # Without anybody a right assertion is confirmed by whoever leaves; what is not in it comes back another way.
        kill(devnet, "proposer", "verifier", "provider")
        stuck = desk.run("withdraw", "0.125", "--from", "alice", "--forced", "--travel")
        assert (stuck.code, "no proposer answers, and 'l2kit escape' is the way out" in stuck.error) == (1, True), stuck
        desk.ask("deposit", "0.25", "--from", "dave")
        found = desk.ask("escape", "--for", "alice")
        assert (deeds(found).startswith("alice raised the alarm"), found["paid"], found["over"]) == (True, [], False)
        assert "which is asserted, to be confirmed" in str(found["waits_for"])
        assert "an alarm was raised" in " ".join(desk.ask("status", carols)["happened"])
        done = desk.run("escape", "--for", "alice")
        assert done.out.startswith("nothing has been paid yet: it waits for the state after batch"), (
            "nothing to be done twice"
        )

        before = {name: desk.l1(name) for name in ("alice", "carol", "dave")}
        done = desk.run(*everything, "--travel")
        assert done.code == 0, done
        for part in (
            "heidi confirmed the state",
            "heidi raised the alarm",
            "heidi froze the rollup",
            "a deposit of 0.25 ETH",
        ):
            assert part in done.out
        paid = " ".join(done.out[done.out.index("Paid on L1") :].split())
        assert paid == "Paid on L1 alice 4 ETH bob 7 DEV carol 0.5 ETH dave 0.25 ETH"
        gained = {name: desk.l1(name) - owned for name, owned in before.items()}
        assert gained == {"alice": 4 * ETHER, "carol": ETHER // 2, "dave": ETHER // 4}
        bridge, token = devnet.contracts["Bridge"].address, devnet.contracts["Token"].functions
        assert (devnet.l1.balance(bridge), token.balanceOf(bridge).call()) == (0, 0), "nobody's money is left"

        assert desk.ask(*everything) == {
            "paid": [], "waits_until": None, "waits_for": None, "over": True, "credits": [], "transactions": [],
        }  # fmt: skip
        assert "carol has escaped with 0.5 ETH" in desk.ask("status", carols)["happened"]
        assert "the rollup is frozen and takes nothing any more" in desk.refused("deposit", "1", "--from", "alice")
        for words in (["withdraw", "1", "--from", "alice"], ["withdraw", "1", "--from", "alice", "--forced"]):
            assert "the rollup is frozen: 'l2kit escape --for alice' pays" in desk.refused(*words)
