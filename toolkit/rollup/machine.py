"""The payments machine: the specification of what a batch does to the rollup's state.

``contracts/rollup/PaymentsMachine.sol`` executes one step of the same transition on L1; tests hold the two against
each other. A *step* applies one record, or one message, or ends the batch. The transition is total: whatever the bytes,
a step either applies or is without effect and says why (``Outcome``); only the position moves on.

``record_change``, ``message_change`` and ``fees_change`` are pure: they read a state and return a ``Change``. ``State``
is the working object to which changes are committed; ``copy`` gives an independent one. Roots are hashed when asked
for.

All amounts are in base units of the account's token (wei for ETH), addresses are 20 bytes, the zero token is ETH.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from toolkit.crypto import Domain, keccak256, recover
from toolkit.errors import BadInput
from toolkit.rollup.codec import (
    HEADER_VERSION,
    NO_ACCOUNT,
    RECORD_SIZE,
    SIGNATURE_OFFSET,
    WHOLE_BALANCE,
    Header,
    decode_amount,
    decode_fee,
)
from toolkit.rollup.inbox import Batch, Message, extend
from toolkit.rollup.merkle import SparseMerkleTree
from toolkit.rollup.operations import transfer_digest, withdraw_digest

MAX_BALANCE = (1 << 128) - 1
"""No account holds more."""
DEPOSIT_KIND = 1
"""First byte of a deposit message."""
_DEPOSIT_SIZE = 1 + 20 + 20 + 16
FORCED_KIND = 2
"""First byte of a message that is a forced operation."""
_FORCED_SIZE = 1 + RECORD_SIZE
_ZERO_ADDRESS = bytes(20)
_PAD = bytes(12)


class Outcome(IntEnum):
    """What became of a record or a message: applied, or without effect for the reason named."""

    APPLIED = 0
    UNKNOWN_VERSION = 1
    """The batch's header names a version that this machine does not know."""
    UNKNOWN_SENDER = 2
    """There is no account at the sender's index."""
    SHORT_BALANCE = 3
    """The sender's balance is below amount plus fee charged (for the whole balance: below the fee charged)."""
    WITHDRAWALS_FULL = 4
    """The withdrawal tree has no leaf left."""
    UNKNOWN_RECIPIENT = 5
    """There is no account at the recipient's index."""
    TOKEN_MISMATCH = 6
    """Sender and recipient hold different tokens."""
    BAD_SIGNATURE = 7
    """The signature is not the owner's over this operation with the account's present nonce."""
    OVERFLOW = 8
    """The recipient would hold more than ``MAX_BALANCE``."""
    ACCOUNTS_FULL = 9
    """The account tree has no leaf left."""
    ZERO_OWNER = 10
    """An account cannot belong to the zero address, whose signature anybody could claim."""
    UNKNOWN_MESSAGE = 11
    """The message is of no kind that this machine knows."""
    NOT_BRIDGE = 12
    """A deposit that did not come from the bridge."""


class Account(NamedTuple):
    """A leaf of the account tree: one token of one owner. ``nonce`` counts the operations its owner has signed."""

    owner: bytes
    token: bytes
    balance: int
    nonce: int

    def leaf(self) -> bytes:
        """The leaf's hash, over 128 bytes."""
        return keccak256(
            b"".join(
                (
                    _PAD,
                    self.owner,
                    _PAD,
                    self.token,
                    self.balance.to_bytes(32, "big"),
                    self.nonce.to_bytes(32, "big"),
                )
            )
        )


@dataclass(frozen=True)
class Withdrawal:
    """A leaf of the withdrawal tree: ``amount`` of ``token`` that the bridge owes ``owner`` on L1."""

    index: int
    owner: bytes
    token: bytes
    amount: int

    def leaf(self) -> bytes:
        """The leaf's hash, over 128 bytes."""
        return keccak256(
            b"".join(
                (
                    self.index.to_bytes(32, "big"),
                    _PAD,
                    self.owner,
                    _PAD,
                    self.token,
                    self.amount.to_bytes(32, "big"),
                )
            )
        )


def deposit_data(token: bytes, owner: bytes, amount: int) -> bytes:
    """The data of a bridge deposit's message: ``kind u8 | token 20 | owner 20 | amount u128``."""
    return bytes([DEPOSIT_KIND]) + token + owner + amount.to_bytes(16, "big")


