"""A rollup driven by hand on a real node."""

from __future__ import annotations

from collections.abc import Sequence

from web3.types import TxReceipt

from toolkit.bridge.client import deposit_erc20, deposit_eth
from toolkit.devnet import Account, Chain, Node
from toolkit.rollup.codec import NO_ACCOUNT, Header
from toolkit.rollup.deploy import DAY, RollupContracts, deploy_rollup
from toolkit.rollup.inbox import Batch, Message
from toolkit.rollup.machine import Outcome, State, apply_batch, deposit_data
from toolkit.rollup.operations import Transfer, Withdraw

ETHER, ETH = 10**18, bytes(20)
BOND = 10**17


class Driver:
    """A sequencer and proposer in a few lines: what it posts it also applies to the specification's state."""

    def __init__(self, node: Node, chain: Chain, accounts: dict[str, Account]) -> None:
        self.node, self.chain, self.accounts = node, chain, accounts
        self.contracts: RollupContracts = deploy_rollup(
            chain, accounts["deployer"], sequencer=accounts["sequencer"].address, bond=BOND, ring_size=8
        )
        self.state = State(self.contracts.genesis)
        self.confirmed: bytes = chain.call(self.contracts.rollup.functions.GENESIS())
        self.waiting: list[Message] = []
        self.snapshot: list[Message] = []

    def time_of(self, receipt: TxReceipt) -> int:
        return int(self.chain.w3.eth.get_block(receipt["blockNumber"])["timestamp"])

    def deposit(self, account: Account, amount: int, token: str | None = None) -> int:
        bridge = self.contracts.bridge
        if token is None:
            receipt = deposit_eth(self.chain, bridge, account, amount)
        else:
            receipt = deposit_erc20(self.chain, bridge, account, token, amount)
        asset = ETH if token is None else bytes.fromhex(token[2:])
        hint = self.state.index_of(account.address_bytes, asset)
        data = deposit_data(asset, account.address_bytes, amount)
        sender = bytes.fromhex(bridge.address[2:])
        self.waiting.append(Message(sender, self.time_of(receipt), data, NO_ACCOUNT if hint is None else hint))
        return int(receipt["gasUsed"])

    def post(self, records: Sequence[bytes] = (), header: Header | None = None) -> tuple[int, list[Outcome]]:
        word = (header or Header()).encode()
        references = b"".join(message.reference() for message in self.snapshot)
        number, sequencer = self.state.batch + 1, self.accounts["sequencer"]
        call = self.contracts.inbox.functions.postBatch(number, word, b"".join(records), references)
        receipt = self.chain.send(sequencer, call)
        self.batch = Batch(word, records, self.snapshot, self.time_of(receipt), sequencer.address_bytes)
        self.before = self.state.copy()
        outcomes = apply_batch(self.state, self.batch)
        self.snapshot, self.waiting = self.waiting, []
        assert self.chain.call(self.contracts.inbox.functions.accumulator(number)) == self.state.accumulator
        return int(receipt["gasUsed"]), outcomes

    def settle(self) -> tuple[int, int]:
        """Assert the state, wait, confirm; returns the gas of both."""
        rollup, state, proposer = self.contracts.rollup.functions, self.state, self.accounts["proposer"]
        call = rollup.assertState(self.confirmed, state.batch, state.accumulator, state.machine_hash)
        asserted = self.chain.send(proposer, call, value=BOND)
        name = self.contracts.rollup.events.Asserted().process_receipt(asserted)[0]["args"]["id"]
        self.node.travel(7 * DAY)
        halves = (state.outbox_root, state.inner_hash)
        confirm = rollup.confirm(self.confirmed, state.batch, state.accumulator, *halves)
        confirmed = self.chain.send(proposer, confirm)
        self.confirmed = name
        return int(asserted["gasUsed"]), int(confirmed["gasUsed"])

    def transfer(self, payer: Account, payee: Account, amount: int, nonce: int, token: bytes = ETH) -> bytes:
        sender, recipient = (self.state.index_of(each.address_bytes, token) for each in (payer, payee))
        assert sender is not None and recipient is not None
        transfer = Transfer(sender, payee.address_bytes, token, amount, 0, nonce)
        return transfer.record(recipient, transfer.sign(self.state.genesis.domain, payer.key)).encode()

    def withdraw(self, owner: Account, amount: int, nonce: int, token: bytes = ETH) -> bytes:
        index = self.state.index_of(owner.address_bytes, token)
        assert index is not None
        withdraw = Withdraw(index, token, amount, 0, nonce)
        return withdraw.record(withdraw.sign(self.state.genesis.domain, owner.key)).encode()
