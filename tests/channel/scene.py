"""Alice, Bob and a tower with the contract on a real node, and the hands to cheat with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from toolkit.channel import calls
from toolkit.channel.guard import Stand
from toolkit.channel.guardian import Guardian
from toolkit.channel.onchain import OnChain
from toolkit.channel.position import Position
from toolkit.channel.state import Channel, ChannelTerms, Lock, Side, SignedState, Signing, State, locks_root
from toolkit.crypto import keccak256, sign
from toolkit.devnet import Account, Chain, Node
from toolkit.devnet.l1 import L1

T = TypeVar("T")

ONE = 10**9
"""1 ETH in gwei."""
PERIOD = 3600
MARGIN = 300

SECRETS = [bytes([number]) * 32 for number in range(1, 5)]
HASHES = [keccak256(secret) for secret in SECRETS]


@dataclass
class Scene:
    """The people and one contract."""

    chain: Chain
    node: Node
    channels: OnChain
    people: Mapping[str, Account]

    @property
    def alice(self) -> Account:
        return self.people["alice"]

    @property
    def bob(self) -> Account:
        return self.people["bob"]

    @property
    def carol(self) -> Account:
        """The stranger with a tower."""
        return self.people["carol"]

    @classmethod
    def prepare(cls, chain: Chain, node: Node, people: Mapping[str, Account]) -> Scene:
        contract, _ = chain.deploy(people["deployer"], "PaymentChannels")
        return cls(chain, node, OnChain(chain, contract.address), people)

    def open(self, salt: int = 0) -> Channel:
        """A channel with 1 ETH of each."""
        terms = ChannelTerms(self.bob.address_bytes, PERIOD, salt=salt)
        channel, _ = self.channels.open(self.alice, terms, ONE)
        self.channels.top_up(self.bob, channel, Side.B, ONE)
        return channel

    def signing(self, channel: Channel) -> Signing:
        return Signing(self.chain.chain_id, self.channels.address, channel.id)

    def signed(self, channel: Channel, by: Account, nonce: int, net: int, locks: Iterable[Lock] = ()) -> SignedState:
        return self.signing(channel).sign_state(by.key, State(nonce, net, locks_root(tuple(locks))))

    def stand(
        self, channel: Channel, side: Side | None, nonce: int, net: int, locks: tuple[Lock, ...] = (),
        secrets: Iterable[bytes] = (), **more: Any,
    ) -> Stand:  # fmt: skip
        state = State(nonce, net, locks_root(locks))
        digest = self.signing(channel).state_digest(state)
        known = {keccak256(secret): secret for secret in secrets}
        return Stand(
            channel, side, state, locks, sign(self.alice.key, digest), sign(self.bob.key, digest), known, **more
        )

    def lock(self, which: int, units: int, seconds: int = 10_000) -> Lock:
        """Pays B ``units`` with secret number ``which`` within ``seconds`` from now."""
        return Lock(HASHES[which], units, self.chain.now() + seconds)

    def send(self, who: Account, calldata: bytes) -> Any:
        return self.chain.send(who, to=self.channels.contract.address, data=calldata)

    def cheat(self, channel: Channel, nonce: int = 0, net: int = 0, locks: tuple[Lock, ...] = ()) -> None:
        """Alice closes with an old state."""
        by_bob = self.signed(channel, self.bob, nonce, net, locks)
        self.send(self.alice, calls.close_alone(channel, by_bob))

    def position(self, channel: Channel) -> Position:
        return self.channels.position(channel)

    def pass_by(self, seconds: int, *, mine: bool = True) -> None:
        """Without ``mine`` the time goes by unseen, as it does on a node without transactions."""
        if mine:
            self.node.travel(seconds)
        else:
            self.chain.rpc.call("evm_increaseTime", hex(seconds))

    def guard(self, who: Account, work: Callable[[Guardian], Awaitable[T]], **settings: Any) -> T:
        """Run some work with a guardian that has just started."""

        async def main() -> T:
            l1 = L1(self.chain.rpc.url)
            try:
                return await work(self.guardian(l1, who, **settings))
            finally:
                l1.close()

        return asyncio.run(main())

    def guardian(self, l1: L1, who: Account, **settings: Any) -> Guardian:
        return Guardian(l1, self.channels.address, who.key, self.chain.chain_id, **{"margin": MARGIN, **settings})