def forced_data(record: bytes) -> bytes:
    """The data of a message that is an operation, brought by L1 and not by the sequencer: ``kind u8 | record 76``.

    Anyone may send it: what counts is the signature in the record. The fee that it names is not charged.
    """
    if len(record) != RECORD_SIZE:
        raise BadInput(f"a record has {RECORD_SIZE} bytes, not {len(record)}")
    return bytes([FORCED_KIND]) + record


@dataclass(frozen=True)
class Genesis:
    """What a machine is deployed with.

    Attributes:
        domain: under which operations are signed (``operations.rollup_domain``).
        bridge: 20-byte address, the only sender of deposits.
        accumulator: the Inbox's genesis accumulator (28 bytes).
        accounts_depth, withdrawals_depth: of the state trees (at most 31 and 32).
    """

    domain: Domain
    bridge: bytes
    accumulator: bytes
    accounts_depth: int = 31
    withdrawals_depth: int = 32


class Change(NamedTuple):
    """What one record or message, or the fees at a batch's end, does to the state. Nothing, unless it applied."""

    outcome: Outcome
    accounts: tuple[tuple[int, Account], ...] = ()
    """New contents by index, in the order of writing; an index one above the last opens an account."""
    withdrawal: Withdrawal | None = None
    fee: int = 0
    """What the payer paid for the batch, in the header's fee token."""


class State:
    """The machine's state: the accounts, the withdrawals, and where in the Inbox's history it stands.

    Attributes:
        genesis: the machine's parameters.
        accounts: by index.
        withdrawals: by index.
        accumulator: the Inbox's accumulator before the present batch (28 bytes).
        batch: batches applied in full.
        position: steps of the present batch already applied.
        fees: paid in the present batch so far, in its fee token.
    """

    def __init__(
        self,
        genesis: Genesis,
        accounts: Sequence[Account] = (),
        withdrawals: Sequence[Withdrawal] = (),
        *,
        accumulator: bytes | None = None,
        batch: int = 0,
        position: int = 0,
        fees: int = 0,
    ) -> None:
        self.genesis = genesis
        self.accounts = list(accounts)
        self.withdrawals = list(withdrawals)
        self.accumulator = genesis.accumulator if accumulator is None else accumulator
        self.batch = batch
        self.position = position
        self.fees = fees
        self._account_tree = SparseMerkleTree(genesis.accounts_depth)
        self._withdrawal_tree = SparseMerkleTree(genesis.withdrawals_depth)
        self._dirty = set(range(len(self.accounts)))
        self._indices: dict[tuple[bytes, bytes], int] = {}
        for index, account in enumerate(self.accounts):
            self._indices.setdefault(account[:2], index)

    def copy(self) -> State:
        """An independent copy, in time proportional to the number of accounts."""
        other = State.__new__(State)
        other.__dict__.update(self.__dict__)
        other.accounts = self.accounts.copy()
        other.withdrawals = self.withdrawals.copy()
        other._account_tree = self._account_tree.copy()
        other._withdrawal_tree = self._withdrawal_tree.copy()
        other._dirty = self._dirty.copy()
        other._indices = self._indices.copy()
        return other

    def index_of(self, owner: bytes, token: bytes) -> int | None:
        """The owner's account of a token (the first, should there be several), or None."""
        return self._indices.get((owner, token))

    def commit(self, change: Change) -> None:
        """Write a change computed from this very state. Does not move the position."""
        accounts = self.accounts
        for index, account in change.accounts:
            if index == len(accounts):
                accounts.append(account)
                self._indices.setdefault(account[:2], index)
            else:
                accounts[index] = account
            self._dirty.add(index)
        if change.withdrawal is not None:
            self.withdrawals.append(change.withdrawal)
        self.fees += change.fee

    @property
    def account_tree(self) -> SparseMerkleTree:
        """The account tree, up to date."""
        tree, accounts = self._account_tree, self.accounts
        for index in sorted(self._dirty):
            tree[index] = accounts[index].leaf()
        self._dirty.clear()
        return tree

    @property
    def withdrawal_tree(self) -> SparseMerkleTree:
        """The withdrawal tree, up to date."""
        tree = self._withdrawal_tree
        for withdrawal in self.withdrawals[len(tree) :]:
            tree[withdrawal.index] = withdrawal.leaf()
        return tree

    @property
    def outbox_root(self) -> bytes:
        """The withdrawal tree's root."""
        return self.withdrawal_tree.root

    @property
    def inner_hash(self) -> bytes:
        """The hash of everything else."""
        return keccak256(
            b"".join(
                (
                    self.account_tree.root,
                    len(self.accounts).to_bytes(32, "big"),
                    len(self.withdrawals).to_bytes(32, "big"),
                    self.accumulator.ljust(32, b"\0"),
                    self.batch.to_bytes(32, "big"),
                    self.position.to_bytes(32, "big"),
                    self.fees.to_bytes(32, "big"),
                )
            )
        )

    @property
    def machine_hash(self) -> bytes:
        """The hash of the whole state: ``keccak(outbox_root | inner_hash)``."""
        return keccak256(self.outbox_root + self.inner_hash)


