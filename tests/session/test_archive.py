"""A devnet saved in the middle of everything, ended, and loaded: it goes on as if nothing had happened."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import time
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from waiting import eventually

from session.town import ETHER, GWEI, PARTIES, Town, town
from toolkit import Devnet
from toolkit.channel.local import Local
from toolkit.channel.process import PeerProcess
from toolkit.devnet import Chain, RunFolder
from toolkit.devnet.archive import Archive
from toolkit.devnet.rpc import Rpc
from toolkit.devnet.running import end, find_session
from toolkit.errors import BadInput, L2KitError, NodeError
from toolkit.session import Session, archive, load
from toolkit.world import Options

DAY = 24 * 3600
NAME = f"loaded-{time.time_ns() % 10**9}"


class Before:
    """What was there when it was saved, and where."""

    def __init__(self, made: Town, file: Path) -> None:
        devnet, session = made.devnet, made.session
        self.file, self.channel = file, made.channel
        devnet.services["sequencer"].child.kill()
        devnet.folder.forget(devnet.services["sequencer"].child)
        # One that has not posted what follows when it is saved.
        port = urlsplit(devnet.services["sequencer"].url).port
        devnet.process("sequencer", "sequencer", devnet.accounts["sequencer"], batch_seconds=1e9, port=port).wait()
        session.withdraw("bob", ETHER // 4)
        self.promised = session.transfer("alice", "bob", ETHER).hash
        session.travel(days=3)
        made.pay(777_000)
        self.balances = {
            (who, layer): session.balance(who, layer=layer) for who in PARTIES for layer in ("l1", "l2", "posted")
        }
        self.channels = made.channels()
        self.ports = [int(peer.ready["port"]) for peer in made.peers.values()]
        self.saved = session.save(file)
        self.blocks = blocks(devnet.l1.rpc)
        self.old = self.old_state(devnet.l1.rpc)
        self.token = devnet.contracts["Token"].address

    @staticmethod
    def old_state(rpc: Rpc) -> list[Any]:
        account = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
        return [rpc.call("eth_getBalance", account, hex(number)) for number in range(rpc.quantity("eth_blockNumber"))]


def blocks(rpc: Rpc) -> list[Any]:
    """Everything of every block: its transactions, receipts, and blobs."""
    found = []
    for number in range(rpc.quantity("eth_blockNumber") + 1):
        block = rpc.call("eth_getBlockByNumber", hex(number), True)
        blobs = [
            rpc.call("anvil_getBlobsByTransactionHash", each["hash"])
            for each in block["transactions"]
            if each["type"] == "0x3"
        ]
        found.append([block, rpc.call("eth_getBlockReceipts", hex(number)), blobs])
    return found


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Before:
    with Devnet(Options(watchtower=True)) as devnet, town(devnet) as made:
        devnet.access.sequencer.call("l2_setBatchData", "blobs")
        made.session.transfer("alice", "bob", ETHER, wait=True)
        return Before(made, tmp_path_factory.mktemp("saved") / "devnet.l2kit")


@pytest.fixture(scope="module")
def after(before: Before) -> Iterator[Session]:
    with ExitStack() as taken:  # by who else runs there
        for port in before.ports:
            taken.enter_context(socket.create_server(("127.0.0.1", port)))
        session = load(before.file, NAME)
        yield session
        end(find_session(NAME))


@pytest.fixture(scope="module")
def peers(after: Session) -> Iterator[dict[str, PeerProcess]]:
    """Started as 'l2kit channel peer' does."""
    assert after.local.folder is not None
    local = Local.find(after.local.folder / "devnet.json")
    with ExitStack() as stack:
        folder, found = stack.enter_context(RunFolder()), {}
        for name in PARTIES:
            local.configure(name, towers=[local.tower()])
            config = json.loads((local.folder / name / "config.json").read_text())
            (folder.path / name).symlink_to(local.folder / name)
            found[name] = PeerProcess(folder, after.local.accounts[name], config, name)
            stack.callback(found[name].stop)
        yield found


def test_the_history_and_the_clock_of_l1_are_as_they_were(before: Before, after: Session) -> None:
    assert any(blobs for _, _, blobs in before.blocks)
    with closing(Rpc(after.local.source.l1_rpc)) as rpc:
        assert blocks(rpc)[: len(before.blocks)] == before.blocks
        assert before.old_state(rpc)[: len(before.old)] == before.old
        assert int(rpc.call("eth_getBlockByNumber", "pending", False)["timestamp"], 16) >= before.saved.time
        assert before.saved.time > time.time() + 2 * DAY
    chain = Chain(after.local.source.l1_rpc)
    chain.send(after.local.accounts["carol"], to=after.local.accounts["dave"].address, value=1)
    assert before.saved.time <= chain.now() < before.saved.time + DAY
    chain.rpc.close()


def test_what_was_promised_is_posted_and_everybody_holds_what_they_held(before: Before, after: Session) -> None:
    for who in PARTIES:
        assert after.balance(who, layer="l1") == before.balances[who, "l1"]
        assert after.balance(who) == before.balances[who, "l2"]
    assert before.balances["bob", "posted"] != before.balances["bob", "l2"]
    assert after.local.service("sequencer").wait_for_post(before.promised).status == "posted"
    assert eventually(lambda: after.balance("bob", layer="posted") == before.balances["bob", "l2"])


def test_whoever_comes_new_derives_the_same_from_l1_alone(after: Session) -> None:
    with after.local.onlooker() as onlooker:
        derived = onlooker.look().replica.derived[-1]
    verifier = after.local.service("verifier")
    assert eventually(lambda: int(verifier.status()["batches"]) == derived.batch)
    assert verifier.status()["machineHash"] == "0x" + derived.machine_hash.hex()
    assert verifier.status()["disagreed"] == 0


def test_a_channel_goes_on_where_it_was(before: Before, after: Session, peers: dict[str, PeerProcess]) -> None:
    for peer in peers.values():
        peer.connected(before.channel)
    found = [peer.control.status(before.channel) for peer in peers.values()]
    assert [[each["nonce"], each["balance"], each["connected"]] for each in found] == before.channels
    nonce = peers["alice"].control.pay(before.channel, [1_000])
    assert nonce == before.channels[0][0] + 1
    bob, owned = peers["bob"].control, after.balance("bob", layer="l1")
    gas = bob.ask("close_now", channel="0x" + before.channel.hex())["gas"]
    assert gas and after.balance("bob", layer="l1") > owned + (777_000 + 2_000) * GWEI - gas * 10**10


def test_a_withdrawal_is_claimed_when_its_window_is_over(before: Before, after: Session) -> None:
    after.local.service("sequencer").wait_for_post(before.promised)
    owned = after.balance("bob", layer="l1")
    after.claim("0", "carol", travel=True)
    assert after.balance("bob", layer="l1") == owned + ETHER // 4


def test_nothing_of_this_machine_is_in_an_archive(before: Before) -> None:
    with zipfile.ZipFile(before.file) as found:
        names = found.namelist()
        texts = [found.read(name) for name in names]
    assert {"services/sequencer/journal.sqlite", "services/channels/alice/channels.db"} <= set(names)
    assert {"services/watchtower/tower.db", "services/verifier/l1.sqlite", "l1.json"} <= set(names)
    assert not any(str(Path.home()).encode() in each or b"/tmp/" in each for each in texts)


def test_an_archive_is_replaced_and_nothing_else_is(before: Before, after: Session, tmp_path: Path) -> None:
    (mine := tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(BadInput, match=r"mine.txt exists and is not from 'l2kit save'"):
        after.save(mine)
    with pytest.raises(BadInput, match="its folder does not exist"):
        after.save(tmp_path / "nowhere" / "file")
    first = after.save(tmp_path / "again")
    after.travel(minutes=1)
    second = after.save(tmp_path / "again")
    with Archive(tmp_path / "again") as found:
        assert found.manifest.block == second.block > first.block
    assert mine.read_text() == "mine"


def test_what_a_service_that_was_killed_has_left_beside_its_database_is_in_it(after: Session, tmp_path: Path) -> None:
    assert after.local.folder is not None
    place = after.local.folder / "channels" / "killed"
    place.mkdir()
    (place / "config.json").write_text("{}")
    with closing(sqlite3.connect(tmp_path / "channels.db", isolation_level=None)) as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("CREATE TABLE told (what TEXT)")
        db.execute("INSERT INTO told VALUES ('a secret')")
        for left in ("channels.db", "channels.db-wal"):
            shutil.copy(tmp_path / left, place / left)
    assert b"a secret" not in (place / "channels.db").read_bytes()
    after.save(file := tmp_path / "file")
    shutil.rmtree(place)
    with zipfile.ZipFile(file) as found:
        assert [name for name in found.namelist() if "killed" in name] == ["services/channels/killed/channels.db"]
        assert b"a secret" in found.read("services/channels/killed/channels.db")


class _Busy:
    """A node that mines at each call, so many times."""

    def __init__(self, times: int) -> None:
        self.times, self.block = times, 0

    def call(self, method: str, *_: Any) -> Any:
        if method == "anvil_dumpState":
            dumped = f"0x{self.block:02x}"
            self.block += self.block < self.times
            return dumped
        return {"number": hex(self.block), "hash": f"0x{self.block:02x}"}


def test_what_is_saved_of_l1_is_its_latest_block_also_where_others_go_on() -> None:
    dumped, latest = archive._dumped(cast(Rpc, _Busy(3)))
    assert dumped == latest["hash"] == "0x03"
    with pytest.raises(NodeError, match="has new blocks faster than it tells its state: block 10 by now"):
        archive._dumped(cast(Rpc, _Busy(1000)))


def test_what_cannot_be_loaded_starts_nothing(before: Before, after: Session, tmp_path: Path) -> None:
    (broken := tmp_path / "broken").write_bytes(before.file.read_bytes()[:-100])
    with pytest.raises(BadInput, match="is no devnet that l2kit has saved, or not all of it"):
        load(broken, "broken")
    with pytest.raises(L2KitError, match=f"a session '{NAME}' runs already"):
        load(before.file, NAME)
