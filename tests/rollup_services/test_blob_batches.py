"""Batches in blobs: as bytes, from nodes that lie, made by a sequencer that plays tricks, on nodes without blobs."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import encode

from rollup_services.rig import ETHER, Rig, start_rig
from rollup_services.test_late_batch import read_history
from rollup_services.test_parts import CONTRACTS, INBOX, batch_log, log_of, mind, pay
from rollup_services.test_start import run
from toolkit.devnet import start_hardhat
from toolkit.devnet.blobs import BLOB_SIZE, MODULUS, Sidecar, commit, make_sidecar, versioned_hash
from toolkit.devnet.l1 import L1, Sender, bytes_of, hex_of, selector
from toolkit.errors import BadInput, NodeError, ProtocolError, Reverted
from toolkit.rollup import contracts as c
from toolkit.rollup.codec import BLOB_RECORDS, Header, RegisterRecord, encode_blobs
from toolkit.rollup.config import Config
from toolkit.rollup.derive import History
from toolkit.rollup.follower import fetch_logs
from toolkit.rollup.inbox import Batch, extend
from toolkit.rollup.machine import Outcome, State, apply_batch, apply_step
from toolkit.rollup.operations import Transfer
from toolkit.rollup.store import L1Copy, L1Log
from toolkit.rollup.witness import build_witness

RECORDS = [index.to_bytes(76, "little") for index in range(1, 6)]


def hashes_of(blobs: tuple[bytes, ...]) -> tuple[bytes, ...]:
    return tuple(versioned_hash(commit(blob)) for blob in blobs)


def blob_log(history: History, blobs: tuple[bytes, ...], records: list[bytes], count: int | None = None) -> L1Log:
    """The log of a batch whose records are in these blobs."""
    number, header = len(history.posted) + 1, Header().encode()
    batch = Batch(header, records, (), 100, CONTRACTS.sequencer, hashes_of(blobs))
    accumulator = extend(history.accumulator, batch.hash).ljust(32, b"\0")
    calldata = c.encode_post_blobs(number, header, len(records) if count is None else count, ())
    log = log_of(INBOX, (c.BATCH_POSTED, number.to_bytes(32, "big")), accumulator, calldata)
    return replace(log, blob_hashes=batch.blobs, blobs=blobs)


def test_calldata_of_a_batch_in_blobs_is_the_abi_s() -> None:
    sequencer = mind()
    pay(sequencer, 10**12)
    sealed = sequencer.seal([])
    call = c.encode_post_blobs(7, sealed.header, len(sealed.records), sealed.messages)
    arguments = encode(["uint256", "bytes32", "uint256", "bytes"], [7, sealed.header, 2, b""])
    assert call == selector("postBlobs(uint256,bytes32,uint256,bytes)") + arguments


def test_a_batch_in_blobs_is_derived_whatever_else_they_hold() -> None:
    history = History(CONTRACTS)
    plain = encode_blobs(RECORDS)
    noisy = (b"\x05" + plain[0][1:], b"\0\1", b"\0\1")  # a free bit, and twice a blob more than it takes
    history.add(blob_log(history, plain, RECORDS))
    history.add(blob_log(history, noisy, RECORDS))
    history.add(batch_log(history, RECORDS, []))
    batches = [posted.batch for posted in history.posted]
    assert [list(batch.records) for batch in batches] == [RECORDS] * 3
    assert [len(batch.blobs) for batch in batches] == [1, 3, 0]
    assert [batch.contents for batch in batches] == [(), noisy, ()]


def test_a_batch_of_more_records_than_its_blobs_hold_is_a_lying_node() -> None:
    history = History(CONTRACTS)
    with pytest.raises(ProtocolError, match=f"1 blobs hold {BLOB_RECORDS} records at most, not {BLOB_RECORDS + 1}"):
        history.add(blob_log(history, encode_blobs(RECORDS), RECORDS, BLOB_RECORDS + 1))


def test_a_batch_in_other_blobs_than_its_accumulator_says_is_a_lying_node() -> None:
    history = History(CONTRACTS)
    log = blob_log(history, encode_blobs(RECORDS), RECORDS)
    for changed in (
        replace(log, blob_hashes=hashes_of((b"\0\2",))),
        replace(log, blob_hashes=log.blob_hashes * 2, blobs=log.blobs * 2),
        replace(log, blob_hashes=(), blobs=()),
    ):
        with pytest.raises(ProtocolError):
            History(CONTRACTS).add(changed)


def test_the_copy_of_l1_keeps_blobs(tmp_path: Path) -> None:
    logs = [
        replace(blob_log(History(CONTRACTS), blobs, RECORDS[: 0 if not blobs[0] else 5]), block=block)
        for block, blobs in enumerate(
            [encode_blobs(RECORDS), (b"", b""), (b"", encode_blobs(RECORDS)[0]), (bytes(BLOB_SIZE - 1) + b"\1", b"")]
        )
    ]
    copy = L1Copy(tmp_path / "l1.sqlite", "this")
    copy.extend(logs, 9, bytes(32))
    copy.close()
    again = L1Copy(tmp_path / "l1.sqlite", "this")
    assert list(again.logs()) == logs
    again.close()


class BlobNode(L1):
    """A node with one transaction of two blobs; what it gives for them can be changed."""

    def __init__(self, blobs: list[bytes] | None) -> None:
        super().__init__("http://nowhere")
        self._given = blobs
        self.hashes = [hex_of(each) for each in hashes_of((b"\0\1", b"\0\2"))]

    async def call(self, method: str, *params: Any) -> Any:
        if method == "eth_getLogs":
            entry = {
                "address": hex_of(INBOX), "topics": [hex_of(c.BATCH_POSTED)], "data": "0x", "blockNumber": "0x1",
                "logIndex": "0x0", "blockHash": hex_of(bytes(32)), "blockTimestamp": "0x1",
                "transactionHash": hex_of(bytes(32)),
            }  # fmt: skip
            return [entry]
        assert method == "anvil_getBlobsByTransactionHash"
        return None if self._given is None else [hex_of(blob.ljust(BLOB_SIZE, b"\0")) for blob in self._given]

    async def batch(self, calls: Any) -> list[Any]:
        call = hex_of(c.encode_post_blobs(1, bytes(32), 1, ()))
        return [{"from": hex_of(INBOX), "input": call, "blobVersionedHashes": self.hashes} for _ in calls]


def fetched(l1: L1) -> list[L1Log]:
    async def fetch() -> list[L1Log]:
        return await fetch_logs(l1, [INBOX], 0, 1, calldata_of=[c.BATCH_POSTED], blobs_of=[selector(c.POST_BLOBS)])

    try:
        return asyncio.run(fetch())
    finally:
        l1.close()


def test_blobs_are_checked_against_the_transaction_s_hashes() -> None:
    (log,) = fetched(BlobNode([b"\0\1", b"\0\2"]))
    assert log.blobs == (b"\0\1", b"\0\2")
    assert log.blob_hashes == hashes_of(log.blobs)


@pytest.mark.parametrize(
    "given",
    [[], [b"\0\1"], [b"\0\2", b"\0\1"], [b"\0\1", b"\0\3"], [b"\0\1", b"\0\2", b""]],
    ids=["none", "too few", "another order", "another", "too many"],
)
def test_other_blobs_are_a_lying_node(given: list[bytes]) -> None:
    with pytest.raises(ProtocolError, match="gives blobs"):
        fetched(BlobNode(given))


def test_what_is_no_blob_is_a_lying_node() -> None:
    with pytest.raises(ProtocolError, match="gives no blobs"):
        fetched(BlobNode([MODULUS.to_bytes(32, "big"), b"\0\2"]))


def test_blobs_that_a_node_has_not_may_come_later() -> None:
    with pytest.raises(NodeError, match="has no blobs of the transaction"):
        fetched(BlobNode(None))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batch_data": "sidecar"}, "'sidecar' is none of auto, calldata, blobs"),
        ({"batch_data": "blobs", "batch_records": 9829}, r"9829 do not fit .* \(9828\)"),
    ],
)
def test_settings_that_cannot_be_are_refused(rig: Rig, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        Config.load(rig.config("bad", **changes))


def test_the_way_of_posting_can_be_changed_where_the_sequencer_allows_it(rig: Rig) -> None:
    sequencer = rig.start("sequencer", batch_data_on_demand=True)
    alice, bob = rig.accounts["alice"], rig.accounts["bob"]
    rig.deposit("alice", ETHER)
    sequencer.client.wait_for_balance(alice.address_bytes, ETHER)
    for kind, blobs in (("blobs", 1), ("calldata", 0), ("auto", 1)):
        assert sequencer.client.call("l2_setBatchData", kind) == {"batchData": kind}
        sent = sequencer.client.transfer(alice, bob.address_bytes, 10**15)
        batch = sequencer.client.wait_for_post(sent.hash).batch
        assert sequencer.client.call("l2_batch", batch)["blobs"] == blobs
    for wrong in ("sidecar", 1, None, ["blobs"]):
        with pytest.raises(NodeError, match="auto, calldata, blobs"):
            sequencer.client.call("l2_setBatchData", wrong)


def test_an_unasked_sequencer_does_not_change_its_way(rig: Rig) -> None:
    sequencer = rig.start("sequencer")
    with pytest.raises(NodeError, match="l2_setBatchData"):
        sequencer.client.call("l2_setBatchData", "blobs")


def test_a_node_without_blobs_gets_calldata_and_says_so() -> None:
    with start_rig(start_hardhat) as rig:
        code, error = run(rig.config("bad", batch_data="blobs"), "sequencer", rig.accounts["sequencer"].key.hex())
        assert code == 1
        assert "does not take blobs and give them back: post as calldata" in error.splitlines()[-1]
        sequencer = rig.start("sequencer", batch_data="auto", batch_data_on_demand=True)
        rig.deposit("alice", ETHER)
        alice, bob = rig.accounts["alice"], rig.accounts["bob"]
        sequencer.client.wait_for_balance(alice.address_bytes, ETHER)
        sent = sequencer.client.transfer(alice, bob.address_bytes, 10**15)
        batch = sequencer.client.wait_for_post(sent.hash).batch
        assert sequencer.client.call("l2_batch", batch)["blobs"] == 0
        with pytest.raises(NodeError, match="does not take blobs"):
            sequencer.client.call("l2_setBatchData", "blobs")


class Trickster:
    """Posts batches in whatever blobs it likes, as the sequencer."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.account = rig, rig.accounts["sequencer"]
        self.state = State(rig.contracts.genesis)
        self.before = self.state

    def post(self, records: list[bytes], sidecar: Sidecar) -> tuple[list[Outcome], int, int]:
        """What became of the batch's records, its gas and its blob gas."""
        rig, number, header = self.rig, self.state.batch + 1, Header().encode()
        messages = read_history(rig.config("reader"), rig.chain.block_number()).required
        call = c.encode_post_blobs(number, header, len(records), messages)

        async def send() -> Any:
            l1 = L1(rig.node.url)
            try:
                sender = Sender(l1, self.account.key, rig.node.chain_id, c.ERRORS)
                return await sender.send(bytes_of(rig.contracts.inbox.address), call, sidecar=sidecar)
            finally:
                l1.close()

        receipt = asyncio.run(send())
        time = rig.chain.w3.eth.get_block(receipt.block)["timestamp"]
        contents = tuple(blob.rstrip(b"\0") for blob in sidecar.blobs)
        self.batch = Batch(
            header, records, messages, time, self.account.address_bytes, sidecar.versioned_hashes, contents
        )
        self.before = self.state.copy()
        outcomes = apply_batch(self.state, self.batch)
        assert rig.chain.call(rig.contracts.inbox.functions.accumulator(number)) == self.state.accumulator
        return outcomes, receipt.gas_used, receipt.blob_gas_used


