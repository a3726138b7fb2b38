"""L1 changes its mind: what it forgot is posted again, what rested on it is dropped with a reason."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rollup_services.rig import ETHER, Rig


def forget(rig: Rig, snapshot: str, depth: int) -> None:
    """As Anvil's revert does it: the chain is short now, and new blocks take the old numbers."""
    rig.node.revert(snapshot)


def reorganise(rig: Rig, snapshot: str, depth: int) -> None:
    """As a reorganisation does it: as many other blocks, without the transactions."""
    rig.node.rpc.call("anvil_reorg", depth, [])


@pytest.mark.parametrize(("change", "batch_data"), [(forget, "calldata"), (reorganise, "calldata"), (forget, "blobs")])
def test_batches_that_l1_forgot_are_posted_again(
    fresh_rig: Rig, change: Callable[[Rig, str, int], None], batch_data: str
) -> None:
    rig = fresh_rig
    sequencer, verifier = rig.start("sequencer", batch_data=batch_data), rig.start("verifier")
    alice, bob, carol, dave = (rig.accounts[name] for name in ("alice", "bob", "carol", "dave"))
    rig.deposit("alice", ETHER)
    sequencer.client.wait_for_balance(alice.address_bytes, ETHER)
    # The deposit's own batch must be on L1 before what follows is undone.
    verifier.client.wait_for_balance(alice.address_bytes, ETHER)
    # A deposit that L1 keeps, but whose batches it will forget: they open dave's account between bob's and carol's.
    sequencer.stop()
    rig.running.remove(sequencer)
    rig.deposit("dave", ETHER)
    snapshot, block = rig.node.snapshot(), rig.chain.block_number()
    sequencer = rig.start("sequencer", batch_data=batch_data)

    first = sequencer.client.transfers(alice, [(bob.address_bytes, 10**15)] * 5)[-1]
    sequencer.client.wait_for_balance(dave.address_bytes, ETHER)
    second = sequencer.client.transfer(bob, carol.address_bytes, 10**15)
    sequencer.client.wait_for_post(second.hash)
    third = sequencer.client.transfer(carol, alice.address_bytes, 10**15)
    sequencer.client.wait_for_post(third.hash)
    last = sequencer.client.receipt(third.hash).batch
    verifier.client.wait_until(lambda: verifier.client.status()["batches"] == last, "the last batch")
    before = verifier.client.account(alice.address_bytes)

    change(rig, snapshot, rig.chain.block_number() - block)
    sequencer.client.wait_until(
        lambda: "7 confirmed operations are still" in sequencer.log(), "the change to be noticed"
    )
    for receipt in (first, second, third):
        assert sequencer.client.wait_for_post(receipt.hash).status == "posted"
    verifier.client.wait_until(lambda: "reorganised" in verifier.log(), "the change to be noticed")
    verifier.client.wait_until(
        lambda: verifier.client.account(alice.address_bytes) == before, "the same state as before"
    )
    assert verifier.client.status()["recordsWithoutEffect"] == 0
    assert verifier.client.account(bob.address_bytes).balance == 4 * 10**15
    assert verifier.client.account(dave.address_bytes).balance == ETHER


def test_operations_on_a_deposit_that_l1_forgot_are_dropped_with_a_reason(rig: Rig) -> None:
    alice, bob = rig.accounts["alice"], rig.accounts["bob"]
    snapshot = rig.node.snapshot()
    sequencer = rig.start("sequencer")
    rig.deposit("alice", ETHER)
    sequencer.client.wait_for_balance(alice.address_bytes, ETHER)
    receipt = sequencer.client.transfer(alice, bob.address_bytes, 10**15)
    sequencer.client.wait_for_post(receipt.hash)

    rig.node.revert(snapshot)
    sequencer.client.wait_until(
        lambda: sequencer.client.receipt(receipt.hash).status == "dropped", "the transfer to be dropped"
    )
    found = sequencer.client.call("l2_receipt", "0x" + receipt.hash.hex())
    assert found["reason"] == "L1 reorganised: there is no account 0; the last is -1"
    assert sequencer.client.account(alice.address_bytes).account is None

    # The deposit made again, the same transfer is welcome again.
    rig.deposit("alice", ETHER)
    sequencer.client.wait_for_balance(alice.address_bytes, ETHER)
    again = sequencer.client.transfer(alice, bob.address_bytes, 10**15)
    assert again.hash == receipt.hash
    assert sequencer.client.wait_for_post(again.hash).status == "posted"


def test_assertion_mined_again_on_another_history_asserts_nothing(fresh_rig: Rig) -> None:
    rig, rollup = fresh_rig, fresh_rig.contracts.rollup
    snapshot, first = rig.node.snapshot(), rig.chain.block_number() + 1
    rig.start("sequencer")
    proposer = rig.start("proposer")
    rig.deposit("alice", ETHER)
    proposer.client.wait_until(lambda: proposer.client.status()["assertions"] > 0, "an assertion")
    made = rollup.events.Asserted().get_logs(from_block=first)[0]
    raw = rig.chain.rpc.call("eth_getRawTransactionByHash", "0x" + made["transactionHash"].hex())
    rig.stop_all()

    rig.node.revert(snapshot)
    rig.node.travel(3600)  # a batch's time is part of it, so these are others
    sequencer = rig.start("sequencer", "another")
    rig.deposit("bob", ETHER)
    sequencer.client.wait_until(lambda: sequencer.client.status()["posted"] >= made["args"]["batch"], "as many batches")
    rig.chain.rpc.call("eth_sendRawTransaction", raw)
    (receipt,) = rig.chain.receipts([made["transactionHash"]])
    assert receipt["status"] == 0
    assert rig.chain.balance(rollup.address) == 0  # the bond is still the proposer's


def test_another_rollup_at_the_same_place_ends_the_service(fresh_rig: Rig) -> None:
    rig = fresh_rig
    verifier = rig.start("verifier")
    rig.node.rpc.call("anvil_reset")
    verifier.client.wait_until(lambda: not verifier.child.alive, "the verifier to end")
    rig.running.remove(verifier)
    assert "there is no contract at the inbox's address" in verifier.log().splitlines()[-1]
