"""A rollup of our own making with deposits and withdrawals on it, for who lends."""

from __future__ import annotations

from rollup_services.l1_logs import L1
from rollup_services.test_parts import BRIDGE, CONTRACTS, INBOX, ROLLUP

from toolkit.bridge import ledger as b
from toolkit.crypto import address_of
from toolkit.rollup import contracts as c
from toolkit.rollup.codec import Header
from toolkit.rollup.inbox import Batch, extend
from toolkit.rollup.machine import Withdrawal, deposit_data
from toolkit.rollup.operations import Withdraw

ETH, COIN = bytes(20), b"\x70" * 20
ETHER = 10**18
KEY, OTHER_KEY = b"\x05" * 32, b"\x06" * 32
OWNER = address_of(KEY)
PROVIDER, RIVAL = b"\x71" * 20, b"\x72" * 20


def word(value: int | bytes) -> bytes:
    return value.to_bytes(32, "big") if isinstance(value, int) else value.rjust(32, b"\0")


class Lending(L1):
    """The owner has 1,000 ether and as many coins on L2, and withdraws when told."""

    def __init__(self, ring_size: int = 256) -> None:
        super().__init__(batches=0, ring_size=ring_size)
        for token in (ETH, COIN):
            self.message(deposit_data(token, OWNER, 1_000 * ETHER))
        self.post()
        self.post()

    @property
    def head(self) -> int:
        """The number of the newest block, each of which has one log."""
        return self.count

    def message(self, data: bytes) -> None:
        body = word(32) + word(len(data)) + data + bytes(-len(data) % 32)
        self.log(INBOX, (c.MESSAGE_SENT, word(BRIDGE)), body)

    def post(self, *records: bytes) -> None:
        history = self.replica.history
        number, messages = len(history.posted) + 1, list(history.required)
        header = Header().encode()
        batch = Batch(header, records, messages, self.now, CONTRACTS.sequencer)
        accumulator = extend(history.accumulator, batch.hash).ljust(32, b"\0")
        self.log(
            INBOX, (c.BATCH_POSTED, word(number)), accumulator, c.encode_post_batch(number, header, records, messages)
        )

    def withdraw(self, amount: int, token: bytes = ETH) -> Withdrawal:
        """The owner withdraws; the batch is on L1."""
        state = self.replica.state
        index = state.index_of(OWNER, token)
        assert index is not None
        operation = Withdraw(index, token, amount, 0, state.accounts[index].nonce)
        self.post(operation.record(operation.sign(state.genesis.domain, KEY)).encode())
        return self.replica.state.withdrawals[-1]

    def fast_exit(self, withdrawal: Withdrawal, fee: int = 1, provider: bytes = PROVIDER) -> None:
        data = word(withdrawal.token) + word(withdrawal.amount) + word(fee)
        people = word(withdrawal.owner), word(provider)
        self.log(BRIDGE, (b.FAST_EXITED, word(withdrawal.index), *people), data)

    def claim(self, withdrawal: Withdrawal, payee: bytes) -> None:
        data = word(withdrawal.token) + word(withdrawal.amount)
        self.log(BRIDGE, (b.CLAIMED, word(withdrawal.index), word(payee)), data)

    def alarm(self, freezable_at: int) -> None:
        self.log(ROLLUP, (c.ALARMED, self.replica.confirmed), word(freezable_at))

    def freeze(self) -> None:
        self.log(ROLLUP, (c.FROZEN, self.replica.confirmed), b"")

    def settle(self, batch: int) -> bytes:
        """Somebody asserts the right state, and it is confirmed; returns the id."""
        name = self.assert_state(self.replica.confirmed, batch)
        self.confirm(name)
        return name
