"""Deposit, transfers, batch, assertion, confirmation, withdrawal: all of it with real processes."""

from __future__ import annotations

import pytest

from rollup_services.rig import ETHER, WINDOW, Rig
from toolkit.bridge.claims import Claim
from toolkit.bridge.client import claim


@pytest.mark.parametrize("batch_data", ["calldata", "blobs"])
def test_money_goes_in_moves_and_comes_out(fresh_rig: Rig, batch_data: str) -> None:
    rig = fresh_rig
    sequencer = rig.start("sequencer", batch_data=batch_data)
    proposer, verifier = rig.start("proposer"), rig.start("verifier")
    alice, bob, carol = (rig.accounts[name] for name in ("alice", "bob", "carol"))

    rig.deposit("alice", 5 * ETHER)
    sequencer.client.wait_for_balance(alice.address_bytes, 5 * ETHER)

    payments = [((bob if i % 2 else carol).address_bytes, 10**15 * (1 + i % 7)) for i in range(150)]
    receipts = sequencer.client.transfers(alice, payments)
    assert len(receipts) == 150
    to_bob = sum(amount for to, amount in payments if to == bob.address_bytes)
    assert sequencer.client.account(bob.address_bytes).balance == to_bob
    withdrawn = sequencer.client.withdraw(bob, to_bob - 10**15)
    assert sequencer.client.wait_for_post(withdrawn.hash).status == "posted"
    assert {sequencer.client.receipt(receipt.hash).status for receipt in receipts} == {"posted"}

    last = sequencer.client.status()["posted"]
    found = [sequencer.client.call("l2_batch", number) for number in range(1, last + 1)]
    assert {each["blobs"] for each in found if each["records"]} == {1 if batch_data == "blobs" else 0}
    assert {each["blobs"] for each in found if not each["records"]} == {0}
    verifier.client.wait_until(lambda: verifier.client.status()["assertedBatch"] == last, "the last assertion")
    status = verifier.client.status()
    assert (status["batches"], status["disagreed"]) == (last, 0)
    assert status["agreed"] == status["assertions"] > 0
    assert verifier.client.account(bob.address_bytes).balance == 10**15
    assert "agree with assertion" in verifier.log()

    assert verifier.client.status()["confirmedBatch"] == 0
    rig.node.travel(WINDOW)
    proposer.client.wait_until(lambda: proposer.client.status()["confirmedBatch"] == last, "confirmation")
    verifier.client.wait_until(lambda: verifier.client.status()["confirmedBatch"] == last, "confirmation")

    before = rig.chain.balance(bob.address)
    claim(rig.chain, rig.contracts.bridge, rig.accounts["dave"], Claim(*verifier.client.claim_arguments(0)))
    assert rig.chain.balance(bob.address) - before == to_bob - 10**15
