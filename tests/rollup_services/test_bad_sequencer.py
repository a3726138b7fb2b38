"""A sequencer that promises and does not post, or will not hear somebody: users get by through L1."""

from __future__ import annotations

import pytest

from rollup_services.rig import ETHER, WINDOW, Rig
from rollup_services.test_forced import wait_for_nonce
from rollup_services.test_late_batch import post_late, read_history
from toolkit.bridge.claims import Claim
from toolkit.bridge.client import claim
from toolkit.rollup.client import ETH, OperationRefused
from toolkit.rollup.codec import WHOLE_BALANCE
from toolkit.rollup.operations import Transfer, Withdraw


def test_who_is_censored_pays_and_leaves_by_force(fresh_rig: Rig) -> None:
    rig, inbox = fresh_rig, fresh_rig.contracts.inbox
    alice, bob = rig.accounts["alice"], rig.accounts["bob"]
    sequencer = rig.start("sequencer", cheat=f"censor:{alice.address}")
    verifier = rig.start("verifier")
    for name in ("alice", "bob"):
        rig.deposit(name, ETHER)
        verifier.client.wait_for_balance(rig.accounts[name].address_bytes, ETHER)
    with pytest.raises(OperationRefused, match="no reason is given"):
        sequencer.client.transfer(alice, bob.address_bytes, 10**15)
    served = sequencer.client.transfer(bob, alice.address_bytes, ETHER // 4)
    assert sequencer.client.wait_for_post(served.hash).status == "posted"

    # What L1 brings, it must take, or it could not post at all.
    account = verifier.client.account(alice.address_bytes).account
    assert account is not None
    verifier.client.force(rig.chain, inbox, alice, Transfer(account, bob.address_bytes, ETH, ETHER // 2, 0, 0))
    verifier.client.force(rig.chain, inbox, alice, Withdraw(account, ETH, WHOLE_BALANCE, 0, 1))
    wait_for_nonce(verifier, alice.address_bytes, 2)
    assert verifier.client.account(bob.address_bytes).balance == ETHER * 5 // 4
    (withdrawal,) = verifier.client.call("l2_withdrawals", alice.address)
    assert withdrawal["amount"] == str(ETHER * 3 // 4)


def test_what_is_withheld_never_happened_and_users_leave_with_what_l1_knows(fresh_rig: Rig) -> None:
    rig, inbox = fresh_rig, fresh_rig.contracts.inbox
    alice, bob, dave = (rig.accounts[name] for name in ("alice", "bob", "dave"))
    honest, verifier = rig.start("sequencer"), rig.start("verifier")
    rig.deposit("alice", ETHER)
    verifier.client.wait_for_balance(alice.address_bytes, ETHER)
    honest.stop()
    rig.running.remove(honest)
    sequencer = rig.start("sequencer", cheat="withhold")
    batches = verifier.client.status()["batches"]
    promise = sequencer.client.transfer(alice, bob.address_bytes, ETHER // 2)
    assert promise.status == "confirmed"
    assert sequencer.client.account(bob.address_bytes).balance == ETHER // 2

    account = verifier.client.account(alice.address_bytes).account
    assert account is not None
    verifier.client.force(rig.chain, inbox, alice, Withdraw(account, ETH, WHOLE_BALANCE, 0, 0))
    for _ in range(2):  # the first takes the snapshot, the second consumes it
        rig.node.travel(24 * 3600)
        post_late(rig, read_history(rig.config("reader"), rig.chain.block_number()))
    wait_for_nonce(verifier, alice.address_bytes, 1)
    assert verifier.client.status()["batches"] == batches + 2
    assert sequencer.client.receipt(promise.hash).status != "posted"
    assert verifier.client.account(bob.address_bytes).balance == 0

    proposer = rig.start("proposer")
    proposer.client.wait_until(lambda: proposer.client.status()["assertedBatch"] == batches + 2, "the assertion")
    rig.node.travel(WINDOW)
    verifier.client.wait_until(lambda: verifier.client.status()["confirmedBatch"] == batches + 2, "the confirmation")
    before = rig.chain.balance(alice.address)
    claim(rig.chain, rig.contracts.bridge, dave, Claim(*verifier.client.claim_arguments(0)))
    assert rig.chain.balance(alice.address) - before == ETHER


def test_a_cheat_that_there_is_not_is_refused(rig: Rig) -> None:
    for role, cheat in (("sequencer", "stolen-balance"), ("verifier", "nonsense"), ("proposer", "withhold")):
        child = rig.spawn(role, rig.config(f"no-{role}", cheat=cheat))
        child.wait_until(lambda: not child.alive, 20.0, "end")  # noqa: B023
        assert f"a {role} cannot cheat by '{cheat}'; there are " in child.log.read_text()
