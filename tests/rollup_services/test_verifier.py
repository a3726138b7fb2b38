"""The verifier and the proposer trust L1's data alone."""

from __future__ import annotations

from rollup_services.rig import ETHER, WINDOW, Rig


def test_late_verifier_rebuilds_the_same_state(rig: Rig) -> None:
    sequencer, early = rig.start("sequencer"), rig.start("verifier")
    alice = rig.accounts["alice"]
    rig.deposit("alice", ETHER)
    sequencer.client.wait_for_balance(alice.address_bytes, ETHER)
    receipts = sequencer.client.transfers(alice, [(bytes([1 + i % 20]) * 20, 10**12 * (1 + i)) for i in range(60)])
    sequencer.client.wait_for_post(receipts[-1].hash)
    last = sequencer.client.status()["posted"]
    early.client.wait_until(lambda: early.client.status()["batches"] == last, "the last batch")
    sequencer.stop()
    rig.running.remove(sequencer)

    late = rig.start("verifier", "late")
    assert late.client.status()["machineHash"] == early.client.status()["machineHash"]
    for number in range(1, last + 1):
        assert late.client.call("l2_batch", number) == early.client.call("l2_batch", number)
    late.kill()
    rig.running.remove(late)
    again = rig.start("verifier", "late")
    assert again.client.status()["machineHash"] == early.client.status()["machineHash"]


def test_somebody_s_shorter_assertion_costs_no_second_window(fresh_rig: Rig) -> None:
    rig, rollup = fresh_rig, fresh_rig.contracts.rollup
    sequencer = rig.start("sequencer")
    rig.deposit("bob", ETHER)
    sequencer.client.wait_until(lambda: sequencer.client.status()["posted"] >= 2, "two batches")
    rig.stop_all()
    verifier = rig.start("verifier")
    last = verifier.client.status()["batches"]

    genesis, bond = rig.chain.call(rollup.functions.GENESIS()), rig.chain.call(rollup.functions.BOND())
    for batch in (1, last):
        derived = verifier.client.call("l2_batch", batch)
        right = rollup.functions.assertState(genesis, batch, derived["accumulator"], derived["machineHash"])
        rig.chain.send(rig.accounts["grace"], right, value=bond)
        rig.node.travel(3600)
    proposer = rig.start("proposer")
    proposer.client.wait_until(lambda: proposer.client.status()["assertions"] == 3, "the proposer's assertion")
    rig.node.travel(WINDOW)
    proposer.client.wait_until(lambda: proposer.client.status()["confirmedBatch"] == last, "all to be confirmed")
    assert proposer.client.status()["assertions"] == 3


def test_wrong_assertion_is_reported_without_a_key_and_not_built_on(rig: Rig) -> None:
    sequencer, verifier = rig.start("sequencer"), rig.start("verifier", key="")
    rig.deposit("bob", ETHER)
    sequencer.client.wait_for_balance(rig.accounts["bob"].address_bytes, ETHER)
    batch = sequencer.client.status()["posted"]
    verifier.client.wait_until(lambda: verifier.client.status()["batches"] >= batch, "the batch")

    rollup, mallory = rig.contracts.rollup, rig.accounts["grace"]
    genesis = rig.chain.call(rollup.functions.GENESIS())
    bond = rig.chain.call(rollup.functions.BOND())
    accumulator = rig.chain.call(rig.contracts.inbox.functions.accumulator(batch))
    wrong = rollup.functions.assertState(genesis, batch, accumulator, b"\x66" * 32)
    rig.chain.send(mallory, wrong, value=bond)
    verifier.client.wait_until(lambda: verifier.client.status()["disagreed"] == 1, "the disagreement")
    (assertion,) = verifier.client.call("l2_assertions")
    derived = verifier.client.call("l2_batch", batch)["machineHash"]
    assert assertion["proposer"] == mallory.address
    assert (assertion["agree"], assertion["asserted"], assertion["derived"]) == (False, "0x" + "66" * 32, derived)
    assert f"DISAGREE with assertion {assertion['id']}" in verifier.log()
    assert "without a key it cannot be disputed from here" in verifier.log()

    proposer = rig.start("proposer")
    proposer.client.wait_until(lambda: proposer.client.status()["agreed"] == 1, "the right assertion beside it")
    honest = next(each for each in proposer.client.call("l2_assertions") if each["agree"])
    assert honest["parent"] == "0x" + genesis.hex()
    rig.node.travel(WINDOW)
    proposer.client.wait_until(lambda: proposer.client.status()["confirmedBatch"] >= batch, "confirmation")
    assert rig.chain.call(rollup.functions.assertion(bytes.fromhex(honest["id"][2:])))[-1] == 2
    assert rig.chain.call(rollup.functions.assertion(bytes.fromhex(assertion["id"][2:])))[-1] == 1
