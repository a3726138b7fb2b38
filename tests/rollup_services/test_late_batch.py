"""Anyone may post when the sequencer has not for long: the services take it as L1's word."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from rollup_services.rig import ETHER, Rig
from toolkit.devnet import checksum
from toolkit.devnet.l1 import L1, selector
from toolkit.rollup.codec import SIGNATURE_OFFSET, Header
from toolkit.rollup.config import Config
from toolkit.rollup.contracts import BATCH_POSTED, POST_BLOBS, load_contracts
from toolkit.rollup.derive import History
from toolkit.rollup.follower import fetch_logs
from toolkit.rollup.machine import forced_data
from toolkit.rollup.merkle import list_root
from toolkit.rollup.operations import Transfer, rollup_domain


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


def post_late(rig: Rig, history: History, records: Sequence[bytes] = ()) -> None:
    """Post the next batch, with what it must consume and these records, as somebody who is not the sequencer."""
    last = history.posted[-1].batch
    shown = (
        *(last.header, last.records_root, len(last.records), len(last.blobs), list_root(last.message_leaves)),
        *(len(last.messages), last.timestamp, checksum(last.poster)),
    )
    references = b"".join(message.reference() for message in history.required)
    post = rig.contracts.inbox.functions.postLateBatch(
        history.posted[-2].accumulator, shown, len(history.posted) + 1, Header().encode(), b"".join(records), references
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


def test_promises_are_known_again_however_they_came_to_l1_and_nothing_else_passes_for_them(fresh_rig: Rig) -> None:
    rig = fresh_rig
    alice, bob, carol = (rig.accounts[name] for name in ("alice", "bob", "carol"))
    sequencer = rig.start("sequencer")
    for payer in (alice, bob, carol):
        rig.deposit(payer.name, ETHER)
        sequencer.client.wait_for_balance(payer.address_bytes, ETHER)
    posted = sequencer.client.status()["open"] - 1
    sequencer.client.wait_until(lambda: sequencer.client.status()["posted"] == posted, "the last batch")
    sequencer.stop()
    rig.running.remove(sequencer)

    # Two promises that do not get to L1. Alice forces hers; somebody opens an account by a record with Bob's signature.
    sequencer = rig.start("sequencer", batch_seconds=3600)
    forced, kept = (sequencer.client.transfer(payer, carol.address_bytes, 10**15) for payer in (alice, bob))
    domain = rollup_domain(rig.node.chain_id, rig.machine)
    of_alice, of_bob, of_carol = (sequencer.client.account(each.address_bytes).account for each in (alice, bob, carol))
    assert of_alice is not None and of_bob is not None and of_carol is not None
    payments = [Transfer(index, carol.address_bytes, bytes(20), 10**15, 0, 0) for index in (of_alice, of_bob)]
    records = [
        payment.record(of_carol, payment.sign(domain, payer.key)).encode()
        for payment, payer in zip(payments, (alice, bob), strict=True)
    ]
    sequencer.kill()
    rig.running.remove(sequencer)
    rig.chain.send(alice, rig.contracts.inbox.functions.send(forced_data(records[0])))
    sham = b"\xff" * 4 + b"\x11" * 8 + records[1][SIGNATURE_OFFSET:]
    config = rig.config("reader")
    for shams in ([], [sham]):
        rig.node.travel(24 * 3600)
        post_late(rig, read_history(config, rig.chain.block_number()), shams)

    sequencer = rig.start("sequencer")
    found = sequencer.client.receipt(forced.hash)
    assert (found.status, found.batch) == ("posted", posted + 2)
    assert sequencer.client.wait_for_post(kept.hash).batch == posted + 3
    assert sequencer.client.account(carol.address_bytes).balance == ETHER + 2 * 10**15
