"""Gas of the rollup's and the bridge's single transactions, in a steady state.

A rollup of its own is deployed and driven here, step by step and without services, so that the same figures come out
every time. Steady: accounts and slots were used before, other deposits are in escrow, the allowance is infinite.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from web3.contract import Contract
from web3.types import TxReceipt

from toolkit.bridge.claims import withdrawal_claim
from toolkit.bridge.client import claim, deposit_erc20, deposit_eth
from toolkit.devnet.accounts import Account
from toolkit.devnet.blobs import commit, versioned_hash
from toolkit.devnet.chain import Chain
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.rollup.client import ETH
from toolkit.rollup.codec import Header, RegisterRecord, encode_blobs
from toolkit.rollup.deploy import deploy_rollup
from toolkit.rollup.inbox import Batch, Message
from toolkit.rollup.machine import State, apply_batch, deposit_data
from toolkit.rollup.operations import Transfer, Withdraw
from toolkit.technique.protocol import blob_gas_of

ETHER = 10**18
TRANSFERS = 1_000
WINDOW = 24 * 3600
RING = 4
"""Accumulators that the Inbox keeps: so few that every place was used before."""


def measure(
    chain: Chain, accounts: Mapping[str, Account], token: Contract, travel: Callable[[int], int]
) -> dict[str, int]:
    """Gas by name, as the rows of the target table are named."""
    return _Drive(chain, accounts, token, travel).measure()


def _of_blob_batch(receipt: TxReceipt | None) -> dict[str, int]:
    """A batch in a blob: nothing on a node that takes none."""
    if receipt is None:
        return {}
    return {
        "rollup: batch in one blob, execution": receipt["gasUsed"],
        "rollup: batch in one blob, blob gas": blob_gas_of(receipt),
    }


class _Drive:
    def __init__(
        self, chain: Chain, accounts: Mapping[str, Account], token: Contract, travel: Callable[[int], int]
    ) -> None:
        self._chain, self._token, self._travel = chain, token, travel
        self._alice, self._bob, self._sequencer = accounts["alice"], accounts["bob"], accounts["sequencer"]
        self._proposer = accounts["proposer"]
        self._contracts = deploy_rollup(
            chain, accounts["deployer"], sequencer=self._sequencer.address, challenge_window=WINDOW, ring_size=RING
        )
        self._genesis = self._contracts.genesis
        self._state = State(self._genesis)
        self._parent: bytes = self._contracts.rollup.functions.GENESIS().call()
        self._arrived: list[Message] = []
        self._required: list[Message] = []

    def measure(self) -> dict[str, int]:
        chain, alice, token = self._chain, self._alice, bytes.fromhex(self._token.address[2:])
        bridge = self._contracts.bridge
        chain.send(alice, self._token.functions.approve(bridge.address, 2**256 - 1))
        for _ in range(2):  # the second of each is the steady one
            ether = self._deposit(deposit_eth(chain, bridge, alice, 10 * ETHER), ETH, 10 * ETHER)
            tokens = self._deposit(
                deposit_erc20(chain, bridge, alice, self._token.address, 10 * ETHER), token, 10 * ETHER
            )
        self._batch([])
        self._batch([])  # consumes the deposits
        self._batch(self._transfers(1))  # opens bob's account
        self._batch(self._transfers(1))  # now every place of the ring was used
        transfers = self._batch(self._transfers(TRANSFERS))
        in_blob = self._batch(self._transfers(TRANSFERS), in_blobs=True) if chain.gives_blobs() else None
        claims: dict[bytes, int] = {}
        for _ in range(2):
            asserted, confirmed = self._assert_and_confirm([self._withdraw(ETH), self._withdraw(token)])
            for withdrawal in self._state.withdrawals[-2:]:
                proof = withdrawal_claim(self._state.withdrawals, withdrawal.index)
                claims[withdrawal.token] = claim(chain, bridge, self._bob, proof)["gasUsed"]
        return {
            "bridge: deposit (ETH)": ether,
            "bridge: deposit (ERC20)": tokens,
            "bridge: claim withdrawal (ETH)": claims[ETH],
            "bridge: claim withdrawal (ERC20)": claims[token],
            "rollup: batch of 1,000 transfers as calldata, per transfer": round(transfers["gasUsed"] / TRANSFERS),
            **_of_blob_batch(in_blob),
            "rollup: assert": asserted["gasUsed"],
            "rollup: confirm": confirmed["gasUsed"],
        }

    def _deposit(self, receipt: TxReceipt, token: bytes, amount: int) -> int:
        bridge = bytes.fromhex(self._contracts.bridge.address[2:])
        time = self._chain.w3.eth.get_block(receipt["blockNumber"])["timestamp"]
        self._arrived.append(Message(bridge, time, deposit_data(token, self._alice.address_bytes, amount)))
        return receipt["gasUsed"]

    def _transfers(self, count: int) -> list[bytes]:
        """Transfers of ETH from alice to bob, after a register record where he has no account yet."""
        payer = self._state.index_of(self._alice.address_bytes, ETH)
        payee = self._state.index_of(self._bob.address_bytes, ETH)
        assert payer is not None
        records = []
        if payee is None:
            payee = len(self._state.accounts)
            records.append(RegisterRecord(self._bob.address_bytes, ETH).encode())
        nonce = self._state.accounts[payer].nonce
        for index in range(count):
            transfer = Transfer(payer, self._bob.address_bytes, ETH, (index % 999 + 1) * 10**12, 0, nonce + index)
            signature = transfer.sign(self._genesis.domain, self._alice.key)
            records.append(transfer.record(payee, signature).encode())
        return records

    def _withdraw(self, token: bytes) -> bytes:
        index = self._state.index_of(self._alice.address_bytes, token)
        assert index is not None
        operation = Withdraw(index, token, ETHER, 0, self._state.accounts[index].nonce)
        return operation.record(operation.sign(self._genesis.domain, self._alice.key)).encode()

    def _batch(self, records: Sequence[bytes], *, in_blobs: bool = False) -> TxReceipt:
        """Post a batch with the messages that it must consume, and apply it to the specification's state."""
        header = Header(fee_token=ETH).encode()
        messages, number = self._required, self._state.batch + 1
        references = b"".join(each.reference() for each in messages)
        functions = self._contracts.inbox.functions
        hashes: tuple[bytes, ...] = ()
        if in_blobs:
            blobs = encode_blobs(records)
            hashes = tuple(versioned_hash(commit(blob)) for blob in blobs)
            post = functions.postBlobs(number, header, len(records), references)
            receipt = self._chain.send(self._sequencer, post, blobs=blobs)
        else:
            post = functions.postBatch(number, header, b"".join(records), references)
            receipt = self._chain.send(self._sequencer, post, gas=TX_GAS_CAP)
        time = self._chain.w3.eth.get_block(receipt["blockNumber"])["timestamp"]
        apply_batch(self._state, Batch(header, records, messages, time, self._sequencer.address_bytes, hashes))
        self._required, self._arrived = self._arrived, []
        return receipt

    def _assert_and_confirm(self, records: Sequence[bytes]) -> tuple[TxReceipt, TxReceipt]:
        self._batch(records)
        rollup, state = self._contracts.rollup, self._state
        bond = rollup.functions.BOND().call()
        asserted = self._chain.send(
            self._proposer,
            rollup.functions.assertState(self._parent, state.batch, state.accumulator, state.machine_hash),
            value=bond,
        )
        self._travel(WINDOW)
        confirmed = self._chain.send(
            self._proposer,
            rollup.functions.confirm(self._parent, state.batch, state.accumulator, state.outbox_root, state.inner_hash),
        )
        self._parent = rollup.events.Confirmed().process_receipt(confirmed)[0]["args"]["id"]
        return asserted, confirmed
