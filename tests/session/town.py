"""A devnet with a channel in it, and everything that there is to see of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from waiting import eventually

from toolkit import Devnet
from toolkit.channel.process import PeerProcess, on_l1
from toolkit.channel.tower_client import TowerClient
from toolkit.description import describe
from toolkit.session import Session, attach

ETHER = 10**18
GWEI = 10**9
PARTIES = ("alice", "bob")


class Town:
    """A devnet that runs, with the peers of alice and bob.

    Attributes:
        devnet, session: it.
        peers: by name.
        channel: alice's with bob (32-byte id), 2 ETH of hers in it.
    """

    def __init__(self, devnet: Devnet, session: Session, peers: dict[str, PeerProcess]) -> None:
        self.devnet, self.session, self.peers = devnet, session, peers
        bob = devnet.accounts["bob"].address_bytes
        self.channel, _ = peers["alice"].control.open(bob, 2 * ETHER // GWEI, peers["bob"].address)
        peers["alice"].connected(self.channel)

    def pay(self, units: int) -> None:
        """From alice to bob through the channel, until the tower has heard of it, too."""
        nonce = self.peers["alice"].control.pay(self.channel, [units])
        assert eventually(lambda: self.watched() == nonce)

    def watched(self) -> int | None:
        """The nonce of the state that the tower has."""
        tower = TowerClient(self.devnet.services["watchtower"].url)
        try:
            return int(asyncio.run(tower.channel(self.channel))["nonce"])
        except Exception:  # it has none yet
            return None

    def channels(self) -> list[list[Any]]:
        """Of each side: nonce, balance, and whether the other one is connected."""
        found = [each.control.status(self.channel) for each in self.peers.values()]
        return [[each["nonce"], each["balance"], each["connected"]] for each in found]

    def seen(self) -> dict[str, Any]:
        """Everything that there is to see, but for what only time changes."""
        session, devnet = self.session, self.devnet
        latest = devnet.l1.rpc.call("eth_getBlockByNumber", "latest", False)
        accounts = [devnet.accounts[name] for name in PARTIES]
        client = devnet.access.sequencer
        provider = session.local.service("provider").status()
        return {
            "balances": [session.balance(who, layer=layer) for who in PARTIES for layer in ("l1", "l2", "posted")],
            "nonces on L1": [devnet.l1.nonce(each) for each in accounts],
            "nonces on L2": [client.account(each.address_bytes).nonce for each in accounts],
            "block": (latest["number"], latest["hash"]),
            "batches": [client.status()[each] for each in ("posted", "open", "openRecords", "queue", "withdrawals")],
            "derived": devnet.access.verifier.status()["machineHash"],
            "lent": [provider["outstanding"], provider["exits"]],
            "channel": self.channels(),
            "watched": self.watched(),
        }

    def now(self) -> int:
        """L1's clock."""
        return int(self.devnet.l1.rpc.call("eth_getBlockByNumber", "pending", False)["timestamp"], 16)

    def quiet(self) -> None:
        """Wait until nobody has anything left to do by itself."""

        def asserted() -> bool:
            status = self.session.local.service("proposer").status()
            return bool(status["batches"] and status["assertedBatch"] == status["batches"])

        assert eventually(asserted)


@contextmanager
def town(devnet: Devnet) -> Iterator[Town]:
    """With 5 ETH of alice's and 1 ETH of bob's on L2, some of it paid through the channel."""
    file: Path = devnet.folder.path / "devnet.json"
    file.write_text(json.dumps(describe(devnet)))
    config = {
        **on_l1(devnet.l1.chain_id, devnet.contracts["PaymentChannels"].address, devnet.node.url),
        "towers": [devnet.services["watchtower"].url],
    }
    with ExitStack() as stack:
        (devnet.folder.path / "channels").mkdir(exist_ok=True)
        session, threads = attach(file), stack.enter_context(ThreadPoolExecutor(len(PARTIES)))

        def start(name: str) -> PeerProcess:
            return PeerProcess(devnet.folder, devnet.accounts[name], config, f"channels/{name}")

        starting = {name: threads.submit(start, name) for name in PARTIES}
        session.deposit("alice", 6 * ETHER)
        session.transfer("alice", "bob", ETHER, wait=True)
        peers = {name: each.result() for name, each in starting.items()}
        for peer in peers.values():
            stack.callback(peer.stop)
        made = Town(devnet, session, peers)
        made.pay(1_000)
        yield made
