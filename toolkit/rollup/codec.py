"""The bytes that go to L1: amounts, fees, records, blobs and the batch header.

A record is ``RECORD_SIZE`` bytes and says one operation:

    transfer   from u32 | to u32         | amount 3 | fee 1 | signature 64
    withdraw   from u32 | 0xFFFFFFFF     | amount 3 | fee 1 | signature 64
    register   0xFFFFFFFF | owner 20 | token 20 | 32 bytes of any value

Amounts and fees are decimal floats, ``mantissa * 10**exponent``, the exponent in the upper 5 bits: an amount has 19
bits of mantissa, a fee has 3. The amount ``ff ff ff`` is no number but ``WHOLE_BALANCE``: all that the account holds,
less the fee charged. An operation carries no nonce: the state knows it. Every 76-byte string is a record; what a record
means, and when it means nothing, is the machine's business (``machine.py``).

The header's version leaves room for aggregate signatures: in a batch of another version a record of 76 bytes may carry
six operations of 12 bytes each, and two more at the batch's beginning the one signature over all of them (a BLS
signature has 96 bytes). Trees, blobs and the Inbox would stay as they are, since they know only records.

A blob is 4,096 field elements of 32 bytes (EIP-4844). Of each only the lower 31 bytes count, so that every
blob holds records. Two records A and B lie in five elements:

    A[0:31]   A[31:62]   A[62:76] | B[62:76] | 3 bytes of any value   B[0:31]   B[31:62]

and the last element is of any value. So one record touches three elements, and never two blobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.devnet.blobs import BLOB_SIZE, FIELD_ELEMENTS
from toolkit.errors import BadInput

RECORD_SIZE = 76
"""Bytes of one record."""
SIGNATURE_OFFSET = 12
"""Where a record's signature begins: the bytes before it are the operation."""
NO_ACCOUNT = 0xFFFFFFFF
"""Not an account: as recipient it means "withdraw to L1", as sender "register an account"."""
HEADER_VERSION = 1
"""The only version whose records mean anything."""
BLOB_RECORDS = FIELD_ELEMENTS // 5 * 2
"""Records that a blob holds: 1,638."""

_AMOUNT_BITS = 19
_FEE_BITS = 3
WHOLE_BALANCE = (1 << 128) - 1
"""As the amount of a transfer or withdrawal, also where it is signed: all that the account holds when the operation is
applied, less the fee charged; so also what arrived after it was signed. One operation so empties an account, however
many digits its balance has."""
MAX_AMOUNT = ((1 << _AMOUNT_BITS) - 2) * 10**31
"""Largest amount of one operation, in base units (wei for ETH)."""
MAX_FEE = ((1 << _FEE_BITS) - 1) * 10**31
"""Largest fee of one operation, in base units."""

_WHOLE_BALANCE_CODE = b"\xff\xff\xff"
_POWERS: list[int] = [10**exponent for exponent in range(32)]
_FEES = [(code & 7) * _POWERS[code >> _FEE_BITS] for code in range(256)]


def encode_amount(amount: int) -> bytes:
    """The 3 bytes of an amount in base units or ``WHOLE_BALANCE``; raises BadInput where no code says it exactly."""
    if amount == WHOLE_BALANCE:
        return _WHOLE_BALANCE_CODE
    return _encode(amount, _AMOUNT_BITS, MAX_AMOUNT, "amount").to_bytes(3, "big")


def decode_amount(code: bytes) -> int:
    """The amount, in base units, of a 3-byte code; or ``WHOLE_BALANCE``."""
    if code == _WHOLE_BALANCE_CODE:
        return WHOLE_BALANCE
    value = int.from_bytes(code, "big")
    return (value & 0x7FFFF) * _POWERS[value >> _AMOUNT_BITS]


def encode_fee(fee: int) -> bytes:
    """The byte of a fee in base units; raises BadInput where no code means exactly this fee."""
    return _encode(fee, _FEE_BITS, MAX_FEE, "fee").to_bytes(1, "big")


def decode_fee(code: bytes) -> int:
    """The fee, in base units, of a 1-byte code."""
    return _FEES[code[0]]


def is_representable(amount: int) -> bool:
    """Whether an amount in base units can be sent exactly, as a number."""
    return amount >= 0 and round_amount_down(amount) == amount


def round_amount_down(amount: int) -> int:
    """The largest representable amount that is not above ``amount`` (at least 0), in base units."""
    return _round_down(min(amount, MAX_AMOUNT), _AMOUNT_BITS, "amount")


