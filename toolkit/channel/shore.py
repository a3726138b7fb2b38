"""Where a peer process touches L1: what its channels stand at there, and what it must do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from toolkit.channel import calls
from toolkit.channel.book import Book
from toolkit.channel.config import Config
from toolkit.channel.guard import Sight, Stand
from toolkit.channel.guardian import Guardian
from toolkit.channel.node import Node
from toolkit.channel.peer import ChannelPeer, Refused
from toolkit.channel.position import Position
from toolkit.channel.session import Session
from toolkit.channel.state import ETHER, GWEI_EXPONENT, Channel, ChannelTerms, Deposits, Side, Withdrawal
from toolkit.channel.tower_client import TowerClient
from toolkit.channel.transition import may_withdraw
from toolkit.crypto import address_of
from toolkit.devnet.l1 import L1, Receipt, Sender
from toolkit.errors import BadInput, ProtocolError, ServiceError

_TRIES = 3
CLOSE_SECONDS = 3600
"""How long a Close or a Withdrawal that the other party signed is good."""


@dataclass(frozen=True)
class Deed:
    """Something that was done on L1.

    Attributes:
        what: in words.
        transaction: its 32-byte hash.
        gas: that it used.
    """

    what: str
    transaction: bytes
    gas: int


class Shore:
    """A party's side of L1.

    Attributes:
        now: Unix time that a transaction sent now gets at least.
        past: Unix time of the newest block with enough confirmations.
        deeds: channel id -> what was done about it on L1, oldest first.
    """

    def __init__(self, config: Config, key: bytes, node: Node, book: Book, report: Callable[[Exception], None]) -> None:
        self.now = self.past = 0
        self.deeds: dict[bytes, list[Deed]] = {}
        self._config, self._node, self._book, self._report = config, node, book, report
        self._address = address_of(key)
        self._l1 = L1(str(config.l1_rpc))
        self._sender = Sender(self._l1, key, config.chain_id, calls.ERRORS)
        self._sending = asyncio.Lock()
        self._looking = asyncio.Lock()
        self._guardian = Guardian(self._l1, config.contract, key, config.chain_id, margin=config.policy.margin)
        self._positions: dict[bytes, Position] = {}

    async def close(self) -> None:
        """End the connection; a call that nobody waits for any more is waited for: it may still send something."""
        await self._l1.idle()
        self._l1.close()

    async def watch(self) -> None:
        """Look at L1 every ``poll_seconds``, until cancelled: no error ends it, whatever it is."""
        while True:
            await asyncio.sleep(self._config.poll_seconds)
            try:
                await self.look()
            except Exception as error:
                self._report(error)

    async def look(self) -> None:
        """See how L1 stands, and do what must be done there."""
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        peers = list(self._node.peers.values())
        sight = await self._guardian.look([self._stand(peer) for peer in peers])
        self.now = sight.now
        block = max(sight.block - self._config.confirmations, 0)
        try:
            self.past = int((await self._l1.block(block) or {"timestamp": "0x0"})["timestamp"], 16)
            self._heed(peers, sight, await self._read_positions([peer.channel.id for peer in peers], hex(block)))
        finally:  # a disk that is full, say, is no reason to guard nothing
            async with self._sending:
                for done in await self._guardian.act_all([self._stand(peer) for peer in peers], sight):
                    self._note(done.channel, Deed(done.what, done.transaction, done.gas))

    async def _read_positions(self, channels: Sequence[bytes], block: str) -> list[Position]:
        """Where channels (32-byte ids) stood at a block; nothing in them before the contract was there."""
        to = "0x" + self._config.contract.hex()
        answers = await self._l1.batch(
            [("eth_call", [{"to": to, "data": "0x" + calls.position(id_).hex()}, block]) for id_ in channels]
        )
        return [
            Position(Deposits(0, 0)) if answer == "0x" else Position.decode(bytes.fromhex(answer[2:]))
            for answer in answers
        ]

    def _heed(self, peers: Sequence[ChannelPeer], sight: Sight, confirmed: Sequence[Position]) -> None:
        for peer, position in zip(peers, confirmed, strict=True):
            self._see(peer, sight, position)
        self._book.revealed.clear()  # a reorganisation may have taken back what was there at the last look
        self._book.revealed.update({hash_: when for hash_, when in sight.revealed.items() if when})
        wanted = {offer.lock.hash for peer in self._node.peers.values() for offer in peer.view.tip.locks}
        for hash_ in wanted & sight.shown.keys() - self._book.known.secrets.keys():
            self._book.learn(sight.shown[hash_])
        self._node.look()

    def _see(self, peer: ChannelPeer, sight: Sight, confirmed: Position) -> None:
        # A channel that L1 does not show (closed, a node that lags behind, a reorganisation) has nothing to pay with.
        # Money counts once its block has the confirmations asked for; that somebody closes counts at once.
        self._positions[peer.channel.id] = latest = sight.positions[peer.channel.id]
        peer.seen(confirmed.deposits, confirmed.withdrawals, self.past)
        if latest.deadline:
            peer.freeze()

    def _stand(self, peer: ChannelPeer) -> Stand:
        return peer.stand(self._node.spendable(peer), leave=peer.channel.id in self._book.leaving)

    def _note(self, channel: bytes, deed: Deed) -> None:
        self.deeds.setdefault(channel, []).append(deed)

    async def deposits_in_new(self, channel: Channel) -> Deposits | None:
        """What L1 shows in a channel that is new to us; None where it shows none or it is not ours.

        Raises ProtocolError where the other party is a contract, which could take back what it has signed.
        """
        if self._address not in (channel.a, channel.b):
            return None
        other = channel.b if channel.a == self._address else channel.a
        if await self._l1.has_code(other):
            raise ProtocolError(f"0x{other.hex()} is a contract, which can take back what it has signed")
        block = max(await self.block_number() - self._config.confirmations, 0)
        (position,) = await self._read_positions([channel.id], hex(block))
        if not position.exists or position.deadline:
            return None
        self._positions.setdefault(channel.id, position)
        return position.deposits

    def standing(self, channel: bytes) -> str:
        """How L1 shows the channel: "open", "closing", or "gone" (closed, or not there yet)."""
        position = self._positions.get(channel)
        if position is None or not position.exists:
            return "gone"
        return "closing" if position.deadline else "open"

    def leave(self, peer: ChannelPeer) -> None:
        """Close alone, from the next look on: start, defend, and settle after the challenge period."""
        peer.freeze()
        self._book.leave(peer.channel.id)

    async def opened_since(self, block: int) -> list[Channel]:
        """The channels that we have opened in that block or later, as L1 tells."""
        topics = ["0x" + topic.hex() for topic in (calls.OPENED_IN_ETH, calls.OPENED_IN_TOKENS)]
        query = {"address": "0x" + self._config.contract.hex(), "topics": [topics]}
        logs = await self._l1.logs(query, block)
        descriptors = [bytes.fromhex(log["data"][2:]).ljust(96, b"\0") for log in logs]
        return [Channel.decode(each) for each in descriptors if each[:20] == self._address]

    async def block_number(self) -> int:
        """The latest block's."""
        return int(await self._l1.call("eth_blockNumber"), 16)

    async def open(self, to: bytes, units: int, period: int, token: bytes, exponent: int) -> tuple[Channel, Deed]:
        """Open a channel with ``units`` of ours, as A; approves tokens where that is missing."""
        terms = ChannelTerms(to, period, exponent)
        draft = Channel(self._address, terms, token, 0)
        if await self._l1.has_code(to):
            raise BadInput(f"0x{to.hex()} is a contract, which could take back what it has signed")
        if token == ETHER:
            receipt = await self._send(calls.open_in_eth(terms), value=units * draft.unit)
        else:
            await self._approve(token, units * draft.unit)
            receipt = await self._send(calls.open_in_tokens(terms, token, units))
        channel = Channel(self._address, terms, token, receipt.block)
        deed = Deed(f"opened with {_shown(channel, units)}", receipt.transaction, receipt.gas_used)
        self._note(channel.id, deed)
        return channel, deed

    async def top_up(self, peer: ChannelPeer, units: int) -> Deed:
        """Add ``units`` to our side."""
        channel, for_a = peer.channel, peer.side is Side.A
        if channel.token == ETHER:
            receipt = await self._send(calls.top_up_eth(channel.id, for_a), value=units * channel.unit)
        else:
            await self._approve(channel.token, units * channel.unit)
            receipt = await self._send(calls.top_up_tokens(channel, for_a, units))
        return await self._did(peer, f"topped up by {_shown(channel, units)}", receipt)

    async def close_now(self, peer: ChannelPeer) -> Deed:
        """Close together: the other party signs, we send it."""
        expiry = int(max(self.now, 0)) + CLOSE_SECONDS
        signature = await self._session(peer).agree_to_close(expiry)
        data = calls.close_now(peer.channel, peer.view.agreed.net, expiry, signature)
        return await self._did(peer, "closed together", await self._send(data))

    async def withdraw(self, peer: ChannelPeer, units: int) -> Deed:
        """Take ``units`` of ours out of an open channel: the other party signs, we send it."""
        number = self._positions[peer.channel.id].withdrawals
        units_a, units_b = (units, 0) if peer.side is Side.A else (0, units)
        withdrawal = Withdrawal(number, units_a, units_b, self.now + CLOSE_SECONDS)
        signature = await self._withdrawal_signature(peer, withdrawal)
        receipt = await self._send(calls.withdraw(peer.channel, withdrawal, signature))
        return await self._did(peer, f"withdrew {_shown(peer.channel, units)}", receipt)

    async def _withdrawal_signature(self, peer: ChannelPeer, withdrawal: Withdrawal) -> bytes:
        """The other party's, which may see a little later than we do what has just happened on L1."""
        for _ in range(_TRIES):
            try:
                return await self._session(peer).agree_to_withdraw(withdrawal)
            except Refused:
                if may_withdraw(peer.view, withdrawal) is not None:
                    raise
            await asyncio.sleep(max(self._config.poll_seconds, 0.5))
        return await self._session(peer).agree_to_withdraw(withdrawal)

    async def tell_towers(self) -> None:
        """Give the newest states to the towers, until cancelled; what has not changed is not sent again."""
        await asyncio.gather(*(self._tell(TowerClient(url)) for url in self._config.towers))

    async def _tell(self, tower: TowerClient) -> None:
        told: dict[bytes, object] = {}
        while True:
            await asyncio.sleep(self._config.poll_seconds)
            for peer in list(self._node.peers.values()):
                if self.standing(peer.channel.id) == "gone":
                    continue  # there is nothing to guard, and a tower would refuse it again and again
                stand = peer.stand_for_tower(self._node.spendable(peer))
                mark = (stand.newest, tuple(stand.secrets))
                if stand.newest.nonce == 0 or told.get(peer.channel.id) == mark:
                    continue
                try:
                    await tower.keep(stand)
                except Exception as error:
                    self._report(error)
                else:
                    told[peer.channel.id] = mark

    async def _did(self, peer: ChannelPeer, what: str, receipt: Receipt) -> Deed:
        deed = Deed(what, receipt.transaction, receipt.gas_used)
        self._note(peer.channel.id, deed)
        await self.look()
        return deed

    def _session(self, peer: ChannelPeer) -> Session:
        return self._node.session(peer.channel.id)

    async def _approve(self, token: bytes, amount: int) -> None:
        allowed = int.from_bytes(
            await self._l1.read(token, calls.allowance(self._address, self._config.contract)), "big"
        )
        if allowed < amount:
            await self._send(calls.approve(self._config.contract, amount), to=token)

    async def _send(self, data: bytes, value: int = 0, to: bytes | None = None) -> Receipt:
        async with self._sending:
            if self._guardian.busy:
                raise ServiceError("a transaction of ours that guards a channel is on its way; try again in a moment")
            return await self._sender.send(to or self._config.contract, data, value=value)


def _shown(channel: Channel, units: int) -> str:
    if channel.token == ETHER:
        return f"{Decimal(units) / 10**GWEI_EXPONENT:f} ETH"
    return f"{units * channel.unit} base units of 0x{channel.token.hex()}"
