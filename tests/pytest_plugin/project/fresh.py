"""Tests of somebody who uses the plugin, in this order: what each leaves behind, the next must not see."""

from __future__ import annotations

import os
import signal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from web3.contract import Contract

from toolkit.bridge.client import deposit_eth
from toolkit.devnet import Account, Chain
from toolkit.rollup.client import RollupClient
from toolkit.session import Session
from toolkit.session.channels import Channels

ETHER = 10**18
SERVICES = {"sequencer", "proposer", "verifier", "provider", "watchtower"}

at_first: dict[str, Any] = {}


def seen(devnet: Session, l1: Chain) -> dict[str, Any]:
    """What a test can see of the world."""
    return {
        "held": [(each.l1, each.l2) for each in devnet.holdings(tokens=("ETH", "DEV"))],
        "posted": [each.l2 for each in devnet.holdings(posted=True)],
        "block": l1.rpc.call("eth_getBlockByNumber", "latest", False)["hash"],
        "time": l1.now(),
        "assertions": len(devnet.dispute().assertions),
    }


def test_everything_is_used(
    devnet: Session,
    l1: Chain,
    rollup: RollupClient,
    bridge: Contract,
    channels: Channels,
    accounts: dict[str, Account],
) -> None:
    assert l1.rpc.call("anvil_nodeInfo")["hardFork"].lower() == "osaka"
    at_first.update(seen(devnet, l1))
    devnet.deposit("alice", ETHER)
    assert devnet.balance("alice") == rollup.account(accounts["alice"].address_bytes).balance == ETHER
    rollup.transfer(accounts["alice"], accounts["bob"].address_bytes, ETHER // 4)
    assert devnet.balance("bob") == ETHER // 4
    deposit_eth(l1, bridge, accounts["carol"], ETHER)
    channels.open("alice", "bob", ETHER)
    channels.pay("alice", "bob", ETHER // 2, count=2)
    assert channels.find_channel("bob", "alice").balance == ETHER
    now = l1.now()
    assert devnet.travel(days=8) >= now + 8 * 24 * 3600


def test_nothing_of_it_is_left(devnet: Session, l1: Chain, channels: Channels) -> None:
    assert seen(devnet, l1) == at_first
    assert list(channels.list("alice")) == list(channels.list("bob")) == []
    channels.open("alice", "bob", ETHER)  # the same peers serve the next
    channels.pay("alice", "bob", ETHER // 2)


def test_fails_on_purpose(devnet: Session) -> None:
    devnet.deposit("bob", ETHER)
    assert devnet.balance("bob") == 0, "of which there is ETH now"


def test_nothing_is_left_of_a_failure(devnet: Session, l1: Chain) -> None:
    assert seen(devnet, l1) == at_first


def test_processes_are_killed(devnet: Session, channels: Channels) -> None:
    devnet.deposit("bob", ETHER)
    pids = [each["pid"] for each in devnet.status()["services"].values()]
    carols = channels.peer("carol")
    for pid in pids[:2]:
        os.kill(pid, signal.SIGKILL)
    channels.open("alice", "carol", ETHER)
    carols.child.kill()
    channels.pay("alice", "carol", ETHER // 2)  # to a peer that has started again, where alice's looks for it
    channels.peer("dave").child.kill()


def test_everybody_is_back_after_being_killed(devnet: Session, l1: Chain, channels: Channels) -> None:
    assert seen(devnet, l1) == at_first
    services = devnet.status()["services"]
    assert {name for name, each in services.items() if each["state"] == "running"} == SERVICES
    devnet.deposit("carol", ETHER)
    channels.open("carol", "alice", ETHER)


def test_much_is_broken(devnet: Session) -> None:
    devnet.fault("proposer", "vanish")
    devnet.fault("verifier", "offline")
    devnet.fault("l1", "down", 3600)


def test_all_is_healed(devnet: Session, l1: Chain) -> None:
    assert devnet.faults() == []
    assert seen(devnet, l1) == at_first


@pytest.fixture
def dave(devnet: Session) -> None:
    """Has 3 ETH on L2."""
    devnet.deposit("dave", 3 * ETHER)


@pytest.mark.usefixtures("dave")
@settings(max_examples=5)
@given(gwei=st.integers(1, 10**5))
def test_every_example_sees_what_the_fixtures_left(devnet: Session, gwei: int) -> None:
    assert (devnet.balance("dave"), devnet.balance("erin")) == (3 * ETHER, 0)
    devnet.transfer("dave", "erin", gwei * 10**9)
    assert devnet.balance("erin") == gwei * 10**9


@given(st.none())
def test_somebody_elses_fixture_is_refused_as_ever(dave: None, devnet: Session, _: None) -> None:
    pytest.fail("it ran")


def test_the_node_is_killed(devnet: Session, request: pytest.FixtureRequest) -> None:
    node = request.getfixturevalue("_l2kit_visit").world.devnet.node
    assert node.url == devnet.local.source.l1_rpc
    node.child.kill()


def test_the_next_gets_another_devnet(devnet: Session) -> None:
    assert devnet.balance("alice") == 0
