"""A player killed at any moment of the game (kill -9) goes on from L1 alone, repeats nothing, and wins."""

from __future__ import annotations

from typing import Any

import pytest

from rollup_services.court import games, key, traffic
from rollup_services.rig import Rig


def transactions(rig: Rig, name: str, when: str) -> int:
    return int(rig.node.rpc.call("eth_getTransactionCount", rig.accounts[name].address, when), 16)


def waits(rig: Rig, name: str) -> bool:
    """Whether a transaction of an account waits for a block."""
    return transactions(rig, name, "pending") > transactions(rig, name, "latest")


def test_a_player_killed_before_each_of_its_moves_is_in_a_block_wins(fresh_rig: Rig, honest: str) -> None:
    """Blocks are made by hand, so each move is caught while it waits for one."""
    rig = fresh_rig
    sequencer = rig.start("sequencer")
    batch = traffic(rig, sequencer, 40)
    watcher = rig.start("verifier", "watcher", key="")
    watcher.client.wait_until(lambda: watcher.client.status()["batches"] >= batch, "the batch")
    settings: dict[str, Any] = {"assert_seconds": 3600.0}
    player = rig.start(honest, **settings)
    if honest == "proposer":
        watcher.client.wait_until(lambda: watcher.client.status()["assertedBatch"] >= batch, "the assertion")
    first = transactions(rig, honest, "latest")
    rig.node.rpc.call("evm_setAutomine", False)
    if honest == "verifier":
        rig.start("proposer", "rogue", key=key(rig, "grace"), cheat="stolen-balance", **settings)
    else:
        rig.start("verifier", "rogue", key=key(rig, "grace"), cheat="false-challenge:1")

    kills = 0
    while not games(watcher, status="ended"):
        watcher.client.wait_until(lambda: waits(rig, honest) or waits(rig, "grace"), "a move", 60.0)
        if waits(rig, honest):
            player.kill()
            rig.running.remove(player)
            kills += 1
            player = rig.start(honest, **settings)
        before = rig.chain.block_number()
        rig.node.rpc.call("evm_mine")
        watcher.client.wait_until(lambda: watcher.client.status()["l1Block"] > before, "the block")  # noqa: B023
    rig.node.rpc.call("evm_setAutomine", True)

    (game,) = games(watcher)
    own = {move["transaction"] for move in game["moves"] if move["by"] == rig.accounts[honest].address}
    assert game["winner"] == rig.accounts[honest].address
    assert kills == len(own) >= 2
    # Each of its moves is there once, and none failed.
    assert transactions(rig, honest, "latest") - first == len(own)
    assert all(receipt["status"] == 1 for receipt in rig.chain.receipts([bytes.fromhex(name[2:]) for name in own]))


@pytest.fixture(params=["verifier", "proposer"])
def honest(request: pytest.FixtureRequest) -> str:
    """Who is killed."""
    return str(request.param)
