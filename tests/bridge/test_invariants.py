"""The four contracts and the specification together, in any order of events: nothing is made, nothing is lost."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from rollup_core.evm import Contract, Evm
from rollup_core.worlds import KEYS, OWNERS

from toolkit.bridge.claims import withdrawal_claim
from toolkit.compile import artifact
from toolkit.devnet.accounts import checksum
from toolkit.rollup.codec import BLOB_RECORDS, NO_ACCOUNT, RECORD_SIZE, WHOLE_BALANCE, Header
from toolkit.rollup.deploy import create_address
from toolkit.rollup.inbox import Batch, Message, genesis_accumulator
from toolkit.rollup.machine import Genesis, State, apply_batch, deposit_data
from toolkit.rollup.operations import Transfer, Withdraw, rollup_domain

SEQUENCER, PROPOSER = (checksum(bytes([number]) * 20) for number in (0x5E, 0x90))
SEQUENCER_BYTES = b"\x5e" * 20
WINDOW, BOND = 100, 1000
ETH = bytes(20)


class World:
    def __init__(self, rng: random.Random) -> None:
        self.rng, self.evm = rng, Evm()
        deployer = bytes.fromhex(self.evm.deployer[2:])
        self.token = self.evm.deploy(artifact("Token"), "T", "T", 10**30)
        bridge_address = create_address(deployer, 4)
        self.inbox = self.evm.deploy(artifact("Inbox"), SEQUENCER, 3600, 8, RECORD_SIZE, BLOB_RECORDS, 100)
        self.machine = self.evm.deploy(
            artifact("PaymentsMachine"), self.inbox.address, checksum(bridge_address), 31, 32
        )
        self.rollup: Contract = self.evm.deploy(
            artifact("Rollup"), self.inbox.address, self.machine.address, checksum(ETH), WINDOW, BOND, 2 * WINDOW
        )
        self.bridge = self.evm.deploy(artifact("Bridge"), self.inbox.address, self.rollup.address, 32)
        assert self.bridge.address_bytes == bridge_address
        self.evm.call(self.token, "approve", self.bridge.address, 2**256 - 1)
        accumulator = genesis_accumulator(1, self.inbox.address_bytes, self.evm.now)
        domain = rollup_domain(1, self.machine.address_bytes)
        self.state = State(Genesis(domain, bridge_address, accumulator))
        self.waiting: list[Message] = []
        self.snapshot: list[Message] = []
        self.confirmed = self.evm.call(self.rollup, "GENESIS")
        self.pending: tuple[bytes, State] | None = None
        self.final = self.state.copy()
        self.claimed: set[int] = set()

    def deposit(self) -> None:
        rng = self.rng
        owner, asset, amount = rng.choice(OWNERS), rng.choice([ETH, self.token.address_bytes]), rng.randint(1, 10**6)
        if asset == ETH:
            self.evm.call(self.bridge, "depositETH", checksum(owner), value=amount)
        else:
            self.evm.call(self.bridge, "depositERC20", checksum(asset), checksum(owner), amount)
        hint = rng.choice([self.state.index_of(owner, asset), NO_ACCOUNT, 0])
        data = deposit_data(asset, owner, amount)
        account = NO_ACCOUNT if hint is None else hint
        self.waiting.append(Message(self.bridge.address_bytes, self.evm.now, data, account))

    def post(self) -> None:
        rng, state = self.rng, self.state
        records = []
        for _ in range(rng.randint(0, 4)):
            if not state.accounts:
                break
            sender, recipient = (rng.randrange(len(state.accounts)) for _ in range(2))
            payer, payee = state.accounts[sender], state.accounts[recipient]
            if payer.owner == SEQUENCER_BYTES:
                continue
            amount = rng.choice([rng.randint(0, 500_000), rng.randint(0, 500_000), WHOLE_BALANCE])
            fee, key = rng.randint(0, 7), KEYS[OWNERS.index(payer.owner)]
            nonce = payer.nonce + rng.choice([0, 0, 0, 1])
            if rng.random() < 0.5:
                transfer = Transfer(sender, payee.owner, payer.token, amount, fee, nonce)
                records.append(transfer.record(recipient, transfer.sign(state.genesis.domain, key)).encode())
            else:
                withdraw = Withdraw(sender, payer.token, amount, fee, nonce)
                records.append(withdraw.record(withdraw.sign(state.genesis.domain, key)).encode())
        header = Header(rng.choice([0, NO_ACCOUNT]), rng.choice([ETH, self.token.address_bytes])).encode()
        references = b"".join(message.reference() for message in self.snapshot)
        arguments = (state.batch + 1, header, b"".join(records), references)
        self.evm.call(self.inbox, "postBatch", *arguments, sender=SEQUENCER)
        apply_batch(state, Batch(header, records, self.snapshot, self.evm.now, SEQUENCER_BYTES))
        self.snapshot, self.waiting = self.waiting, []

    def settle(self) -> None:
        """Assert, or confirm what was asserted."""
        state = self.state
        if self.pending is None:
            if state.batch > self.final.batch:
                arguments: tuple[Any, ...] = (self.confirmed, state.batch, state.accumulator, state.machine_hash)
                name = self.evm.call(self.rollup, "assertState", *arguments, sender=PROPOSER, value=BOND)
                self.pending = (name, state.copy())
            return
        name, asserted = self.pending
        self.evm.set_time(self.evm.now + WINDOW)
        arguments = (self.confirmed, asserted.batch, asserted.accumulator, asserted.outbox_root, asserted.inner_hash)
        self.evm.call(self.rollup, "confirm", *arguments, sender=PROPOSER)
        self.confirmed, self.final, self.pending = name, asserted, None

    def claim(self) -> None:
        unclaimed = set(range(len(self.final.withdrawals))) - self.claimed
        if not unclaimed:
            return
        index = self.rng.choice(sorted(unclaimed))
        claim = withdrawal_claim(self.final.withdrawals, index)
        words = claim.withdrawal
        self.evm.call(
            self.bridge,
            "claim",
            claim.outbox_root,
            index,
            checksum(words.owner),
            checksum(words.token),
            words.amount,
            list(claim.proof),
        )
        self.claimed.add(index)

    def check(self) -> None:
        state, held = (
            self.state,
            {
                ETH: int(self.evm.vm.get_balance(self.bridge.address)),
                self.token.address_bytes: int(self.evm.call(self.token, "balanceOf", self.bridge.address)),
            },
        )
        for asset, escrow in held.items():
            on_l2 = sum(account.balance for account in state.accounts if account.token == asset)
            on_its_way = sum(
                int.from_bytes(message.data[41:], "big")
                for message in [*self.snapshot, *self.waiting]
                if message.data[1:21] == asset
            )
            unclaimed = sum(
                withdrawal.amount
                for withdrawal in state.withdrawals
                if withdrawal.token == asset and withdrawal.index not in self.claimed
            )
            assert escrow == on_l2 + on_its_way + unclaimed
        assert self.evm.vm.get_balance(self.rollup.address) == (BOND if self.pending else 0)
        assert self.evm.call(self.inbox, "waitingMessages") == len(self.waiting)
        assert self.evm.call(self.inbox, "accumulator", state.batch) == state.accumulator


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**64))
def test_escrow_is_what_l2_holds_and_what_is_on_its_way(seed: int) -> None:
    world = World(random.Random(seed))
    for _ in range(25):
        world.rng.choice([world.deposit, world.deposit, world.post, world.settle, world.claim])()
        world.check()
