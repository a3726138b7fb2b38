"""The rollup as L1 tells it, derived in this very process: no service is asked, and none needs to run."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from toolkit.bridge.amounts import Unit, Words
from toolkit.bridge.standing import Windows
from toolkit.bridge.view import View
from toolkit.devnet.accounts import checksum
from toolkit.devnet.l1 import L1, selector
from toolkit.devnet.rpc import Rpc
from toolkit.errors import BadInput, NodeError, RpcError
from toolkit.rollup.contracts import load_contracts
from toolkit.rollup.derive import Replica
from toolkit.rollup.late import born
from toolkit.rollup.machine import deposit_of
from toolkit.rollup.rebuild import LOOKS, Source
from toolkit.rollup.store import L1Copy
from toolkit.rollup.watcher import follow

_MAX_SYMBOL = 11
_MAX_DECIMALS = 77
T = TypeVar("T")


class Onlooker:
    """Looks at L1 whenever it is asked to, and derives the rollup from it; a context manager.

    Raises (every method):
        BadInput: the rollup is not there.
        NodeError, RpcError: the node does not answer, or changes its mind again and again.
        ProtocolError: what the node says contradicts itself.
    """

    def __init__(self, source: Source, words: Words) -> None:
        """``words``: what is known of names and tokens; L1 is asked for the symbols of other tokens."""
        self._source, self._config, self._words = source, source.config, words
        self._l1 = L1(source.l1_rpc)
        self._loop = asyncio.new_event_loop()
        self._open = ExitStack()
        self._open.callback(self._loop.close)
        self._open.callback(self._l1.close)
        try:
            self._contracts = self._run(load_contracts(self._l1, self._config))
            self._copy = L1Copy(":memory:", self._contracts.name)
            self._open.callback(self._copy.close)
            self._follower = follow(self._l1, self._copy, self._contracts, self._config.deployed_block)
            self._replica = Replica(self._contracts)
            self._windows: Windows | None = None
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Onlooker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._open.close()

    @property
    def head(self) -> int:
        """The number of L1's block up to which it has looked; -1 before."""
        known = self._copy.head()
        return -1 if known is None else known[0]

    def look(self) -> View:
        """The rollup as L1 holds it now."""
        return self._run(self._look())

    def unit(self, token: bytes) -> Unit:
        """What a token is counted in. Raises BadInput where it does not tell."""
        if token not in self._words.units:
            unit = self._run(self._unit(token))
            if unit == self._words.unit(token):
                raise BadInput(
                    f"{checksum(token)} does not say what it is counted in: it is no ERC20 token to be used here"
                )
            self._words = replace(self._words, units={**self._words.units, token: unit})
        return self._words.unit(token)

    async def _look(self) -> View:
        for _ in range(LOOKS):
            step = await self._follower.step()
            if step.rewound:
                self._replica = Replica(self._contracts)
            self._replica.add_all(self._copy.logs() if step.rewound else step.logs)
            known = self._copy.head()
            if known is not None and known[0] == step.head:
                break
        else:
            raise NodeError(f"L1 at {self._l1.shown} changed while it was read, {LOOKS} times")
        self._windows = self._windows or await self._read_windows()
        await self._name_tokens()
        return View(self._replica, self._windows, max(step.timestamp, await self._next_time()), self._words)

    async def _next_time(self) -> int:
        """The time of the block to come, where the node says it: between two blocks time goes on, too."""
        try:
            block = await self._l1.block("pending")
        except RpcError:
            return 0
        return int(block["timestamp"], 16) if block and block.get("timestamp") else 0

    async def _read_windows(self) -> Windows:
        inbox, rollup = self._config.inbox, self._config.rollup
        return Windows(
            await self._number(inbox, "SEQUENCER_WINDOW"),
            await self._number(rollup, "CHALLENGE_WINDOW"),
            await self._number(rollup, "ESCAPE_DELAY"),
            self._born(),
        )

    def _born(self) -> int:
        """When the Inbox was deployed."""
        rpc, first = Rpc(self._source.l1_rpc), next(self._copy.logs()).block  # the Rollup's first log comes after that
        try:
            return born(rpc, self._config.chain_id, self._contracts, first)
        finally:
            rpc.close()

    async def _name_tokens(self) -> None:
        """Learn what new tokens are counted in."""
        genesis, history = self._contracts.genesis, self._replica.history
        waiting = (deposit_of(genesis, message) for message in (*history.required, *history.arrived))
        tokens = {account.token for account in self._replica.state.accounts} | {each[0] for each in waiting if each}
        new = {token: await self._unit(token) for token in sorted(tokens - self._words.units.keys())}
        if new:
            self._words = replace(self._words, units={**self._words.units, **new})

    async def _unit(self, token: bytes) -> Unit:
        """What a token says it is counted in; where that is no use, its address and base units."""
        unknown = self._words.unit(token)
        try:
            decimals = await self._number(token, "decimals")
            (symbol,) = decode(["string"], await self._l1.read(token, selector("symbol()")))
        except (RpcError, DecodingError, OverflowError):
            return unknown
        told = 0 < len(symbol) <= _MAX_SYMBOL and symbol.isalnum() and symbol.isascii()  # nothing that plays tricks
        taken = symbol in {unit.symbol for unit in self._words.units.values()}
        return Unit(symbol, decimals) if told and not taken and decimals <= _MAX_DECIMALS else unknown

    async def _number(self, address: bytes, getter: str) -> int:
        return int.from_bytes((await self._l1.read(address, selector(f"{getter}()")))[:32], "big")

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(work)
