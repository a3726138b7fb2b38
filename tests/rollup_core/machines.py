"""PaymentsMachines in an EVM, held against the specification step by step."""

from __future__ import annotations

from toolkit.compile import artifact, compile_sources
from toolkit.devnet.accounts import checksum
from toolkit.rollup.codec import Header
from toolkit.rollup.inbox import Batch, Message, extend
from toolkit.rollup.machine import Account, Genesis, Outcome, State, apply_step
from toolkit.rollup.operations import Transfer, Withdraw
from toolkit.rollup.witness import build_witness

from .evm import Contract, Evm
from .worlds import BRIDGE, ETH, KEYS, OWNERS, POSTER, World, genesis


def account_of(owner: int, balance: int, token: bytes = ETH, nonce: int = 0) -> Account:
    return Account(OWNERS[owner], token, balance, nonce)


def signed_transfer(
    state: State, sender: int, recipient: int, amount: int, fee: int = 0, *, key: int | None = None
) -> bytes:
    payer, payee = state.accounts[sender], state.accounts[recipient]
    transfer = Transfer(sender, payee.owner, payer.token, amount, fee, payer.nonce)
    signature = transfer.sign(state.genesis.domain, KEYS[OWNERS.index(payer.owner) if key is None else key])
    return transfer.record(recipient, signature).encode()


def signed_withdrawal(state: State, sender: int, amount: int, fee: int = 0) -> bytes:
    payer = state.accounts[sender]
    withdraw = Withdraw(sender, payer.token, amount, fee, payer.nonce)
    return withdraw.record(withdraw.sign(state.genesis.domain, KEYS[OWNERS.index(payer.owner)])).encode()


FAKE_INBOX = """
// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
/// Says what it was told, so that a machine can be tested in any state.
contract FakeInbox {
    uint256 public immutable RECORD_SIZE;
    uint256 public immutable BLOB_RECORDS;
    mapping(uint256 => bytes28) public accumulator;
    constructor(uint256 recordSize, uint256 blobRecords) { (RECORD_SIZE, BLOB_RECORDS) = (recordSize, blobRecords); }
    function set(uint256 batch, bytes28 value) external { accumulator[batch] = value; }
}
"""


class Machines:
    """PaymentsMachines of several depths over one Inbox that says what it is told."""

    def __init__(self) -> None:
        self.evm = Evm()
        self.inbox = self.fake_inbox()
        self.by_depth: dict[tuple[int, int], Contract] = {}
        for depths in [(31, 32), (2, 2), (3, 1)]:
            self.by_depth[depths] = self.evm.deploy(
                artifact("PaymentsMachine"), self.inbox.address, checksum(BRIDGE), *depths
            )

    def fake_inbox(self, record_size: int = 76, blob_records: int = 1638) -> Contract:
        return self.evm.deploy(compile_sources({"FakeInbox.sol": FAKE_INBOX})["FakeInbox"], record_size, blob_records)

    def origin(self, depths: tuple[int, int] = (31, 32)) -> Genesis:
        return genesis(self.by_depth[depths].address_bytes, *depths)

    def post(self, state: State, batch: Batch) -> None:
        self.evm.call(self.inbox, "set", state.batch + 1, extend(state.accumulator, batch.hash))

    def step(self, state: State, target: int, witness: bytes) -> bytes:
        genesis = state.genesis
        machine = self.by_depth[genesis.accounts_depth, genesis.withdrawals_depth]
        successor: bytes = self.evm.call(machine, "step", state.machine_hash, target, witness)
        return successor

    def run(self, world: World) -> list[Outcome]:
        """Step through the rest of the batch; both halves must agree after every step. Returns what each step did."""
        state, batch = world.state.copy(), world.batch
        self.post(state, batch)
        target, outcomes = state.batch + 1, []
        while state.batch < target:
            witness = build_witness(state, batch)
            onchain = self.step(state, target, witness)
            outcomes.append(apply_step(state, batch).outcome)
            assert onchain == state.machine_hash, f"after step {len(outcomes)}: {outcomes[-1]!r}"
        assert self.step(state, target, build_witness(state)) == state.machine_hash
        return outcomes

    def one(self, state: State, item: bytes | Message, header: Header | None = None) -> tuple[Outcome, State]:
        """What one record or message does, agreed on by both halves, and the state after its batch."""
        records, messages = ((item,), ()) if isinstance(item, bytes) else ((), (item,))
        batch = Batch((header or Header()).encode(), records, messages, 7, POSTER)
        outcome = self.run(World(state, batch))[0]
        after = state.copy()
        for _ in range(batch.steps):
            apply_step(after, batch)
        return outcome, after
