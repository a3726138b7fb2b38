"""Tests that say what their devnet runs on, some of them what there is not."""

from __future__ import annotations

import pytest

from toolkit.devnet import Chain
from toolkit.session import Session


@pytest.mark.l2kit_hardfork("prague")
def test_l1_follows_the_hardfork_of_the_marker(l1: Chain) -> None:
    assert l1.rpc.call("anvil_nodeInfo")["hardFork"].lower() == "prague"


@pytest.mark.l2kit_hardfork("prague")
def test_the_same_devnet_serves_the_next(devnet: Session, worker_id: str) -> None:
    assert devnet.deposit("alice", 10**18).stage.value == "credited"
    assert worker_id.startswith("gw")


@pytest.mark.l2kit_node("geth")
def test_there_is_no_such_node(devnet: Session) -> None:
    pytest.fail("it ran")


@pytest.mark.l2kit_hardfork("frontier")
def test_there_is_no_such_hardfork(devnet: Session) -> None:
    pytest.fail("it ran")


@pytest.mark.l2kit_node
def test_the_marker_names_nothing(devnet: Session) -> None:
    pytest.fail("it ran")
