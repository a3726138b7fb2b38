"""Guardians on a real node: cheats are answered, locks are paid, whatever happens to transactions and blocks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from toolkit.channel import calls
from toolkit.channel.guard import Sight, Stand
from toolkit.channel.guardian import Done, Guardian
from toolkit.channel.state import Lock, Side
from toolkit.devnet import Account, Chain, Node
from toolkit.devnet.l1 import L1
from toolkit.errors import BadInput, NodeError, RpcError

from .scene import HASHES, ONE, PERIOD, SECRETS, Scene

pytestmark = pytest.mark.node


@pytest.fixture
def scene(chain: Chain, node: Node, accounts: dict[str, Account]) -> Scene:
    return Scene.prepare(chain, node, accounts)


@pytest.fixture
def idle(scene: Scene) -> Iterator[Any]:
    """Call it, and from then on blocks are made only when asked for."""
    yield lambda: scene.chain.rpc.call("evm_setAutomine", False)
    scene.chain.rpc.call("anvil_dropAllTransactions")
    scene.chain.rpc.call("evm_setAutomine", True)


async def once(guardian: Guardian, *stands: Stand) -> list[str]:
    """One look and what was done after it."""
    return whats(await guardian.act_all(stands, await guardian.look(stands)))


def whats(done: list[Done]) -> list[str]:
    return [each.what for each in done]


def test_a_party_answers_a_stale_close_and_settles(scene: Scene) -> None:
    channel = scene.open()
    stand = scene.stand(channel, Side.B, 2, ONE // 4)

    assert scene.guard(scene.bob, lambda guardian: once(guardian, stand)) == []
    scene.cheat(channel, 1, -ONE // 2)
    before = scene.chain.balance(scene.alice.address)

    async def work(guardian: Guardian) -> None:
        (done,) = await guardian.act(stand, await guardian.look([stand]))
        receipt = scene.chain.rpc.call("eth_getTransactionReceipt", "0x" + done.transaction.hex())
        assert (done.what, done.channel, done.gas) == ("challenge", channel.id, int(receipt["gasUsed"], 16))
        assert scene.position(channel).nonce == 2
        assert await once(guardian, stand) == []
        scene.pass_by(PERIOD + 1, mine=False)
        assert await once(guardian, stand) == ["settle"]
        assert await once(guardian, stand) == []
        assert guardian.failures == {}

    scene.guard(scene.bob, work)
    assert not scene.position(channel).exists
    assert scene.chain.balance(scene.alice.address) - before == 3 * ONE // 4 * 10**9


def test_a_tower_answers_and_reveals_the_secrets_it_was_given(scene: Scene) -> None:
    channel = scene.open()
    locks = (scene.lock(0, 5), scene.lock(1, -3), scene.lock(2, 7))
    stand = scene.stand(channel, None, 4, 10, locks, [SECRETS[0]])

    async def work(guardian: Guardian) -> None:
        scene.cheat(channel)
        assert sorted(await once(guardian, stand)) == ["challenge", "reveal"]
        assert await once(guardian, stand) == []
        # A secret that was shown on L1 is a secret that the tower knows, and it counts in a newer state, too.
        scene.send(scene.alice, calls.unlock_now(channel, locks, [bytes(32), SECRETS[1], bytes(32)]))
        scene.send(scene.alice, calls.challenge(channel, scene.signed(channel, scene.bob, 5, 20, locks)))
        assert await once(guardian, stand) == ["reveal"]
        assert await once(guardian, stand) == []

    scene.guard(scene.carol, work)
    scene.pass_by(PERIOD + 1)
    bob = scene.stand(channel, Side.B, 5, 20, locks, [SECRETS[2]])
    before = scene.chain.balance(scene.alice.address)
    assert scene.guard(scene.bob, lambda guardian: once(guardian, bob)) == ["settle"]
    assert scene.chain.balance(scene.alice.address) - before == (ONE - 20 - 5 + 3 - 7) * 10**9


def test_a_tower_unlocks_once_no_newer_state_can_come(scene: Scene) -> None:
    channel = scene.open()
    locks = (scene.lock(0, 5), scene.lock(1, 6))
    scene.cheat(channel, 4, 10, locks)
    scene.pass_by(PERIOD + 1)
    stand = scene.stand(channel, None, 4, 10, locks, SECRETS[:1])

    async def work(guardian: Guardian) -> Sight:
        assert await once(guardian, stand) == ["unlock"]
        assert await once(guardian, stand) == []
        return await guardian.look([stand])

    sight = scene.guard(scene.carol, work)
    assert sight.pending[channel.id][1] == locks[1:], "who starts later knows from L1 what is left"
    assert scene.position(channel).balance_a == ONE - 10 - 5


def test_a_secret_shown_in_one_channel_unlocks_the_other(scene: Scene) -> None:
    """Bob routes: he is paid by Alice's lock in one channel when Carol has taken his in the other."""
    incoming, outgoing = scene.open(), scene.open(salt=1)
    lock = scene.lock(0, 5)
    stand = scene.stand(incoming, Side.B, 1, 0, (lock,))

    async def work(guardian: Guardian) -> None:
        scene.cheat(incoming, 1, 0, (lock,))
        assert await once(guardian, stand) == []
        scene.cheat(outgoing, 1, 0, (lock,))
        scene.send(scene.carol, calls.unlock_now(outgoing, [lock], [SECRETS[0]]))
        sight = await guardian.look([stand])
        assert sight.shown == {HASHES[0]: SECRETS[0]}
        assert whats(await guardian.act(stand, sight)) == ["unlock"]

    scene.guard(scene.bob, work)
    assert scene.position(incoming).balance_a == ONE - 5


