"""Shared fixtures: one real Anvil a session, one snapshot a test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from toolkit import Devnet
from toolkit.devnet import Account, Chain, Node, RunFolder, dev_accounts, start_anvil

for name in ("ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"):
    os.environ.pop(name, None)  # of the make that runs these tests; those that some of them run must not have them


@pytest.fixture(scope="session")
def run_folder() -> Iterator[RunFolder]:
    with RunFolder() as folder:
        yield folder


@pytest.fixture(scope="session")
def node(run_folder: RunFolder) -> Node:
    return start_anvil(run_folder)


@pytest.fixture(scope="session")
def l1(node: Node) -> Chain:
    """The chain without isolation: for session- and module-scoped deployments."""
    return Chain(node.url)


@pytest.fixture(scope="session")
def accounts() -> dict[str, Account]:
    return dev_accounts()


@pytest.fixture
def chain(l1: Chain, node: Node) -> Iterator[Chain]:
    """The chain as the session left it; whatever the test does is undone after it."""
    snapshot = node.snapshot()
    yield l1
    node.revert(snapshot)


@pytest.fixture(scope="session")
def devnet() -> Iterator[Devnet]:
    """The whole devnet with its services, on a node of its own. Tests leave it running; nothing is undone."""
    with Devnet() as running:
        yield running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a node, so that ``make test-quick`` can leave it out."""
    for item in items:
        if {"node", "devnet", "shared_rig", "fresh_rig"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("node")
