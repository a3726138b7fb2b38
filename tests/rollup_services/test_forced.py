"""A user whom the sequencer ignores, or who has none, is heard through L1."""

from __future__ import annotations

import pytest

from rollup_services.rig import ETHER, WINDOW, Rig, Service
from rollup_services.test_late_batch import post_late, read_history
from toolkit.bridge.claims import Claim
from toolkit.bridge.client import claim
from toolkit.errors import BadInput
from toolkit.rollup.client import ETH, force_registration
from toolkit.rollup.codec import WHOLE_BALANCE
from toolkit.rollup.operations import Transfer, Withdraw


def wait_for_nonce(service: Service, owner: bytes, nonce: int) -> None:
    service.client.wait_until(lambda: service.client.account(owner).nonce == nonce, f"nonce {nonce}")


@pytest.mark.parametrize("batch_data", ["calldata", "blobs"])
def test_operations_get_in_without_the_sequencer_being_asked(fresh_rig: Rig, batch_data: str) -> None:
    rig, inbox = fresh_rig, fresh_rig.contracts.inbox
    alice, bob, carol = (rig.accounts[name] for name in ("alice", "bob", "carol"))
    sequencer, verifier = rig.start("sequencer", batch_data=batch_data), rig.start("verifier")
    rig.deposit("alice", ETHER)
    verifier.client.wait_for_balance(alice.address_bytes, ETHER)
    account = verifier.client.account(alice.address_bytes).account
    assert account is not None

    # Who has no account cannot be paid by force, but an account can be opened by force.
    first = Transfer(account, bob.address_bytes, ETH, ETHER // 4, 7 * 10**9, 0)
    with pytest.raises(BadInput, match="has no account of the token"):
        verifier.client.force(rig.chain, inbox, alice, first)
    force_registration(rig.chain, inbox, carol, bob.address_bytes)
    verifier.client.wait_until(
        lambda: verifier.client.account(bob.address_bytes).account is not None, "bob's account to be opened"
    )
    verifier.client.force(rig.chain, inbox, alice, first)
    wait_for_nonce(verifier, alice.address_bytes, 1)
    verifier.client.force(rig.chain, inbox, alice, Withdraw(account, ETH, ETHER // 2, 0, 1))
    wait_for_nonce(verifier, alice.address_bytes, 2)
    assert verifier.client.account(alice.address_bytes).balance == ETHER // 4  # and no fee
    assert verifier.client.account(bob.address_bytes).balance == ETHER // 4

    # The sequencer goes on from there, and a forced operation does not work again through it.
    sent = sequencer.client.transfer(alice, bob.address_bytes, ETHER // 8)
    assert sequencer.client.wait_for_post(sent.hash).status == "posted"
    wait_for_nonce(verifier, alice.address_bytes, 3)
    assert verifier.client.account(bob.address_bytes).balance == 3 * ETHER // 8
    status = verifier.client.status()
    assert (status["withdrawals"], status["recordsWithoutEffect"]) == (1, 0)


def test_everybody_can_leave_when_the_sequencer_is_gone(fresh_rig: Rig) -> None:
    rig, inbox = fresh_rig, fresh_rig.contracts.inbox
    alice, dave = rig.accounts["alice"], rig.accounts["dave"]
    sequencer, verifier = rig.start("sequencer", batch_data="blobs"), rig.start("verifier")
    rig.deposit("alice", ETHER)
    verifier.client.wait_for_balance(alice.address_bytes, ETHER)
    posted = sequencer.client.transfer(alice, alice.address_bytes, 10**15)  # so that the last batch is in blobs
    sequencer.client.wait_for_post(posted.hash)
    wait_for_nonce(verifier, alice.address_bytes, 1)
    sequencer.kill()
    rig.running.remove(sequencer)

    account = verifier.client.account(alice.address_bytes).account
    assert account is not None
    verifier.client.force(rig.chain, inbox, alice, Withdraw(account, ETH, WHOLE_BALANCE, 0, 1))
    config = rig.config("reader")
    for _ in range(2):  # the first takes the snapshot, the second consumes it
        rig.node.travel(24 * 3600)
        post_late(rig, read_history(config, rig.chain.block_number()))
    wait_for_nonce(verifier, alice.address_bytes, 2)
    assert verifier.client.account(alice.address_bytes).balance == 0

    proposer = rig.start("proposer")
    last = verifier.client.status()["batches"]
    proposer.client.wait_until(lambda: proposer.client.status()["assertedBatch"] == last, "the assertion")
    rig.node.travel(WINDOW)
    verifier.client.wait_until(lambda: verifier.client.status()["confirmedBatch"] == last, "the confirmation")
    before = rig.chain.balance(alice.address)
    claim(rig.chain, rig.contracts.bridge, dave, Claim(*verifier.client.claim_arguments(0)))
    assert rig.chain.balance(alice.address) - before == ETHER