def _round_down(value: int, bits: int, what: str) -> int:
    if value < 0:
        raise BadInput(f"{what} {value} is negative")
    most = (1 << bits) - 1
    best = 0
    for power in _POWERS:
        best = max(best, min(value // power, most) * power)
        if value <= most * power:  # every coarser power only loses digits
            break
    return best


def _encode(value: int, bits: int, largest: int, what: str) -> int:
    if value < 0:
        raise BadInput(f"{what} {value} is negative")
    if value > largest:
        raise BadInput(f"{what} {value} is above {largest}, the largest that fits")
    mantissa, exponent = value, 0
    while mantissa >= 1 << bits:
        mantissa, rest = divmod(mantissa, 10)
        exponent += 1
        if rest:
            below = _round_down(value, bits, what)
            raise BadInput(f"{what} {value} has too many digits to be sent; the next below that fits is {below}")
    return exponent << bits | mantissa


@dataclass(frozen=True)
class TransferRecord:
    """A transfer between two accounts of one token; amounts in base units, signature as EIP-2098."""

    sender: int
    recipient: int
    amount: int
    fee: int
    signature: bytes

    def encode(self) -> bytes:
        """The record's 76 bytes."""
        return b"".join(
            (
                self.sender.to_bytes(4, "big"),
                self.recipient.to_bytes(4, "big"),
                encode_amount(self.amount),
                encode_fee(self.fee),
                self.signature,
            )
        )


@dataclass(frozen=True)
class WithdrawRecord:
    """A withdrawal of an account to its owner's own address on L1; amounts in base units."""

    sender: int
    amount: int
    fee: int
    signature: bytes

    def encode(self) -> bytes:
        """The record's 76 bytes."""
        return TransferRecord(self.sender, NO_ACCOUNT, self.amount, self.fee, self.signature).encode()


@dataclass(frozen=True)
class RegisterRecord:
    """A new, empty account at the next free index; 20-byte owner and token (token zero: ETH)."""

    owner: bytes
    token: bytes

    def encode(self) -> bytes:
        """The record's 76 bytes."""
        return (b"\xff" * 4 + self.owner + self.token).ljust(RECORD_SIZE, b"\0")


Record = TransferRecord | WithdrawRecord | RegisterRecord


def decode_record(record: bytes) -> Record:
    """What a record says (never fails on 76 bytes); raises BadInput on any other length."""
    if len(record) != RECORD_SIZE:
        raise BadInput(f"a record has {RECORD_SIZE} bytes, not {len(record)}")
    sender = int.from_bytes(record[:4], "big")
    if sender == NO_ACCOUNT:
        return RegisterRecord(record[4:24], record[24:44])
    recipient = int.from_bytes(record[4:8], "big")
    amount, fee, signature = decode_amount(record[8:11]), decode_fee(record[11:12]), record[12:]
    if recipient == NO_ACCOUNT:
        return WithdrawRecord(sender, amount, fee, signature)
    return TransferRecord(sender, recipient, amount, fee, signature)


def split_records(data: bytes) -> tuple[bytes, ...]:
    """The 76-byte records in a batch's data; raises BadInput where the length is no multiple."""
    if len(data) % RECORD_SIZE:
        raise BadInput(f"{len(data)} bytes are not a whole number of {RECORD_SIZE}-byte records")
    return tuple(data[start : start + RECORD_SIZE] for start in range(0, len(data), RECORD_SIZE))


def encode_blobs(records: Sequence[bytes]) -> tuple[bytes, ...]:
    """The blobs that hold some records, at least one, every free bit zero; trailing zeros are left out of each."""
    return tuple(
        _encode_blob(records[start : start + BLOB_RECORDS]) for start in range(0, max(1, len(records)), BLOB_RECORDS)
    )


def decode_blobs(blobs: Sequence[bytes], records: int) -> tuple[bytes, ...]:
    """The first ``records`` records in some blobs, whose trailing zeros may be left out.

    Raises:
        BadInput: the blobs have no room for so many.
    """
    if records > len(blobs) * BLOB_RECORDS:
        raise BadInput(f"{len(blobs)} blobs hold {len(blobs) * BLOB_RECORDS} records at most, not {records}")
    found: list[bytes] = []
    for start in range(0, records, BLOB_RECORDS):
        blob = blobs[start // BLOB_RECORDS].ljust(BLOB_SIZE, b"\0")
        for index in range(min(BLOB_RECORDS, records - start)):
            head, tail = 160 * (index // 2) + 96 * (index % 2), 160 * (index // 2) + 65 + 14 * (index % 2)
            found.append(blob[head + 1 : head + 32] + blob[head + 33 : head + 64] + blob[tail : tail + 14])
    return tuple(found)


def elements_of_record(index: int) -> tuple[int, int, int]:
    """Which elements of its blob show the record at ``index`` of a batch: its own two, and the one that it shares."""
    pair, second = divmod(index % BLOB_RECORDS, 2)
    return 5 * pair + 3 * second, 5 * pair + 3 * second + 1, 5 * pair + 2


def _encode_blob(records: Sequence[bytes]) -> bytes:
    parts = []
    for index in range(0, len(records), 2):
        first, second = records[index], records[index + 1] if index + 1 < len(records) else bytes(RECORD_SIZE)
        parts += [b"\0", first[:31], b"\0", first[31:62], b"\0", first[62:], second[62:], bytes(3)]
        parts += [b"\0", second[:31], b"\0", second[31:62]]
    return b"".join(parts).rstrip(b"\0")


@dataclass(frozen=True)
class Header:
    """A batch's header word: ``version u8 | fee account u32 | fee token 20 bytes | 7 bytes of any value``.

    Attributes:
        fee_account: where the batch's fees go, if that account is the poster's and holds ``fee_token``; otherwise they
            open a new account for the poster.
        fee_token: the 20-byte token in which fees are paid (zero: ETH); payers of other tokens pay no fee.
        version: records of any version but ``HEADER_VERSION`` are without effect.
    """

    fee_account: int = NO_ACCOUNT
    fee_token: bytes = bytes(20)
    version: int = HEADER_VERSION

    def encode(self) -> bytes:
        """The header's 32 bytes."""
        return (bytes([self.version]) + self.fee_account.to_bytes(4, "big") + self.fee_token).ljust(32, b"\0")

    @staticmethod
    def decode(word: bytes) -> Header:
        """What 32 bytes of header say (never fails)."""
        return Header(int.from_bytes(word[1:5], "big"), word[5:25], word[0])