def test_a_lock_goes_to_l1_before_it_expires_though_no_block_was_made_meanwhile(scene: Scene) -> None:
    mine, towers = scene.open(), scene.open(salt=1)
    lock = scene.lock(0, 5, 1000)
    stand = scene.stand(mine, Side.B, 1, 0, (lock,), [SECRETS[0]])
    watched = scene.stand(towers, None, 1, 0, (lock,), [SECRETS[0]])

    async def work(guardian: Guardian) -> None:
        assert await once(guardian, stand) == []
        scene.pass_by(750, mine=False)
        assert await once(guardian, stand) == ["close alone"]
        assert scene.position(mine).balance_a == ONE - 5
        assert await once(guardian, stand) == []

    async def tower(guardian: Guardian) -> None:
        assert await once(guardian, watched) == ["reveal"]
        assert await once(guardian, watched) == []

    scene.guard(scene.bob, work)
    scene.guard(scene.carol, tower)
    scene.cheat(towers, 1, 0, (lock,))
    scene.pass_by(PERIOD + 1)
    assert scene.guard(scene.bob, lambda guardian: once(guardian, scene.stand(towers, Side.B, 1, 0, (lock,)))) == [
        "settle"
    ]


def test_a_revealed_secret_counts_in_the_newer_state_that_was_half_signed(scene: Scene) -> None:
    channel = scene.open()
    lock = scene.lock(0, 5, 1000)
    more = (lock, scene.lock(1, -2))
    stand = scene.stand(channel, Side.B, 2, 0, (lock,), [SECRETS[0]], half_signed=True, other_locks=(more,))

    async def work(guardian: Guardian) -> None:
        scene.cheat(channel, 1, 0)
        assert sorted(await once(guardian, stand)) == ["challenge", "reveal"]
        scene.pass_by(1001)
        scene.send(scene.alice, calls.challenge(channel, scene.signed(channel, scene.bob, 3, 1, more)))
        assert await once(guardian, stand) == []
        scene.pass_by(PERIOD)
        assert await once(guardian, stand) == []  # Alice's lock may still be claimed
        scene.pass_by(10_000)
        assert await once(guardian, stand) == ["settle"]

    before = scene.chain.balance(scene.alice.address)
    scene.guard(scene.bob, work)
    spent = before + (ONE - 1 - 5) * 10**9 - scene.chain.balance(scene.alice.address)
    assert 0 < spent < 10**16, "gas"


def test_two_in_one_block_do_no_harm(scene: Scene, idle: Any) -> None:
    channel = scene.open()
    stand, towers = scene.stand(channel, Side.B, 2, 0), scene.stand(channel, None, 2, 0)
    scene.cheat(channel, 1, 0)
    idle()

    async def work(bobs: Guardian) -> None:
        l1 = L1(scene.chain.rpc.url)
        try:
            carols = scene.guardian(l1, scene.carol)
            pairs = ((bobs, stand), (carols, towers))
            for guardian, each in pairs:
                assert await guardian.act_all([each], await guardian.look([each]), wait_seconds=0) == []
            scene.chain.rpc.call("evm_mine")
            done = [await once(guardian, each) for guardian, each in pairs]
            assert sorted(done) == [[], ["challenge"]]
            assert bobs.failures + carols.failures == {"challenge: reverted": 1}
            assert [await once(guardian, each) for guardian, each in pairs] == [[], []]
        finally:
            l1.close()

    scene.guard(scene.bob, work)


