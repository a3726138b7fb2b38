"""A liquidity provider at its desk, with a chain made by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from rollup_services.test_parts import CONTRACTS

from bridge.lending import COIN, ETHER, KEY, PROVIDER, Lending
from toolkit.bridge import calls
from toolkit.bridge.provider import Offer, ProviderService, Request
from toolkit.bridge.terms import FastExit, bridge_domain
from toolkit.bridge.underwriting import Declined
from toolkit.devnet.l1 import L1, hex_of, selector
from toolkit.errors import NodeError, RpcError
from toolkit.rollup.config import Config
from toolkit.rollup.dispute.moves import Move
from toolkit.rollup.dispute.player import Player
from toolkit.rollup.machine import Withdrawal
from toolkit.rollup.watcher import Watcher

GWEI = 10**9


class Chain:
    """What the provider sees of L1 beside the logs; and its player, whose payments land at once."""

    address = PROVIDER

    def __init__(self, lending: Lending) -> None:
        self.lending = lending
        self.gas_price, self.balance_ether = GWEI, 1_000 * ETHER
        self.coins, self.allowance = 1_000 * ETHER, 2**256 - 1
        self.ahead = 0  # of the next block's time before the last one's
        self.nonces = 7, 7
        self.is_broken = False  # the token
        self.answers_, self.lands = True, True
        self.waiting: frozenset[Hashable] = frozenset()
        self.refused: dict[Hashable, str] = {}
        self.played: list[list[Move]] = []

    # --- as the node ---

    async def batch(self, asked: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        if not self.answers_:
            raise NodeError("the node is away")
        return [self._answer(method, params) for method, params in asked]

    answers = batch

    async def read(self, to: bytes, data: bytes) -> bytes:
        assert (to, data[:4]) == (COIN, selector(calls.ALLOWANCE))
        if self.is_broken:
            raise RpcError("eth_call", 3, "execution reverted")
        return self.allowance.to_bytes(32, "big")

    def _answer(self, method: str, params: list[Any]) -> Any:
        if method == "eth_getBlockByNumber":
            time = self.lending.now + (self.ahead if params[0] == "pending" else 0)
            return {"number": hex(self.lending.head), "timestamp": hex(time)}
        if method == "eth_getTransactionCount":
            return hex(self.nonces[params[1] == "pending"])
        if method == "eth_call":
            assert params[0]["data"] == hex_of(calls.encode_balance_of(PROVIDER))
            return hex(self.coins)
        return hex({"eth_gasPrice": self.gas_price, "eth_getBalance": self.balance_ether}[method])

    # --- as the player ---

    def refusal(self, name: Hashable) -> str | None:
        return self.refused.get(name)

    async def balance(self) -> int:
        return self.balance_ether

    async def play(self, moves: Sequence[Move]) -> Sequence[Move]:
        self.played.append(list(moves))
        landed = [move for move in moves if self.lands and move.name not in self.refused]
        for move in landed:
            if move.data[:4] == selector(calls.FAST_EXIT):
                index, owner, token, amount, fee = (move.data[4 + 32 * i : 36 + 32 * i] for i in range(5))
                number = int.from_bytes(index, "big"), int.from_bytes(amount, "big"), int.from_bytes(fee, "big")
                withdrawal = Withdrawal(number[0], owner[12:], token[12:], number[1])
                self.lending.fast_exit(withdrawal, number[2], PROVIDER)
            if move.data[:4] == selector(calls.APPROVE):
                self.allowance = int.from_bytes(move.data[36:68], "big")
        return landed

    def paid(self) -> list[Move]:
        """The payments that it was told to make."""
        return [move for moves in self.played for move in moves if move.data[:4] == selector(calls.FAST_EXIT)]


class Desk:
    """A provider with its chain."""

    def __init__(self, lending: Lending, kind: type[ProviderService] = ProviderService, **told: Any) -> None:
        self.lending, self.chain = lending, Chain(lending)
        entries: dict[str, Any] = {
            "confirmations": 1, "quote_seconds": 600, "patience_seconds": 0.0, "prices": {hex_of(COIN): "1"},
            "most_per_exit": 10 * ETHER, "most_outstanding": 25 * ETHER, **told,
        }  # fmt: skip
        at = (CONTRACTS.inbox, CONTRACTS.dispute, CONTRACTS.rollup, CONTRACTS.bridge, CONTRACTS.dispute)
        config = Config("http://127.0.0.1:1", 31337, *at, Path(), **entries)
        self.watcher = SimpleNamespace(lock=asyncio.Lock(), replica=lending.replica)
        self.service = kind(cast(Watcher, self.watcher), cast(Player, self.chain), cast(L1, self.chain), config)
        self.domain = bridge_domain(31337, CONTRACTS.bridge)
        self.see()

    def see(self) -> None:
        """The watcher looks at L1."""
        self.watcher.replica = self.lending.replica
        self.watcher.head, self.watcher.timestamp = self.lending.head, self.lending.now

    async def turn(self) -> None:
        """Once around the service's loop."""
        self.see()
        await self.service._act()
        self.see()

    def sign(self, offer: Offer, key: bytes = KEY) -> bytes:
        terms = FastExit(PROVIDER, offer.fee, offer.expiry, 0, bytes(28))
        return terms.sign(self.domain, offer.withdrawal, key)

    async def ask(self, index: int = 0) -> Request:
        """Ask for a quote, and accept it."""
        offer = await self.service.offer(index)
        return await self.service.accept(index, offer.fee, offer.expiry, self.sign(offer))


async def opened(lending: Lending, kind: type[ProviderService] = ProviderService, **told: Any) -> Desk:
    """A provider that has looked at L1 once."""
    desk = Desk(lending, kind, **told)
    await desk.turn()
    return desk


async def outcome(request: Request) -> bytes | Declined:
    assert request.outcome.done(), "nobody would wait for it any more"
    return await request.outcome
