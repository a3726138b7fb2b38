"""What is broken on purpose, and mended: ``l2kit fault``, ``l2kit heal`` and the library's calls, on one devnet.

Its owner works beside the tests; after each of them everything is whole again.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from desk import ETHER, Desk
from waiting import eventually

from toolkit import Devnet
from toolkit.bridge import passage
from toolkit.bridge.standing import Stage
from toolkit.devnet.rpc import Rpc
from toolkit.errors import BadInput, NodeError, ServiceError
from toolkit.rollup.client import OperationRefused
from toolkit.session import Session, attach
from toolkit.session.breaker import FINAL_DEPTH
from toolkit.session.keeper import Keeper
from toolkit.world import Options

pytestmark = pytest.mark.node


@dataclass
class Scene:
    """A devnet that somebody keeps, and who works with it.

    Attributes:
        said: what the owner's screen shows.
    """

    desk: Desk
    session: Session
    said: list[str] = field(default_factory=list)

    def services(self) -> dict[str, Any]:
        found: dict[str, Any] = self.desk.ask("status")["services"]
        return found

    def pid(self, service: str) -> int:
        return int(self.services()[service]["pid"])

    def posted(self) -> int:
        """How many batches are on L1."""
        return int(Rpc(self.session.local.services["sequencer"]).call("l2_status")["posted"])

    def posters(self, after: int) -> set[str]:
        """Who has posted the batches after that one."""
        asked = Rpc(self.session.local.services["sequencer"])
        return {str(asked.call("l2_batch", number)["poster"]) for number in range(after + 1, self.posted() + 1)}


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    said: list[str] = []
    with Devnet(Options(watchtower=True)) as devnet, Keeper(devnet, said.append).background():
        desk = Desk(devnet, tmp_path_factory.mktemp("faults") / "devnet.json")
        session = attach(desk.file)
        session.deposit("alice", 4 * ETHER, to="bob", wait=False)
        session.deposit("alice", 4 * ETHER)
        yield Scene(desk, session, said)


@pytest.fixture
def scene(kept: Scene) -> Iterator[Scene]:
    kept.said.clear()
    yield kept
    kept.session.heal()
    assert kept.session.faults() == []
    assert {each["state"] for each in kept.services().values()} == {"running"}


def test_a_sequencer_that_withholds_and_censors_does_so_until_it_is_healed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, url = scene.session, scene.services()["sequencer"]["url"]
    posted, alice, bob = scene.posted(), session.balance("alice"), session.balance("bob")
    assert "withholds its batches" in scene.desk.run("fault", "batch", "withhold").out
    with pytest.raises(
        ServiceError, match="nobody would post the deposit that is to be waited for: the sequencer with"
    ):
        session.deposit("alice", ETHER)
    session.deposit("alice", ETHER, wait=False)
    promised = session.transfer("alice", "carol", ETHER)

    told = scene.desk.ask("fault", "tx", "censor", "bob")
    assert told["detail"] == session.local.account("bob").address
    assert "the sequencer censors bob (0x" in told["said"]
    os.kill(scene.pid("sequencer"), signal.SIGKILL)
    assert eventually(lambda: any("sequencer has ended (killed by signal 9)" in each for each in scene.said))
    assert eventually(lambda: scene.services()["sequencer"]["state"] == "running")
    with pytest.raises(OperationRefused, match="no reason is given"):
        session.transfer("bob", "carol", ETHER)
    session.transfer("alice", "bob", ETHER)
    assert (session.balance("alice"), session.balance("bob")) == (alice - 2 * ETHER, bob + ETHER)
    monkeypatch.setattr(passage, "GRACE_SECONDS", 1.0)  # more than a sequencer needs that posts
    assert session.deposit("alice", ETHER, travel=True).stage is Stage.CREDITED
    session.travel(seconds=1)  # every service has seen it then
    assert scene.posters(posted) == {session.local.account("alice").address}, "whoever waits has posted in its stead"
    posted = scene.posted()
    assert session.balance("bob", layer="posted") == bob, "what was promised is not on L1"
    assert [each.how for each in session.faults()] == ["withhold", "censor"]

    censored = session.local.account("bob").address
    assert scene.desk.run("heal").out == f"healed: batch withhold\nhealed: tx censor {censored}\n"
    session.transfer("bob", "carol", ETHER)
    assert scene.services()["sequencer"]["url"] == url
    assert eventually(lambda: session.balance("alice") == alice), "both deposits, less what was paid"
    assert eventually(lambda: session.balance("bob", layer="posted") == bob)
    sequencer = session.local.service("sequencer")
    assert sequencer.wait_for_post(promised.hash, seconds=30).status == "posted"
    assert scene.posters(posted) == {session.local.account("sequencer").address}
    assert scene.said[-2:] == [f"healed: tx censor {censored}", f"sequencer runs again, at {url}"]


def test_who_is_offline_comes_back_with_its_memory_and_who_has_vanished_from_its_disk(scene: Scene) -> None:
    before = scene.services()
    scene.desk.ask("fault", "verifier", "offline")
    assert scene.desk.run("fault", "provider", "vanish").out == (
        "provider has vanished (killed, its disk stays) until it is healed\n"
    )
    with pytest.raises(ProcessLookupError):
        os.kill(before["provider"]["pid"], 0)
    asked = Rpc(before["verifier"]["url"], 0.2)
    assert eventually(lambda: not asked.answers())
    found = scene.services()
    assert (found["verifier"]["state"], found["verifier"]["pid"]) == ("offline", before["verifier"]["pid"])
    assert (found["provider"]["state"], found["provider"]["pid"]) == ("vanished", None)
    told = scene.desk.run("status").out
    assert "Broken on purpose ('l2kit heal' mends it)" in told
    assert "verifier is offline (frozen, with its memory) until it is healed" in told

    warned = list[str]()
    now = scene.session.travel(days=1, warn=warned.append)
    assert [each.split()[0] for each in warned] == ["verifier", "provider"]
    assert all(each.endswith("so it has not seen the time yet") for each in warned)
    with pytest.raises(ServiceError, match=r"provider has vanished .* 'l2kit heal provider' brings it back"):
        scene.session.withdraw("bob", ETHER, fast=True)
    assert [each["what"] for each in json.loads(scene.desk.run("fault", "--json").out)] == ["verifier", "provider"]

    assert [each.what for each in scene.session.heal("verifier")] == ["verifier"]
    assert Rpc(before["verifier"]["url"]).call("l2_status")["l1Timestamp"] >= now, "it has seen what it had missed"
    assert scene.services()["provider"]["state"] == "vanished"
    assert scene.desk.ask("heal")["healed"][0]["what"] == "provider"
    after = scene.services()
    assert after["verifier"]["pid"] == before["verifier"]["pid"] != after["provider"]["pid"]
    assert after["provider"]["url"] == before["provider"]["url"]
    assert Rpc(before["provider"]["url"]).call("l2_status")["l1Timestamp"] >= now
    assert {each["restarts"] for each in after.values()} == {each["restarts"] for each in before.values()}


def test_l1_is_down_for_a_while_and_everybody_bears_it(scene: Scene) -> None:
    before = scene.services()
    promised = scene.session.transfer("alice", "bob", 10**12)
    assert scene.desk.run("fault", "l1", "down", "2s").out == "L1 is down for 2 s: its node does not answer\n"
    assert eventually(lambda: scene.session.faults() == []), "nobody has healed it"
    alice = scene.session.balance("alice")
    assert scene.session.local.service("sequencer").wait_for_post(promised.hash, seconds=30).status == "posted"
    scene.session.deposit("alice", ETHER)
    assert scene.session.balance("alice") == alice + ETHER
    assert scene.session.travel(seconds=60, warn=pytest.fail) > 0, "every service sees it"
    after = scene.services()
    assert {name: each["pid"] for name, each in after.items()} == {name: each["pid"] for name, each in before.items()}
    assert scene.said == ["L1 is down for 2 s: its node does not answer", "L1 is back: its node answers again"]


def test_while_l1_is_down_that_is_said_at_once_and_it_can_be_healed(scene: Scene) -> None:
    session = scene.session
    session.fault("l1", "down", 36_000)
    sentence = (
        r"L1 is down for 10 h: its node does not answer, for another (10 h|9 h 59 min); 'l2kit heal l1' ends that"
    )
    with pytest.raises(NodeError, match=sentence):
        session.balance("alice", layer="l1")
    with pytest.raises(NodeError, match=sentence):
        session.travel(seconds=1)
    for words in (["deposit", "1", "--from", "alice"], ["dispute"], ["status", "0"]):
        assert "L1 is down for 10 h" in scene.desk.refused(*words)
    assert scene.desk.ask("status")["l1"]["trouble"] == "L1 is down for 10 h: its node does not answer"
    assert session.balance("bob") > 0, "the sequencer answers"
    for change in (["l1", "reorg", 1], ["batch", "withhold"]):
        with pytest.raises(NodeError, match=r"L1 is down, on purpose, for another .*: wait, or 'l2kit heal l1'"):
            session.fault(*change)
    assert [each.what for each in session.heal("l1")] == ["l1"]
    assert session.balance("alice", layer="l1") > 0


def test_l1_reorganises_and_the_sequencer_posts_again_what_it_had_promised(scene: Scene) -> None:
    session, chain = scene.session, scene.desk.devnet.l1
    held = session.balance("alice"), session.balance("bob")
    session.travel(seconds=60)  # so that nothing is on its way to a block
    paid = session.transfer("alice", "bob", 10**15, wait=True)
    now, head = session.travel(hours=5), chain.block_number()
    sequencer = session.local.service("sequencer")
    block = Rpc(session.local.url("verifier")).call("l2_batch", paid.batch)["block"]
    done = scene.desk.run("fault", "l1", "reorg", str(head - block + 1))
    assert done.code == 0, done
    assert "L1 has reorganised: " in done.out and "services send again what is theirs" in done.out
    assert chain.now() >= now, "time does not run backwards"
    assert chain.block_number() > head
    assert sequencer.wait_for_post(paid.hash, seconds=30).status == "posted"
    assert (session.balance("alice"), session.balance("bob")) == (held[0] - 10**15, held[1] + 10**15)
    assert eventually(lambda: session.balance("bob", layer="posted") == held[1] + 10**15)
    assert session.faults() == [], "it is over at once"


def test_a_reorganisation_tells_which_transactions_it_took_away(scene: Scene) -> None:
    chain, accounts = scene.desk.devnet.l1, scene.desk.devnet.accounts
    scene.session.travel(seconds=60)
    receipt = chain.send(accounts["erin"], to=accounts["frank"].address, value=ETHER)
    before = chain.balance(accounts["frank"].address)
    deep = chain.block_number() - receipt["blockNumber"] + 3  # somebody may mine meanwhile
    done = scene.session.fault("l1", "reorg", deep)
    assert "0x" + bytes(receipt["transactionHash"]).hex() in done.transactions
    assert chain.balance(accounts["frank"].address) == before - ETHER
    assert done.until == done.since


def test_what_an_anchor_undoes_are_faults_too(scene: Scene) -> None:
    session, pid = scene.session, scene.pid("verifier")
    before = session.balance("bob"), session.balance("bob", layer="l1")
    with session.anchor():
        session.transfer("alice", "bob", 10**15)
        session.deposit("bob", 10**15, wait=False)
        with pytest.raises(BadInput, match=r"a test's anchor, of block \d+, could not be returned to"):
            session.fault("l1", "reorg", FINAL_DEPTH)
        session.fault("verifier", "offline")
        with pytest.raises(ServiceError, match="not all can stand still: verifier is offline"):
            session.snapshot()
        session.fault("proposer", "vanish")
        session.fault("l1", "down", 600)
    assert session.faults() == []
    assert (session.balance("bob"), session.balance("bob", layer="l1")) == before
    assert (scene.pid("verifier"), scene.services()["proposer"]["state"]) == (pid, "running")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["geth", "vanish"], "'geth' cannot be broken here; there are sequencer, proposer, verifier, provider, watch"),
        (["verifier", "explode"], "verifier has no fault 'explode'; there is vanish and offline"),
        (["verifier", "censor", "bob"], "verifier has no fault 'censor'"),
        (["verifier", "vanish", "3"], "verifier vanish takes nothing more, and not '3'"),
        (["verifier"], "say what is broken and how, as in 'verifier offline' or 'l1 reorg 3'"),
        (["l1", "reorg", "3", "4"], "say what is broken and how"),
        (["l1", "vanish"], "l1 has no fault 'vanish'; there is reorg and down"),
        (["l1", "reorg"], "l1 reorg is told how many blocks, and not None"),
        (["l1", "reorg", "0"], "not 0: L1 is at block"),
        (["l1", "reorg", "-3"], "is a number of blocks, 1 or more, and not '-3'"),
        (["l1", "reorg", "three"], "is a number of blocks, 1 or more, and not 'three'"),
        (["l1", "reorg", "1000000"], "blocks can be taken back, not 1000000: L1 is at block"),
        (["l1", "down"], "l1 down is told for how many seconds, and not None"),
        (["l1", "down", "-5"], "'-5' is no span of time"),
        (["l1", "down", "0"], "the time 0 is not above zero"),
        (["l1", "down", "2d"], "L1 is down for 1 to 86400 s (a day), not for 172800 s"),
        (["batch", "withhold", "3"], "batch withhold is told nothing more, and not '3'"),
        (["tx", "censor"], "tx censor is told whom (an address), and not None"),
        (["tx", "censor", "nobody"], "'nobody' is neither an address nor the name"),
    ],
)
def test_wrong_input_gets_one_sentence_and_breaks_nothing(kept: Scene, words: list[str], why: str) -> None:
    assert why in kept.desk.refused("fault", *words)
    assert kept.session.faults() == []


def test_nothing_is_healed_where_nothing_is_broken(kept: Scene) -> None:
    assert kept.desk.run("fault").out == "nothing is broken on purpose\n"
    assert kept.desk.run("heal").out == "nothing was broken on purpose; every service that should run does\n"
    assert "there is no 'geth' to be healed; there are sequencer" in kept.desk.refused("heal", "geth")


def test_a_devnet_that_nobody_keeps_cannot_be_broken(kept: Scene, tmp_path: Path) -> None:
    described = json.loads(kept.desk.file.read_text())
    for folder, error, why in (
        (tmp_path, ServiceError, "nobody keeps the devnet in .* who could be asked to fault"),
        (tmp_path / "gone", BadInput, "this devnet does not run on this machine, or does not run any more"),
    ):
        (tmp_path / "other.json").write_text(json.dumps({**described, "folder": str(folder)}))
        other = attach(tmp_path / "other.json")
        assert other.faults() == []
        with pytest.raises(error, match=why):
            other.fault("verifier", "vanish")


def test_a_verifier_that_was_offline_disputes_what_is_wrong_as_soon_as_it_is_back(scene: Scene) -> None:
    session, devnet = scene.session, scene.desk.devnet
    session.fault("verifier", "offline")
    liar = devnet.process("liar", "proposer", devnet.accounts["grace"], cheat="wrong-state-root")
    liar.wait()
    session.transfer("alice", "bob", 10**15, wait=True)
    assert eventually(lambda: any(not each.agree for each in session.dispute().assertions))
    session.travel(days=3)
    assert session.dispute().games == ()
    session.heal()
    assert eventually(lambda: len(session.dispute().games) > 0)
    verifier = session.address("verifier")
    assert {each.state.game.challenger for each in session.dispute().games} == {verifier}
    devnet.folder.forget(liar.child)