def test_nothing_is_done_twice_while_it_waits_and_what_is_stuck_is_sent_for_more(scene: Scene, idle: Any) -> None:
    channel = scene.open()
    older, newest = (scene.stand(channel, None, nonce, nonce) for nonce in (2, 3))
    scene.cheat(channel, 1, 0)
    idle()

    def waits() -> list[Any]:
        (by_nonce,) = scene.chain.rpc.call("txpool_content")["pending"].values()
        return list(by_nonce.values())

    async def patient(guardian: Guardian) -> None:
        for _ in range(3):
            assert await guardian.act_all([older], await guardian.look([older]), wait_seconds=0) == []
        assert len(waits()) == 1

    async def impatient(guardian: Guardian) -> None:
        for stand in (older, newest):
            assert await guardian.act_all([stand], await guardian.look([stand]), wait_seconds=0) == []
        scene.chain.rpc.call("evm_mine")
        assert await once(guardian, newest) == ["challenge"]

    scene.guard(scene.carol, patient)
    scene.guard(scene.carol, impatient, patience_seconds=0)  # takes over what the first one left behind
    assert scene.position(channel).nonce == 3


def test_a_challenge_that_a_reorganisation_drops_is_sent_again(scene: Scene) -> None:
    channel = scene.open()
    locks = (scene.lock(0, 5), scene.lock(1, 7))
    stand = scene.stand(channel, None, 2, 0, locks, [SECRETS[0]])

    async def work(guardian: Guardian) -> None:
        scene.cheat(channel, 1, 0)
        closed = scene.chain.block_number()
        for _ in range(4):
            assert sorted(await once(guardian, stand)) == ["challenge", "reveal"]
            scene.chain.rpc.call("anvil_reorg", 2, [])
            assert scene.position(channel).nonce == 1
        scene.chain.rpc.call("anvil_reorg", scene.chain.block_number() - closed + 1, [])
        assert scene.position(channel).deadline == 0, "the close is gone, too"
        assert await once(guardian, stand) == []

    scene.guard(scene.carol, work)


def test_what_l1_showed_before_it_went_back_is_not_mistaken_for_what_it_shows(scene: Scene) -> None:
    channel = scene.open()
    locks = (scene.lock(0, 5), scene.lock(1, 7), scene.lock(2, 9))
    stand = scene.stand(channel, Side.B, 2, 0, locks, [SECRETS[1]])

    async def work(guardian: Guardian) -> None:
        scene.cheat(channel, 2, 0, locks)
        snapshot = scene.node.snapshot()
        scene.send(scene.alice, calls.unlock_now(channel, locks, [bytes(32), bytes(32), SECRETS[2]]))
        sight = await guardian.look([stand])
        assert sight.pending[channel.id][1] == locks[:2]
        scene.node.revert(snapshot)
        sight = await guardian.look([stand])
        assert sight.pending[channel.id][1] is None
        assert whats(await guardian.act(stand, sight)) == ["unlock"], "with all three"
        # What was shown in blocks that are gone is known nevertheless.
        assert scene.position(channel).balance_a == ONE - 7 - 9

    scene.guard(scene.bob, work)


def test_what_was_done_since_the_look_is_not_done_again(scene: Scene) -> None:
    channel = scene.open()
    lock = scene.lock(0, 5, 100)
    stand = scene.stand(channel, None, 1, 0, (lock,), [SECRETS[0]])

    async def work(guardian: Guardian) -> None:
        sight = await guardian.look([stand])
        assert whats(await guardian.act(stand, sight)) == ["reveal"]
        assert await guardian.act(stand, sight) == []

    scene.guard(scene.carol, work)


def test_many_channels_are_defended_at_once(scene: Scene) -> None:
    channels = [scene.open(salt) for salt in range(12)]
    stands = [scene.stand(channel, None, 3, 1) for channel in channels]
    for channel in channels:
        scene.cheat(channel, 1, 0)

    async def work(guardian: Guardian) -> list[str]:
        return await once(guardian, *stands)

    assert scene.guard(scene.carol, work) == ["challenge"] * 12
    assert {scene.position(channel).nonce for channel in channels} == {3}


