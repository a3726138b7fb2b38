"""Anyone may post when the sequencer has not for long: the services take it as L1's word."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from rollup_services.rig import ETHER, Rig
from toolkit.devnet import checksum
from toolkit.devnet.l1 import L1, selector
from toolkit.rollup.codec import Header
from toolkit.rollup.config import Config
from toolkit.rollup.contracts import BATCH_POSTED, POST_BLOBS, load_contracts
from toolkit.rollup.derive import History
from toolkit.rollup.follower import fetch_logs
from toolkit.rollup.merkle import list_root


def read_history(path: Path, head: int) -> History:
    """The Inbox's history, straight from L1."""

    async def read() -> History:
        config, l1 = Config.load(path), L1(Config.load(path).l1_rpc)
        history = History(await load_contracts(l1, config))
        wanted = {"calldata_of": [BATCH_POSTED], "blobs_of": [selector(POST_BLOBS)]}
        for log in await fetch_logs(l1, [config.inbox], 0, head, **wanted):
            history.add(log)
        l1.close()
        return history

    return asyncio.run(read())


def post_late(rig: Rig, history: History) -> None:
    """Post the next batch, with what it must consume and nothing else, as somebody who is not the sequencer."""
    last = history.posted[-1].batch
    shown = (
        *(last.header, last.records_root, len(last.records), len(last.blobs), list_root(last.message_leaves)),
        *(len(last.messages), last.timestamp, checksum(last.poster)),
    )
    references = b"".join(message.reference() for message in history.required)
    post = rig.contracts.inbox.functions.postLateBatch(
        history.posted[-2].accumulator, shown, len(history.posted) + 1, Header().encode(), b"", references
    )
    rig.chain.send(rig.accounts["heidi"], post)


@pytest.mark.parametrize("batch_data", ["calldata", "blobs"])
def test_batch_of_somebody_else_counts_and_promises_are_posted_after_it(fresh_rig: Rig, batch_data: str) -> None:
    rig = fresh_rig
    alice, bob, carol = (rig.accounts[name] for name in ("alice", "bob", "carol"))
    sequencer = rig.start("sequencer", batch_data=batch_data)
    rig.deposit("alice", ETHER)
    sequencer.client.wait_for_balance(alice.address_bytes, ETHER)
    posted = sequencer.client.status()["open"] - 1
    sequencer.client.wait_until(lambda: sequencer.client.status()["posted"] == posted, "the last batch")
    sequencer.stop()
    rig.running.remove(sequencer)

    # A promise that is on its way to nowhere, and a deposit that the sequencer does not bring.
    sequencer = rig.start("sequencer", batch_seconds=3600, batch_data=batch_data)
    promise = sequencer.client.transfer(alice, bob.address_bytes, 10**15)
    sequencer.kill()
    rig.running.remove(sequencer)
    rig.deposit("carol", ETHER)
    config = rig.config("reader")
    for _ in range(2):
        rig.node.travel(24 * 3600)
        post_late(rig, read_history(config, rig.chain.block_number()))

    verifier = rig.start("verifier")
    assert verifier.client.account(carol.address_bytes).balance == ETHER
    assert verifier.client.call("l2_batch", posted + 2)["poster"] == rig.accounts["heidi"].address

    sequencer = rig.start("sequencer", batch_data=batch_data)
    assert sequencer.client.account(carol.address_bytes).balance == ETHER
    assert sequencer.client.wait_for_post(promise.hash).batch == posted + 3
    verifier.client.wait_for_balance(bob.address_bytes, 10**15)
