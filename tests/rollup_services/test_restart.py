"""The sequencer killed at any moment loses nothing that it acknowledged, and repeats nothing."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from typing import Any

import pytest

from rollup_services.rig import ETHER, Rig, Service
from toolkit.errors import L2KitError
from toolkit.rollup.client import ETH, RollupClient
from toolkit.rollup.operations import Transfer

UNIT = 10**12
ROUNDS = {"calldata": 4, "blobs": 1}  # in blobs each takes the setting up of the cryptography anew


class Payer(threading.Thread):
    """Pays bob, one call after the other, until the sequencer is gone. Payment i (by nonce) is i + 1 units."""

    def __init__(self, rig: Rig, service: Service, start: int, enough: int) -> None:
        super().__init__()
        self.acknowledged: list[bytes] = []
        self.enough = threading.Event()
        self._alice, self._bob = rig.accounts["alice"], rig.accounts["bob"].address_bytes
        self._client = RollupClient(service.client.url, chain_id=rig.node.chain_id, machine=rig.machine)
        self._nonce, self._wanted = start, enough

    def run(self) -> None:
        try:
            while True:
                operations = [
                    Transfer(0, self._bob, ETH, UNIT * (nonce + 1), 0, nonce)
                    for nonce in range(self._nonce, self._nonce + 7)
                ]
                signed = [self._client.signed(operation, self._alice) for operation in operations]
                for receipt in self._client.send("l2_sendTransfers", signed):
                    self.acknowledged.append(receipt.hash)
                    self._nonce += 1
                if len(self.acknowledged) >= self._wanted:
                    self.enough.set()
        except L2KitError:
            pass  # killed
        finally:
            self._client.close()


@pytest.mark.parametrize("batch_data", ["calldata", "blobs"])
def test_kill_at_random_moments_loses_and_repeats_nothing(fresh_rig: Rig, batch_data: str) -> None:
    rig = fresh_rig
    dice = random.Random(20261121)
    # Small and frequent batches, so that the kill finds batches open, sealed, sent and just landed.
    records = 40 if batch_data == "calldata" else 120  # a blob takes a third of a second, whatever is in it
    settings: dict[str, Any] = {"batch_seconds": 0.02, "batch_records": records, "batch_data": batch_data}
    alice, bob = rig.accounts["alice"], rig.accounts["bob"]
    sequencer = rig.start("sequencer", **settings)
    rig.deposit("alice", 10 * ETHER)
    sequencer.client.wait_for_balance(alice.address_bytes, 10 * ETHER)
    acknowledged: list[bytes] = []
    for _ in range(ROUNDS[batch_data]):
        payer = Payer(rig, sequencer, sequencer.client.account(alice.address_bytes).nonce, dice.randrange(1, 200))
        payer.start()
        assert payer.enough.wait(60.0)
        sequencer.kill()
        payer.join()
        acknowledged += payer.acknowledged
        rig.running.remove(sequencer)
        sequencer = rig.start("sequencer", **settings)
        nonce = sequencer.client.account(alice.address_bytes).nonce
        assert nonce >= len(acknowledged)
        assert sequencer.client.account(bob.address_bytes).balance == UNIT * nonce * (nonce + 1) // 2

    assert {sequencer.client.receipt(name).status for name in acknowledged} <= {"confirmed", "posted"}
    sequencer.client.wait_for_post(acknowledged[-1])
    verifier = rig.start("verifier")
    nonce = sequencer.client.account(alice.address_bytes).nonce
    paid = UNIT * nonce * (nonce + 1) // 2
    verifier.client.wait_for_balance(bob.address_bytes, paid)
    assert verifier.client.account(bob.address_bytes) == replace(
        sequencer.client.account(bob.address_bytes), balance=paid
    )
    assert verifier.client.status()["recordsWithoutEffect"] == 0