def test_a_node_with_limits_on_logs_is_asked_in_parts(scene: Scene) -> None:
    channel = scene.open()
    lock = scene.lock(0, 5)
    stand = scene.stand(channel, Side.B, 1, 0, (lock,))
    scene.chain.rpc.call("anvil_mine", hex(50))
    scene.send(scene.carol, calls.reveal(SECRETS[0]))
    scene.chain.rpc.call("anvil_mine", hex(50))
    asked: list[int] = []

    class Limited(L1):
        async def call(self, method: str, *params: Any) -> Any:
            if method == "eth_getLogs":
                asked.append(int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1)
                if asked[-1] > 10:
                    raise RpcError(method, -32005, "query exceeds max block range 10")
            return await super().call(method, *params)

    async def work(_: Guardian) -> None:
        l1 = Limited(scene.chain.rpc.url)
        try:
            guardian = scene.guardian(l1, scene.bob)
            sight = await guardian.look([stand])
            assert sight.shown == {HASHES[0]: SECRETS[0]}
            assert sight.revealed[HASHES[0]] > 0
            assert min(asked) < 10
            asked.clear()
            await guardian.look([stand])
            assert sum(asked) == 65, "the newest block, and as far back as a reorganisation may go"
        finally:
            l1.close()

    scene.guard(scene.bob, work)


def test_a_node_that_was_busy_for_a_while_is_not_asked_in_parts_for_ever(scene: Scene) -> None:
    stand = scene.stand(scene.open(), Side.B, 1, 0)
    scene.chain.rpc.call("anvil_mine", hex(100))
    asked: list[int] = []
    busy = True

    class Busy(L1):
        async def call(self, method: str, *params: Any) -> Any:
            if method == "eth_getLogs":
                asked.append(int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) + 1)
                if busy:
                    raise RpcError(method, -32005, "too many requests")
            return await super().call(method, *params)

    async def work(_: Guardian) -> None:
        nonlocal busy
        l1 = Busy(scene.chain.rpc.url)
        try:
            guardian = scene.guardian(l1, scene.bob)
            with pytest.raises(RpcError, match="too many requests"):
                await guardian.look([stand])
            assert asked[-1] == 1
            busy = False
            looks = 0
            while asked != [65]:
                asked.clear()
                await guardian.look([stand])
                looks += 1
                assert looks < 100
        finally:
            l1.close()

    scene.guard(scene.bob, work)


def test_no_list_of_locks_on_l1_blinds_a_guardian_to_its_own_channels(scene: Scene) -> None:
    """Anybody may sign with himself what he likes, and let the contract tell of it."""
    theirs, ours = scene.open(salt=1), scene.open()
    least = Lock(HASHES[1], -(2**63), scene.chain.now() + 10_000)
    locks = (scene.lock(0, 5), least)
    newest = scene.signed(theirs, scene.bob, 1, 0, locks)
    scene.send(scene.alice, calls.close_alone_and_unlock(theirs, newest, locks, [SECRETS[0], calls.NO_SECRET]))
    stand = scene.stand(ours, Side.B, 2, ONE // 4)

    async def work(guardian: Guardian) -> tuple[Lock, ...] | None:
        scene.cheat(ours, 1, -ONE // 2)
        assert await once(guardian, stand) == ["challenge"]
        sight = await guardian.look([scene.stand(theirs, Side.B, 1, 0, locks)])
        return sight.pending[theirs.id][1]

    assert scene.guard(scene.bob, work) == (least,)
    assert scene.position(ours).nonce == 2


def test_the_wrong_chain_or_contract_is_told_at_once(scene: Scene) -> None:
    channel = scene.open()

    async def work(guardian: Guardian) -> None:
        await guardian.check()
        guardian._chain_id = 1
        with pytest.raises(BadInput, match=r"is on chain 31337, not on chain 1$"):
            await guardian.check()
        guardian._chain_id, guardian._contract = 31337, b"\x77" * 20
        with pytest.raises(BadInput, match="there is no contract at 0x7777"):
            await guardian.check()
        with pytest.raises(NodeError, match="no PaymentChannels"):
            await guardian.look([scene.stand(channel, None, 1, 0)])

    scene.guard(scene.carol, work)


def test_who_cannot_pay_the_gas_says_so_until_it_can(scene: Scene) -> None:
    channel = scene.open()
    stand = scene.stand(channel, None, 2, 0)
    scene.cheat(channel, 1, 0)
    scene.chain.rpc.call("anvil_setBalance", scene.carol.address, "0x1")

    async def work(guardian: Guardian) -> None:
        assert await once(guardian, stand) == []
        assert guardian.trouble is not None
        assert guardian.failures == {"challenge: not sent": 1}
        scene.chain.rpc.call("anvil_setBalance", scene.carol.address, hex(10**18))
        assert await once(guardian, stand) == ["challenge"]
        assert guardian.trouble is None

    scene.guard(scene.carol, work)
