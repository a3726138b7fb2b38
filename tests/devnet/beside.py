"""What the services do with L1, from a test that is no coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from toolkit.devnet import Chain
from toolkit.devnet.l1 import L1

T = TypeVar("T")


def run(chain: Chain, work: Callable[[L1], Awaitable[T]]) -> T:
    """What ``work`` returns, on a connection of its own to the node of ``chain``."""

    async def main() -> T:
        l1 = L1(chain.rpc.url)
        try:
            return await work(l1)
        finally:
            l1.close()

    return asyncio.run(main())
