"""How long a devnet takes to start, and to be as it was again after a test, beside L1's node alone."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from toolkit.devnet.nodes import Node
from toolkit.session.client import Session
from toolkit.world import Devnet, Options

ETHER = 10**18
SETTLE_SECONDS = 30.0
"""How long the proposer may take to have said what there is to say."""


@dataclass(frozen=True)
class Isolation:
    """What it took, without the test itself.

    Attributes:
        test: what it does.
        before_ms, after_ms: medians (milliseconds).
    """

    test: str
    before_ms: float
    after_ms: float

    @property
    def ms(self) -> float:
        """Both."""
        return self.before_ms + self.after_ms


@dataclass(frozen=True)
class Speed:
    """What was measured.

    Attributes:
        start_seconds: from nothing to a devnet whose services all answer, its contracts compiled before.
        services: that stood still, each time.
        bare_ms: L1's node alone, a snapshot and the return to it (median, milliseconds).
        tests: of each kind.
        isolation: for each kind of test.
    """

    start_seconds: float
    services: int
    bare_ms: float
    tests: int
    isolation: list[Isolation]

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "startSeconds": round(self.start_seconds, 3),
            "services": self.services,
            "bareMs": round(self.bare_ms, 2),
            "tests": self.tests,
            "isolation": [
                {
                    "test": each.test,
                    "beforeMs": round(each.before_ms, 2),
                    "afterMs": round(each.after_ms, 2),
                    "ms": round(each.ms, 2),
                    "ofBare": round(each.ms / self.bare_ms, 1),
                }
                for each in self.isolation
            ],
        }


def measure(tests: int, step: Callable[[str], object], *, node: str = "anvil") -> Speed:
    """Start a devnet on a node ("anvil", "hardhat") and isolate ``tests`` tests of each kind on it.

    ``step`` is told what goes on.
    """
    step("starting a devnet")
    began = time.perf_counter()
    with Devnet(Options(node=node, watchtower=True)) as devnet:
        start = time.perf_counter() - began
        session = devnet.session
        session.deposit("alice", 100 * ETHER)
        devnet.access.verifier.wait_until(lambda: _is_quiet(session), "everything to be asserted", SETTLE_SECONDS)
        accounts = devnet.accounts
        kinds: dict[str, Callable[[], object]] = {
            "does nothing": lambda: None,
            "a transfer on L2": lambda: session.transfer("alice", "bob", ETHER),
            "a transaction on L1": lambda: devnet.l1.send(accounts["alice"], to=accounts["bob"].address, value=1),
        }
        found = []
        for name, test in kinds.items():
            step(f"{tests:,} tests: {name}")
            found.append(_isolate(session, name, test, tests))
        step("L1's node alone")
        return Speed(start, len(devnet.services), _bare(devnet.node, tests), tests, found)


def _is_quiet(session: Session) -> bool:
    """Whether the proposer has asserted what L1 holds: it would do so in the middle of a test."""
    status = session.local.service("proposer").status()
    return bool(status["batches"] and status["assertedBatch"] == status["batches"])


def _isolate(session: Session, name: str, test: Callable[[], object], tests: int) -> Isolation:
    before, after = list[float](), list[float]()
    for _ in range(tests + 1):
        began = time.perf_counter()
        anchor = session.anchor()
        with anchor:
            before.append(time.perf_counter() - began)
            test()
            began = time.perf_counter()
        after.append(time.perf_counter() - began)
    # The first one takes a snapshot, which the others find.
    return Isolation(name, 1e3 * statistics.median(before[1:]), 1e3 * statistics.median(after[1:]))


def _bare(node: Node, times: int) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        node.revert(node.snapshot())
        found.append(time.perf_counter() - began)
    return 1e3 * statistics.median(found)
