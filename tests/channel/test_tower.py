"""The watchtower as a process: what it takes, what it does, and that it does it after any kill -9."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import sqlite3
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from toolkit.channel.guard import Sight, Stand
from toolkit.channel.onchain import OnChain
from toolkit.channel.position import Position
from toolkit.channel.process import Process, on_l1
from toolkit.channel.state import Channel, ChannelTerms, Deposits, Lock, Side, SignedState, Signing, State, locks_root
from toolkit.channel.tower import Tower, TowerConfig
from toolkit.channel.tower_client import TowerClient, Unwelcome, encode, parse
from toolkit.crypto import keccak256, sign
from toolkit.devnet import Account, Chain, Node, RunFolder
from toolkit.errors import ServiceError

from .line import Line
from .people import DAY
from .rig import wait_for

pytestmark = pytest.mark.node
ONE = 10**9
SECRET = b"s" * 32


class Watch:
    """A channel of alice and bob on L1, and towers."""

    def __init__(self, chain: Chain, node: Node, accounts: dict[str, Account], folder: RunFolder) -> None:
        self.chain, self.node, self.accounts, self.folder = chain, node, accounts, folder
        contract, _ = chain.deploy(accounts["deployer"], "PaymentChannels")
        self.onchain = OnChain(chain, contract.address)
        self.alice, self.bob = accounts["alice"], accounts["bob"]
        self.channel = self.open(0)

    def open(self, salt: int) -> Channel:
        channel, _ = self.onchain.open(self.alice, ChannelTerms(self.bob.address_bytes, DAY, salt=salt), ONE)
        self.onchain.top_up(self.bob, channel, Side.B, ONE)
        return channel

    def tower(self, name: str = "heidi", **settings: Any) -> Process:
        l1 = on_l1(self.chain.chain_id, self.onchain.contract.address, self.node.url, poll_seconds=0.05)
        return Process(
            self.folder, f"tower-{name}", "toolkit.channel.tower", self.accounts[name].key, {**l1, **settings}
        )

    def stand(self, nonce: int, net: int, *locks: Lock, channel: Channel | None = None, **given: Any) -> Stand:
        channel = channel or self.channel
        state = State(nonce, net, locks_root(locks))
        digest = Signing(self.chain.chain_id, self.onchain.address, channel.id).state_digest(state)
        by_a, by_b = sign(self.alice.key, digest), sign(self.bob.key, digest)
        return Stand(channel, None, **{"newest": state, "locks": locks, "by_a": by_a, "by_b": by_b, **given})

    def nonce(self) -> int:
        return self.onchain.position(self.channel).nonce


@pytest.fixture
def watch(chain: Chain, node: Node, accounts: dict[str, Account]) -> Iterator[Watch]:
    with RunFolder() as folder:
        yield Watch(chain, node, accounts, folder)


def keep(tower: Process, stand: Stand) -> None:
    asyncio.run(TowerClient(tower.ready["url"]).keep(stand))


def told(tower: Process, stand: Stand) -> dict[str, Any]:
    return asyncio.run(TowerClient(tower.ready["url"]).channel(stand.channel.id))


def close_with(watch: Watch, stand: Stand) -> None:
    assert stand.by_b is not None
    watch.onchain.close_alone(watch.alice, stand.channel, SignedState(stand.newest, stand.by_b))


def test_a_stale_close_is_answered_while_both_parties_are_away(watch: Watch) -> None:
    tower = watch.tower()
    keep(tower, watch.stand(5, 50))
    keep(tower, watch.stand(9, 90))
    close_with(watch, watch.stand(1, 10))
    wait_for(lambda: watch.nonce() == 9)
    wait_for(lambda: [each["did"] for each in told(tower, watch.stand(9, 90))["done"]] == ["challenge"])
    watch.node.travel(DAY + 1)
    watch.onchain.settle(watch.bob, watch.channel)
    assert not watch.onchain.position(watch.channel).exists


@pytest.mark.parametrize("when", ["before the close", "after the close"])
def test_a_killed_tower_answers_when_it_is_back(watch: Watch, when: str) -> None:
    tower = watch.tower()
    keep(tower, watch.stand(9, 90))
    if when == "before the close":
        tower.kill()
        tower = watch.tower()
        close_with(watch, watch.stand(1, 10))
    else:
        tower.kill()
        close_with(watch, watch.stand(1, 10))
        watch.node.travel(DAY - 600)
        tower = watch.tower()
    wait_for(lambda: watch.nonce() == 9)


def test_two_towers_do_no_harm(watch: Watch) -> None:
    towers = [watch.tower("heidi"), watch.tower("grace")]
    for tower in towers:
        keep(tower, watch.stand(9, 90))
    close_with(watch, watch.stand(1, 10))
    wait_for(lambda: watch.nonce() == 9)
    wait_for(lambda: sum(len(told(tower, watch.stand(9, 90))["done"]) for tower in towers) == 1)
    for tower in towers:
        assert asyncio.run(TowerClient(tower.ready["url"]).status())["trouble"] is None


def test_a_challenge_that_a_reorganisation_drops_is_made_again(watch: Watch) -> None:
    tower = watch.tower()
    keep(tower, watch.stand(9, 90))
    close_with(watch, watch.stand(1, 10))
    wait_for(lambda: len(told(tower, watch.stand(9, 90))["done"]) == 1)
    watch.node.rpc.call("anvil_reorg", 1, [])
    assert watch.nonce() == 1
    wait_for(lambda: watch.nonce() == 9)


def test_a_lock_whose_secret_the_tower_knows_is_taken(watch: Watch) -> None:
    tower = watch.tower()
    lock = Lock(keccak256(SECRET), 30, watch.chain.now() + 10 * DAY)
    keep(tower, watch.stand(9, 90, lock))
    keep(tower, watch.stand(9, 90, lock, secrets={lock.hash: SECRET}))
    close_with(watch, watch.stand(1, 10))
    wait_for(lambda: watch.nonce() == 9)
    wait_for(lambda: watch.onchain.revealed_at(lock.hash) > 0)
    watch.node.travel(DAY + 1)
    before = watch.chain.balance(watch.alice.address)
    watch.onchain.settle(watch.bob, watch.channel, [lock])
    assert watch.chain.balance(watch.alice.address) - before == (ONE - 120) * 10**9


def test_a_newer_state_without_its_secrets_does_not_take_them_from_the_tower(watch: Watch) -> None:
    """It may come from the other party, which has no interest in them."""
    tower = watch.tower()
    lock = Lock(keccak256(SECRET), 30, watch.chain.now() + 10 * DAY)
    keep(tower, watch.stand(8, 80, lock, secrets={lock.hash: SECRET}))
    keep(tower, watch.stand(9, 90, lock))
    assert told(tower, watch.stand(9, 90))["secrets"] == 1
    keep(tower, watch.stand(10, 120))
    assert told(tower, watch.stand(9, 90))["secrets"] == 0, "the lock is gone"


def test_the_lock_of_somebody_who_is_away_is_revealed_before_it_expires(watch: Watch) -> None:
    tower = watch.tower(margin_seconds=300)
    lock = Lock(keccak256(SECRET), 30, watch.chain.now() + 1000)
    keep(tower, watch.stand(9, 90, lock, secrets={lock.hash: SECRET}))
    watch.node.rpc.call("evm_increaseTime", hex(650))
    wait_for(lambda: bool(status(tower)["block_time"] > lock.expiry - 360))
    assert watch.onchain.revealed_at(lock.hash) == 0, "its owner has time yet"
    watch.node.rpc.call("evm_increaseTime", hex(60))
    wait_for(lambda: watch.onchain.revealed_at(lock.hash) > 0)
    assert watch.onchain.position(watch.channel).deadline == 0, "a tower closes nothing"


@pytest.fixture
def idle(watch: Watch) -> Iterator[Callable[[], None]]:
    """Call it, and from then on blocks are made only when asked for."""
    yield lambda: watch.node.rpc.call("evm_setAutomine", False)
    watch.node.rpc.call("anvil_dropAllTransactions")
    watch.node.rpc.call("evm_setAutomine", True)


def test_two_towers_in_one_block_do_no_harm(watch: Watch, idle: Callable[[], None]) -> None:
    towers = [watch.tower("heidi"), watch.tower("grace")]
    close_with(watch, watch.stand(1, 10))
    idle()
    for tower in towers:
        keep(tower, watch.stand(9, 90))
    wait_for(lambda: len(watch.node.rpc.call("txpool_content")["pending"]) == 2)
    watch.node.rpc.call("evm_mine")
    assert watch.nonce() == 9
    wait_for(lambda: sum(len(told(tower, watch.stand(9, 90))["done"]) for tower in towers) == 1)
    wait_for(lambda: sum(status(tower)["failed"].get("challenge: reverted", 0) for tower in towers) == 1)
    assert [status(tower)["trouble"] for tower in towers] == [None, None]


def test_a_node_that_was_away_is_looked_at_when_it_is_back(watch: Watch) -> None:
    line = Line(watch.node.url)
    tower = watch.tower(l1_rpc=line.url)
    keep(tower, watch.stand(8, 80))
    line.cut()
    close_with(watch, watch.stand(1, 10))
    wait_for(lambda: "no Ethereum node answers" in str(status(tower)["trouble"]))
    keep(tower, watch.stand(9, 90))  # a channel that it knows
    other = watch.stand(1, 1, channel=watch.open(1))
    with pytest.raises(ServiceError, match="no Ethereum node answers"):
        keep(tower, other)
    assert refused(tower) == {"L1 does not answer": 1}
    tower.kill()
    tower = watch.tower(l1_rpc=line.url)  # though the node is still away
    assert told(tower, watch.stand(9, 90))["nonce"] == 9
    line.mend()
    wait_for(lambda: watch.nonce() == 9)
    wait_for(lambda: status(tower)["trouble"] is None)
    keep(tower, other)
    line.cut()


def test_what_was_answered_is_on_disk(watch: Watch) -> None:
    tower = watch.tower()
    numbers, answered = itertools.count(1), 0

    def upload() -> None:
        nonlocal answered
        with contextlib.suppress(ServiceError):
            for nonce in numbers:
                keep(tower, watch.stand(nonce, 0))
                answered = nonce

    for _ in range(3):
        before = answered
        thread = threading.Thread(target=upload)
        thread.start()
        wait_for(lambda before=before: answered > before + 5)
        tower.kill()
        thread.join()
        tower = watch.tower()
        assert told(tower, watch.stand(1, 0))["nonce"] in (answered, answered + 1)


def test_a_tower_that_cannot_pay_says_so_and_answers_when_it_can(watch: Watch) -> None:
    tower, heidi = watch.tower(), watch.accounts["heidi"].address
    keep(tower, watch.stand(9, 90))
    watch.node.rpc.call("anvil_setBalance", heidi, "0x1")
    close_with(watch, watch.stand(1, 10))
    wait_for(lambda: "nsufficient funds" in str(status(tower)["trouble"]))
    watch.node.rpc.call("anvil_setBalance", heidi, hex(10**18))
    wait_for(lambda: watch.nonce() == 9)
    wait_for(lambda: status(tower)["trouble"] is None)


def test_newer_states_are_shown_also_while_the_channel_is_closing(watch: Watch) -> None:
    tower = watch.tower()
    keep(tower, watch.stand(9, 90))
    close_with(watch, watch.stand(9, 90))
    assert watch.nonce() == 9
    with pytest.raises(ServiceError, match="older"):
        keep(tower, watch.stand(8, 80))
    keep(tower, watch.stand(10, 100))
    wait_for(lambda: watch.nonce() == 10)


def status(tower: Process) -> dict[str, Any]:
    return asyncio.run(TowerClient(tower.ready["url"]).status())


def refused(tower: Process) -> dict[str, int]:
    counts: dict[str, int] = status(tower)["refused"]
    return counts


def post(tower: Process, body: bytes, **headers: str) -> int:
    try:
        given = {"Content-Type": "application/json", **{name.replace("_", "-"): each for name, each in headers.items()}}
        request = urllib.request.Request(tower.ready["url"] + "/v1/states", body, given)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        json.load(error)
        error.close()
        return int(error.code)


def test_hostile_uploads_are_refused_and_counted(watch: Watch) -> None:
    tower = watch.tower(max_channels=2)
    good = watch.stand(9, 90)
    keep(tower, good)
    keep(tower, good)
    digest = Signing(watch.chain.chain_id + 1, watch.onchain.address, good.channel.id).state_digest(good.newest)
    unknown = Channel(watch.alice.address_bytes, ChannelTerms(watch.bob.address_bytes, DAY, salt=99), bytes(20), 1)
    for stand, status in (
        (watch.stand(10, 90, by_a=good.by_b), 403),
        (watch.stand(10, 90, by_b=bytes(64)), 403),
        (watch.stand(10, 90, by_a=good.by_a), 403),
        (watch.stand(10, 90, by_a=sign(watch.alice.key, digest)), 403),
        (watch.stand(8, 90), 409),
        (watch.stand(9, 91), 409),
        (watch.stand(9, 91, channel=unknown), 404),
    ):
        assert post(tower, encode(stand)) == status
    for body in (b"", b"[]", b"{}", b"\xff", b"[" * 10_000, encode(good).replace(b'"nonce": 9', b'"nonce": true')):
        assert post(tower, body) == 400
    assert post(tower, b" " * 70_000) == 413
    keep(tower, watch.stand(1, 1, channel=watch.open(1)))
    assert post(tower, encode(watch.stand(1, 1, channel=watch.open(2)))) == 429
    assert refused(tower) == {
        "not signed": 4, "older": 1, "another state with this nonce": 1, "no such channel on L1": 1,
        "not well formed": 6, "too big": 1, "too many channels": 1,
    }  # fmt: skip
    assert told(tower, good)["nonce"] == 9


def test_what_a_web_page_may_have_sent_is_refused(watch: Watch) -> None:
    tower = watch.tower(public_name="Tower.example")
    body = encode(watch.stand(9, 90))
    assert post(tower, body, Content_Type="text/plain") == 415
    for host, answer in (("rebound.example", 403), ("127.0.0.1.rebound.example:80", 403), ("[", 403)):
        assert post(tower, body, Host=host) == answer
    assert refused(tower) == {"foreign": 4}
    for host in ("tower.example", "TOWER.example:80", "10.0.0.7:9100", "[::1]:80", "localhost"):
        assert post(tower, body, Host=host) == 200


def in_process(watch: Watch, folder: Path, **settings: Any) -> Tower:
    config = TowerConfig(watch.chain.chain_id, watch.onchain.address, folder, watch.node.url, **settings)
    return Tower(config, watch.accounts["heidi"].key)


def release(tower: Tower) -> None:
    tower._store.close()
    tower._l1.close()


def test_no_more_channels_are_taken_than_there_is_room_for_however_many_come_at_once(
    watch: Watch, tmp_path: Path
) -> None:
    tower = in_process(watch, tmp_path, max_channels=2)
    bodies = [encode(watch.stand(1, 1, channel=watch.open(salt))) for salt in range(1, 6)]

    async def upload() -> list[int | BaseException]:
        return await asyncio.gather(*map(tower._take, bodies), return_exceptions=True)

    answers = asyncio.run(upload())
    release(tower)
    assert [answer for answer in answers if isinstance(answer, int)] == [1, 1]
    assert {str(answer) for answer in answers if not isinstance(answer, int)} == {"too many channels: 2"}


def test_what_is_not_on_disk_is_not_held(watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tower = in_process(watch, tmp_path)

    class FullDisk:
        def execute(self, *_: Any) -> None:
            raise sqlite3.OperationalError("database or disk is full")

        def close(self) -> None:
            """It is not ours."""

    with monkeypatch.context() as full:
        full.setattr(tower._store, "_db", FullDisk())
        with pytest.raises(sqlite3.OperationalError):
            asyncio.run(tower._take(encode(watch.stand(9, 90))))
    assert tower._store.stands == {}
    assert asyncio.run(tower._take(encode(watch.stand(9, 90)))) == 9
    release(tower)


def test_a_channel_is_forgotten_when_it_is_closed_for_good_and_not_before(watch: Watch, tmp_path: Path) -> None:
    tower = in_process(watch, tmp_path)
    asyncio.run(tower._take(encode(watch.stand(9, 90))))
    stands, opened = list(tower._store.stands.values()), watch.channel.opened_block
    gone, there = Position(Deposits(0, 0)), watch.onchain.position(watch.channel)
    for block, now, position, held in (
        (opened - 5, 0, gone, 1),  # a node that still catches up
        (opened + 60, 10 * DAY, gone, 1),
        (opened + 90, 20 * DAY, gone, 1),  # only just seen
        (opened + 90, 21 * DAY, gone, 1),
        (opened + 91, 22 * DAY, there, 1),  # after a reorganisation
        (opened + 92, 30 * DAY, gone, 1),
        (opened + 99, 31 * DAY + 1, gone, 0),
    ):
        tower._forget_the_closed(stands, Sight(now, {watch.channel.id: position}, block=block))
        assert len(tower._store.stands) == held, (block, now)
    release(tower)


def test_a_store_is_one_towers_and_about_one_contract(watch: Watch) -> None:
    tower = watch.tower()
    keep(tower, watch.stand(9, 90))
    with pytest.raises(ServiceError, match="locked"):
        watch.tower()
    tower.stop()
    with pytest.raises(ServiceError, match=r"is about the channels of 0x\w+ on chain 31337, not of 0x1111"):
        watch.tower(contract="0x" + "11" * 20)


def test_no_upload_makes_it_read_logs_from_before_the_channels_it_has(
    watch: Watch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a public chain that takes hours, in which nothing would be guarded."""
    tower = in_process(watch, tmp_path)
    looked = []
    look = tower._guardian.look

    async def noted(stands: Iterable[Stand]) -> Sight:
        looked.append(list(stands))
        return await look(looked[-1])

    monkeypatch.setattr(tower._guardian, "look", noted)
    unknown = Channel(watch.alice.address_bytes, ChannelTerms(watch.bob.address_bytes, DAY), bytes(20), 0)

    async def upload() -> None:
        with pytest.raises(Unwelcome, match="no such channel on L1"):
            await tower._take(encode(watch.stand(9, 90, channel=unknown)))

    asyncio.run(upload())
    release(tower)
    assert looked == []


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.pop("by_a"),
        lambda raw: raw.update(nonce=0),
        lambda raw: raw.update(nonce=1 << 48),
        lambda raw: raw.update(net="5"),
        lambda raw: raw.update(locks=[["0x" + "11" * 32, 1]]),
        lambda raw: raw.update(locks=[["0x" + "11" * 32, 1, 1]] * 65),
        lambda raw: raw.update(secrets=["0x" + "11" * 32]),
        lambda raw: raw.update(channel="0x11"),
    ],
)
def test_what_is_not_well_formed_is_refused(watch: Watch, change: Callable[[dict[str, Any]], Any]) -> None:
    raw = json.loads(encode(watch.stand(9, 90)))
    change(raw)
    with pytest.raises(Unwelcome, match="not well formed"):
        parse(json.dumps(raw).encode())


def test_a_tower_that_cannot_work_says_why(watch: Watch) -> None:
    with pytest.raises(ServiceError, match="is on chain 31337, not on chain 5"):
        watch.tower(chain_id=5)
    with pytest.raises(ServiceError, match="there is no contract at"):
        watch.tower(contract="0x" + "11" * 20)
    tower = watch.tower()
    with pytest.raises(ServiceError, match="cannot listen on"):
        watch.tower("grace", port=tower.ready["port"])


def test_a_terminated_tower_leaves_nothing_behind(watch: Watch) -> None:
    tower = watch.tower()
    tower.stop()
    assert not (tower.folder / "ready.json").exists()
    assert not tower.child.alive