Check = Callable[[bytes, bytes, bytes], bool]
"""Says whether a digest (32 bytes) carries a signature (64) of an owner (20)."""


def is_signed(digest: bytes, signature: bytes, owner: bytes) -> bool:
    """Whether the signature is the owner's: the only `Check` that says what is so on L1."""
    return recover(digest, signature) == owner


def record_change(state: State, header: Header, record: bytes, check: Check = is_signed) -> Change:
    """What a record does in a batch with this header; pure, and total over every 76-byte string.

    Args:
        check: another than `is_signed` is for who knows already what that would say (``fast.py``).
    """
    if header.version != HEADER_VERSION:
        return Change(Outcome.UNKNOWN_VERSION)
    return operation_change(state, record, header.fee_token, check)


def operation_change(state: State, record: bytes, fee_token: bytes | None, check: Check = is_signed) -> Change:
    """What a record does where fees are paid in ``fee_token``, or, where that is None, not charged; pure and total."""
    if len(record) != RECORD_SIZE:
        raise BadInput(f"a record has {RECORD_SIZE} bytes, not {len(record)}")
    sender_index = int.from_bytes(record[:4], "big")
    if sender_index == NO_ACCOUNT:
        return _register(state, record[4:24], record[24:44])
    accounts = state.accounts
    if sender_index >= len(accounts):
        return Change(Outcome.UNKNOWN_SENDER)
    payer = accounts[sender_index]
    owner, token, balance, nonce = payer
    signed_amount, fee = decode_amount(record[8:11]), decode_fee(record[11:12])
    charged = fee if token == fee_token else 0
    debited = debit(payer, signed_amount, charged)
    if debited is None:
        return Change(Outcome.SHORT_BALANCE)
    amount = balance - charged - debited.balance
    signature, domain = record[SIGNATURE_OFFSET:], state.genesis.domain

    recipient_index = int.from_bytes(record[4:8], "big")
    if recipient_index == NO_ACCOUNT:
        if len(state.withdrawals) >> state.genesis.withdrawals_depth:
            return Change(Outcome.WITHDRAWALS_FULL)
        if not check(withdraw_digest(domain, sender_index, token, signed_amount, fee, nonce), signature, owner):
            return Change(Outcome.BAD_SIGNATURE)
        withdrawal = Withdrawal(len(state.withdrawals), owner, token, amount)
        return Change(Outcome.APPLIED, ((sender_index, debited),), withdrawal, charged)

    if recipient_index >= len(accounts):
        return Change(Outcome.UNKNOWN_RECIPIENT)
    recipient = debited if recipient_index == sender_index else accounts[recipient_index]
    if recipient.token != token:
        return Change(Outcome.TOKEN_MISMATCH)
    digest = transfer_digest(domain, sender_index, recipient.owner, token, signed_amount, fee, nonce)
    if not check(digest, signature, owner):
        return Change(Outcome.BAD_SIGNATURE)
    if recipient.balance + amount > MAX_BALANCE:
        return Change(Outcome.OVERFLOW)
    credited = Account(recipient.owner, token, recipient.balance + amount, recipient.nonce)
    return Change(Outcome.APPLIED, ((sender_index, debited), (recipient_index, credited)), None, charged)


def debit(payer: Account, amount: int, charged: int) -> Account | None:
    """The payer's account after it paid an amount, or ``WHOLE_BALANCE``, and the fee; None where it cannot."""
    if payer.balance < charged:
        return None
    available = payer.balance - charged
    left = 0 if amount == WHOLE_BALANCE else available - amount
    return None if left < 0 else Account(payer.owner, payer.token, left, payer.nonce + 1)


