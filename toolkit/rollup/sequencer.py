"""The sequencer's mind: which operations it takes, in which order, and what it seals into a batch. No I/O.

Every batch is applied with the specification (``machine.py``) as it grows. What L1 alone can know, the batch's
timestamp and with it the accumulator, is not part of the accounts, so the next batch can grow while the last one is
on its way.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from toolkit.devnet.accounts import checksum
from toolkit.errors import BadInput, L2KitError
from toolkit.rollup.codec import NO_ACCOUNT, WHOLE_BALANCE, Header, RegisterRecord
from toolkit.rollup.inbox import Message
from toolkit.rollup.machine import (
    Check,
    Outcome,
    State,
    account_hint,
    apply_message,
    apply_record,
    fees_change,
    is_signed,
)
from toolkit.rollup.operations import Transfer, Withdraw
from toolkit.rollup.store import Entry

REASONS = {
    Outcome.UNKNOWN_SENDER: "there is no such account",
    Outcome.SHORT_BALANCE: "the balance is below amount plus fee",
    Outcome.WITHDRAWALS_FULL: "the withdrawal tree is full",
    Outcome.BAD_SIGNATURE: "the signature is not the account owner's over this operation",
    Outcome.OVERFLOW: "the recipient would hold more than 2^128 - 1",
    Outcome.ACCOUNTS_FULL: "the account tree is full",
    Outcome.ZERO_OWNER: "the zero address cannot hold an account",
}


class Refused(L2KitError):
    """The sequencer does not take an operation; the message says why."""


class BatchFull(L2KitError):
    """The open batch has no room; ask again when it is sealed."""


@dataclass(frozen=True)
class Sealed:
    """A batch that no operation joins any more, ready for L1.

    Attributes:
        number: the batch's, from 1.
        header: its 32-byte header word.
        records: 76 bytes each.
        messages: as consumed, hints included.
    """

    number: int
    header: bytes
    records: Sequence[bytes]
    messages: Sequence[Message]


class Sequencer:
    """The accounts as promised to users, and the batch that grows.

    Attributes:
        state: after everything accepted so far. Its accumulator is not kept up.
        records: of the open batch.
        header: of the open batch.
        next_sequence: what the next operation is numbered.
    """

    def __init__(
        self, state: State, poster: bytes, *, batch_records: int, next_sequence: int = 1, fee_token: bytes = bytes(20)
    ) -> None:
        self.state = state
        self.records: list[bytes] = []
        self.next_sequence = next_sequence
        self._poster, self._fee_token = poster, fee_token
        self._batch_records = batch_records
        self.header = self._new_header()

    @property
    def batch(self) -> int:
        """The open batch's number."""
        return self.state.batch + 1

    @property
    def room(self) -> int:
        """Records that the open batch still takes."""
        return self._batch_records - len(self.records)

    def is_next(self, operation: Transfer | Withdraw, ahead: int) -> bool:
        """Whether an operation may be taken after ``ahead`` others, as far as its account and nonce tell."""
        accounts = self.state.accounts
        if operation.account >= len(accounts):
            return False
        return 0 <= operation.nonce - accounts[operation.account].nonce <= ahead

    def submit(self, operation: Transfer | Withdraw, signature: bytes, check: Check = is_signed) -> Entry:
        """Accept an operation into the open batch, after registering a recipient who has no account yet.

        Args:
            check: as of `machine.record_change`.

        Raises:
            Refused: it cannot be applied; nothing changed.
            BatchFull: the open batch has no room for it; nothing changed.
        """
        state = self.state
        digest = operation.digest(state.genesis.domain)
        self._check(operation)
        to: bytes | None = None
        try:
            if isinstance(operation, Withdraw):
                self._make_room(1)
                record = operation.record(signature).encode()
            else:
                to = operation.to
                recipient = state.index_of(to, operation.token)
                self._make_room(1 if recipient is not None else 2)
                record = operation.record(len(state.accounts) if recipient is None else recipient, signature).encode()
                if recipient is None:
                    self._register(operation, digest, signature, check)
        except BadInput as error:  # an amount or a fee that has no encoding
            raise Refused(str(error)) from error
        self._apply(record, check)
        sequence = self.next_sequence
        self.next_sequence += 1
        return Entry(
            *(sequence, digest, operation.account, to, operation.token, operation.amount, operation.fee),
            *(operation.nonce, signature, self.batch),
        )

    def resubmit(self, entry: Entry) -> Entry:
        """Accept again an operation that was confirmed before; raises as `submit`."""
        fields = (entry.token, entry.amount, entry.fee, entry.nonce)
        operation: Transfer | Withdraw = (
            Withdraw(entry.account, *fields) if entry.to is None else Transfer(entry.account, entry.to, *fields)
        )
        kept = self.next_sequence
        accepted = self.submit(operation, entry.signature)
        self.next_sequence = kept
        return replace(accepted, sequence=entry.sequence)

    def seal(self, messages: Iterable[Message]) -> Sealed:
        """Close the open batch with the messages that it must consume, and open the next.

        Args:
            messages: that the Inbox's rule names, in order; their hints are set here.
        """
        state, hinted = self.state, []
        for message in messages:
            message = replace(message, account=account_hint(state, message))  # noqa: PLW2901
            apply_message(state, message)
            hinted.append(message)
        state.commit(fees_change(state, self.header, self._poster))
        state.fees = state.position = 0
        sealed = Sealed(self.batch, self.header.encode(), tuple(self.records), tuple(hinted))
        state.batch += 1
        self.records = []
        self.header = self._new_header()
        return sealed

    def _new_header(self) -> Header:
        account = self.state.index_of(self._poster, self._fee_token)
        return Header(NO_ACCOUNT if account is None else account, self._fee_token)

    def _make_room(self, records: int) -> None:
        if records > self.room:
            raise BatchFull(f"batch {self.batch} holds {len(self.records)} records and is full")

    def _check(self, operation: Transfer | Withdraw) -> None:
        """Say precisely what the machine would only call a bad signature or a wrong account."""
        accounts = self.state.accounts
        if operation.account >= len(accounts):
            raise Refused(f"there is no account {operation.account}; the last is {len(accounts) - 1}")
        account = accounts[operation.account]
        if account.token != operation.token:
            raise Refused(
                f"account {operation.account} holds the token {checksum(account.token)}, "
                f"not {checksum(operation.token)}"
            )
        if account.nonce != operation.nonce:
            raise Refused(
                f"nonce {operation.nonce} is not the next one of account {operation.account}, {account.nonce}"
            )
        charged = operation.fee if operation.token == self._fee_token else 0
        amount = 0 if operation.amount == WHOLE_BALANCE else operation.amount
        if account.balance < amount + charged:
            raise Refused(
                f"account {operation.account} holds {account.balance}, less than amount {amount} plus fee {charged}"
            )

    def _register(self, transfer: Transfer, digest: bytes, signature: bytes, check: Check) -> None:
        """Open the recipient's account, only for a transfer that will apply."""
        if not check(digest, signature, self.state.accounts[transfer.account].owner):
            raise Refused(REASONS[Outcome.BAD_SIGNATURE])
        self._apply(RegisterRecord(transfer.to, transfer.token).encode(), check)

    def _apply(self, record: bytes, check: Check) -> None:
        change = apply_record(self.state, self.header, record, check)
        if change.outcome != Outcome.APPLIED:
            self.state.position -= 1
            raise Refused(REASONS.get(change.outcome, change.outcome.name))
        self.records.append(record)
