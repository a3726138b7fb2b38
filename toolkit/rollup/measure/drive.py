"""A rollup of its own that is driven step by step, without services, so that the same receipts come out every time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from web3.contract import Contract
from web3.logs import DISCARD
from web3.types import TxReceipt

from toolkit.bridge.escape import Consumption, Final, Recovery
from toolkit.devnet.accounts import Account
from toolkit.devnet.blobs import commit, versioned_hash
from toolkit.devnet.chain import Chain
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.rollup.client import ETH
from toolkit.rollup.codec import Header, RegisterRecord, encode_blobs
from toolkit.rollup.contracts import encode_post_late_batch
from toolkit.rollup.deploy import deploy_rollup
from toolkit.rollup.inbox import Batch, Message
from toolkit.rollup.machine import State, apply_batch, deposit_data, deposit_of, forced_data
from toolkit.rollup.merkle import list_proof
from toolkit.rollup.operations import Transfer, Withdraw

ETHER = 10**18
WINDOW = 24 * 3600
RING = 4
"""Accumulators that the Inbox keeps: so few that every place was used before."""


class Drive:
    """Alice deposits, pays bob and withdraws; what is posted is applied to the specification's state, too.

    Attributes:
        contracts: of the rollup.
        state: after every batch posted.
        final, final_state: the last confirmed assertion.
    """

    def __init__(
        self, chain: Chain, accounts: Mapping[str, Account], token: Contract, travel: Callable[[int], int]
    ) -> None:
        self.chain, self.token, self.travel = chain, token, travel
        self.alice, self.bob, self._sequencer = accounts["alice"], accounts["bob"], accounts["sequencer"]
        self._proposer = accounts["proposer"]
        self.contracts = deploy_rollup(
            chain, accounts["deployer"], sequencer=self._sequencer.address, challenge_window=WINDOW, ring_size=RING
        )
        self._genesis = self.contracts.genesis
        self.state = State(self._genesis)
        self.confirmed: bytes = self.contracts.rollup.functions.GENESIS().call()
        self.posted: list[Batch] = []
        self._accumulators = [self._genesis.accumulator]
        self._arrived: list[Message] = []
        self._required: list[Message] = []

    @property
    def token_bytes(self) -> bytes:
        """The token's 20-byte address."""
        return bytes.fromhex(self.token.address[2:])

    def deposited(self, receipt: TxReceipt, token: bytes, amount: int) -> int:
        """Note a deposit of alice's, which the batch after the next consumes; returns its gas."""
        bridge = bytes.fromhex(self.contracts.bridge.address[2:])
        self._arrived.append(
            Message(bridge, self._time(receipt), deposit_data(token, self.alice.address_bytes, amount))
        )
        return receipt["gasUsed"]

    def forced(self, record: bytes) -> TxReceipt:
        """Alice sends an operation through L1; the batch after the next must consume it."""
        data = forced_data(record)
        receipt = self.chain.send(self.alice, self.contracts.inbox.functions.send(data))
        self._arrived.append(Message(self.alice.address_bytes, self._time(receipt), data))
        return receipt

    def transfers(self, count: int) -> list[bytes]:
        """Transfers of ETH from alice to bob, after a register record where he has no account yet."""
        payer = self.state.index_of(self.alice.address_bytes, ETH)
        payee = self.state.index_of(self.bob.address_bytes, ETH)
        assert payer is not None
        records = []
        if payee is None:
            payee = len(self.state.accounts)
            records.append(RegisterRecord(self.bob.address_bytes, ETH).encode())
        nonce = self.state.accounts[payer].nonce
        for index in range(count):
            transfer = Transfer(payer, self.bob.address_bytes, ETH, (index % 999 + 1) * 10**12, 0, nonce + index)
            signature = transfer.sign(self._genesis.domain, self.alice.key)
            records.append(transfer.record(payee, signature).encode())
        return records

    def withdraw(self, token: bytes) -> bytes:
        """The record of alice's withdrawal of one unit of a token (1e18), the only one of it in its batch."""
        index = self.state.index_of(self.alice.address_bytes, token)
        assert index is not None
        operation = Withdraw(index, token, ETHER, 0, self.state.accounts[index].nonce)
        return operation.record(operation.sign(self._genesis.domain, self.alice.key)).encode()

    def post(self, records: Sequence[bytes], *, in_blobs: bool = False) -> TxReceipt:
        """Post a batch with the messages that it must consume, and apply it to the specification's state."""
        header = Header(fee_token=ETH).encode()
        messages, number = self._required, self.state.batch + 1
        references = b"".join(each.reference() for each in messages)
        functions = self.contracts.inbox.functions
        hashes: tuple[bytes, ...] = ()
        if in_blobs:
            blobs = encode_blobs(records)
            hashes = tuple(versioned_hash(commit(blob)) for blob in blobs)
            post = functions.postBlobs(number, header, len(records), references)
            receipt = self.chain.send(self._sequencer, post, blobs=blobs)
        else:
            post = functions.postBatch(number, header, b"".join(records), references)
            receipt = self.chain.send(self._sequencer, post, gas=TX_GAS_CAP)
        self._apply(Batch(header, records, messages, self._time(receipt), self._sequencer.address_bytes, hashes))
        return receipt

    def post_late(self) -> TxReceipt:
        """Alice posts a batch with nothing but what it must consume; nobody has for the sequencer's window."""
        header, messages = Header().encode(), self._required
        before_last, last = self._accumulators[-2], self.posted[-1]
        data = encode_post_late_batch(before_last, last, self.state.batch + 1, header, (), messages)
        receipt = self.chain.send(self.alice, to=self.contracts.inbox.address, data=data)
        self._apply(Batch(header, (), messages, self._time(receipt), self.alice.address_bytes, ()))
        return receipt

    def _apply(self, batch: Batch) -> None:
        self.posted.append(batch)
        apply_batch(self.state, batch)
        self._accumulators.append(self.state.accumulator)
        self._required, self._arrived = self._arrived, []

    def _time(self, receipt: TxReceipt) -> int:
        return self.chain.w3.eth.get_block(receipt["blockNumber"])["timestamp"]

    def settle(self) -> tuple[TxReceipt, TxReceipt]:
        """Assert the present state, wait, and confirm it."""
        rollup, state = self.contracts.rollup, self.state
        bond = rollup.functions.BOND().call()
        asserted = self.chain.send(
            self._proposer,
            rollup.functions.assertState(self.confirmed, state.batch, state.accumulator, state.machine_hash),
            value=bond,
        )
        self.travel(WINDOW)
        halves = state.outbox_root, state.inner_hash
        confirmed = self.chain.send(
            self._proposer,
            rollup.functions.confirm(
                self.confirmed, state.batch, state.accumulator, state.outbox_root, state.inner_hash
            ),
        )
        self.final = Final(self.confirmed, state.batch, state.accumulator, *halves)
        self.final_state = state.copy()
        # Others' logs may be among them: from Amsterdam on, ether that moves leaves one (EIP-7708).
        self.confirmed = rollup.events.Confirmed().process_receipt(confirmed, errors=DISCARD)[0]["args"]["id"]
        return asserted, confirmed

    def consumed(self, batch: int, place: int) -> tuple[Recovery, Consumption]:
        """What it takes to get a deposit back that a batch has consumed."""
        posted, before = self.posted[batch - 1], self._accumulators[batch - 1]
        message = posted.messages[place]
        deposit = deposit_of(self._genesis, message)
        assert deposit is not None
        token, owner, amount = deposit
        proof = list_proof(posted.message_leaves, place)
        recovery = Recovery(owner, token, amount, message)
        return recovery, Consumption(batch, before, posted, place, message.account, proof)