def test_whatever_the_blobs_hold_a_verifier_and_l1_read_the_same(fresh_rig: Rig) -> None:
    """Free bits set, a blob twice, a blob too many, more records claimed than were meant."""
    rig, dice = fresh_rig, random.Random(4)
    trickster = Trickster(rig)
    alice, bob = rig.accounts["alice"], rig.accounts["bob"]
    rig.deposit("alice", ETHER)
    trickster.post([], make_sidecar([b"\0\1"]))
    register = [RegisterRecord(bob.address_bytes, bytes(20)).encode()]
    trickster.post(register, make_sidecar([*encode_blobs(register), b"\0\1"]))
    assert [account.owner for account in trickster.state.accounts] == [bob.address_bytes, alice.address_bytes]
    # What nobody wrote is records as well.
    outcomes, _, _ = trickster.post([bytes(76)] * 2, make_sidecar([b""]))
    assert outcomes == [Outcome.BAD_SIGNATURE] * 2

    def transfer(nonce: int) -> bytes:
        operation = Transfer(1, bob.address_bytes, bytes(20), 10**15, 0, nonce)
        signature = operation.sign(rig.contracts.genesis.domain, alice.key)
        return operation.record(0, signature).encode()

    records = [transfer(0), transfer(1), transfer(2)]
    blob = bytearray(encode_blobs(records)[0].ljust(BLOB_SIZE, b"\0"))
    for place in range(0, BLOB_SIZE, 32):
        blob[place] = dice.randrange(0x73)
    twice = [*records, *[bytes(76)] * (BLOB_RECORDS - 3), *records]
    outcomes, gas, blob_gas = trickster.post(twice, make_sidecar([bytes(blob), bytes(blob), b"\0\7"]))
    assert outcomes[:3] == [Outcome.APPLIED] * 3
    assert outcomes[BLOB_RECORDS:][:3] == [Outcome.BAD_SIGNATURE] * 3
    assert blob_gas == 3 * 131_072
    assert gas < 60_000

    # The last record, in the second blob, shown to L1 itself.
    state = trickster.before
    state.position = len(twice) - 1
    witness = build_witness(state, trickster.batch)
    step = rig.contracts.machine.functions.step(state.machine_hash, state.batch + 1, witness)
    found = rig.chain.call(step)
    assert step.estimate_gas() < 400_000
    apply_step(state, trickster.batch)
    assert found == state.machine_hash

    verifier = rig.start("verifier")
    status = verifier.client.status()
    assert status["batches"] == trickster.state.batch
    assert status["machineHash"] == hex_of(trickster.state.machine_hash)
    verifier.kill()
    verifier = rig.start("verifier")  # from its copy
    assert verifier.client.status()["machineHash"] == hex_of(trickster.state.machine_hash)


def test_a_batch_that_claims_more_than_its_blobs_hold_is_refused_on_l1(fresh_rig: Rig) -> None:
    with pytest.raises(Reverted, match="TooManyRecords"):
        Trickster(fresh_rig).post([bytes(76)] * (BLOB_RECORDS + 1), make_sidecar([b""]))