def message_change(state: State, message: Message, check: Check = is_signed) -> Change:
    """What a message does; pure and total. ``check`` as of `record_change`."""
    data = message.data
    if is_forced(message):
        return operation_change(state, data[1:], None, check)
    if len(data) != _DEPOSIT_SIZE or data[0] != DEPOSIT_KIND:
        return Change(Outcome.UNKNOWN_MESSAGE)
    if message.sender != state.genesis.bridge:
        return Change(Outcome.NOT_BRIDGE)
    return _credit(state, message.account, data[21:41], data[1:21], int.from_bytes(data[41:], "big"))


def account_hint(state: State, message: Message) -> int:
    """The hint by which a deposit is credited without opening another account; of what is no deposit, any."""
    account = state.index_of(message.data[21:41], message.data[1:21])
    return NO_ACCOUNT if account is None else account


def deposit_of(genesis: Genesis, message: Message) -> tuple[bytes, bytes, int] | None:
    """Token, owner and amount of a message that is a deposit, or None."""
    data = message.data
    if message.sender != genesis.bridge or len(data) != _DEPOSIT_SIZE or data[0] != DEPOSIT_KIND:
        return None
    return data[1:21], data[21:41], int.from_bytes(data[41:], "big")


def is_forced(message: Message) -> bool:
    """Whether a message is a forced operation."""
    return len(message.data) == _FORCED_SIZE and message.data[0] == FORCED_KIND


def fees_change(state: State, header: Header, poster: bytes) -> Change:
    """What the end of a batch credits to its poster; pure and total."""
    if not state.fees:
        return Change(Outcome.APPLIED)
    return _credit(state, header.fee_account, poster, header.fee_token, state.fees)


def apply_record(state: State, header: Header, record: bytes, check: Check = is_signed) -> Change:
    """Apply one record to ``state``, and return what it did; ``check`` as of `record_change`."""
    change = record_change(state, header, record, check)
    state.commit(change)
    state.position += 1
    return change


def apply_message(state: State, message: Message, check: Check = is_signed) -> Change:
    """Apply one message to ``state``, and return what it did; ``check`` as of `record_change`."""
    change = message_change(state, message, check)
    state.commit(change)
    state.position += 1
    return change


def end_batch(state: State, batch: Batch) -> Change:
    """Apply the end of ``batch`` to ``state``: pay the fees, and move on to the next batch."""
    if state.position != batch.steps - 1:
        raise BadInput(f"position {state.position} is not the end of a batch of {batch.steps} steps")
    change = fees_change(state, Header.decode(batch.header), batch.poster)
    state.commit(change)
    state.fees = 0
    state.accumulator = extend(state.accumulator, batch.hash)
    state.batch += 1
    state.position = 0
    return change


def apply_step(state: State, batch: Batch, check: Check = is_signed) -> Change:
    """Apply the next step of ``batch`` to ``state``, whichever it is; ``check`` as of `record_change`."""
    position, records = state.position, len(batch.records)
    if position < records:
        return apply_record(state, Header.decode(batch.header), batch.records[position], check)
    if position < records + len(batch.messages):
        return apply_message(state, batch.messages[position - records], check)
    return end_batch(state, batch)


def apply_batch(state: State, batch: Batch) -> list[Outcome]:
    """Apply a whole batch to ``state``; returns what became of each record, then of each message."""
    if state.position:
        raise BadInput(f"a batch is applied from its beginning, not from position {state.position}")
    header = Header.decode(batch.header)
    outcomes = [apply_record(state, header, record).outcome for record in batch.records]
    outcomes += [apply_message(state, message).outcome for message in batch.messages]
    end_batch(state, batch)
    return outcomes


def _register(state: State, owner: bytes, token: bytes) -> Change:
    if owner == _ZERO_ADDRESS:
        return Change(Outcome.ZERO_OWNER)
    return _open(state, Account(owner, token, 0, 0))


def _credit(state: State, hint: int, owner: bytes, token: bytes, amount: int) -> Change:
    """Credit the hinted account if it is the owner's, of that token, and has room; otherwise open a new one."""
    if hint < len(state.accounts):
        account = state.accounts[hint]
        if account.owner == owner and account.token == token and account.balance + amount <= MAX_BALANCE:
            credited = Account(owner, token, account.balance + amount, account.nonce)
            return Change(Outcome.APPLIED, ((hint, credited),))
    return _open(state, Account(owner, token, amount, 0))


def _open(state: State, account: Account) -> Change:
    index = len(state.accounts)
    if index >> state.genesis.accounts_depth:
        return Change(Outcome.ACCOUNTS_FULL)
    return Change(Outcome.APPLIED, ((index, account),))
