"""Random states and batches, honest and hostile, in calldata and in blobs, for the differential tests."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from toolkit.crypto import SECP256K1_N, address_of, keccak256
from toolkit.devnet.blobs import FIELD_ELEMENTS, MODULUS, commit, element_at, versioned_hash
from toolkit.rollup.codec import (
    MAX_AMOUNT,
    NO_ACCOUNT,
    WHOLE_BALANCE,
    Header,
    RegisterRecord,
    TransferRecord,
    decode_blobs,
    encode_blobs,
)
from toolkit.rollup.inbox import Batch, Message
from toolkit.rollup.machine import (
    MAX_BALANCE,
    Account,
    Genesis,
    State,
    Withdrawal,
    apply_message,
    apply_step,
    deposit_data,
    forced_data,
)
from toolkit.rollup.operations import Transfer, Withdraw, rollup_domain

KEYS = [keccak256(bytes([number])) for number in range(4)]
OWNERS = [address_of(key) for key in KEYS]
ETH, TOKEN = bytes(20), b"\x70" * 20
BRIDGE = b"\xb1" * 20
POSTER = OWNERS[3]
CHAIN_ID = 1


@dataclass(frozen=True)
class World:
    """A state in the middle of nowhere, and the batch that comes next."""

    state: State
    batch: Batch


def genesis(machine: bytes, accounts_depth: int = 31, withdrawals_depth: int = 32) -> Genesis:
    return Genesis(rollup_domain(CHAIN_ID, machine), BRIDGE, b"\xac" * 28, accounts_depth, withdrawals_depth)


def random_world(rng: random.Random, origin: Genesis) -> World:
    room = min(8, 1 << origin.accounts_depth)
    accounts = [_account(rng) for _ in range(rng.randint(0, room))]
    exits = rng.randint(0, min(5, 1 << origin.withdrawals_depth))
    withdrawals = [Withdrawal(i, rng.choice(OWNERS), rng.choice([ETH, TOKEN]), rng.randint(0, 9)) for i in range(exits)]
    state = State(origin, accounts, withdrawals, accumulator=rng.randbytes(28), batch=rng.randint(0, 2**20))
    header = Header(rng.choice([0, 1, 5, NO_ACCOUNT]), rng.choice([ETH, TOKEN]), rng.choice([1, 1, 1, 1, 0, 2]))
    word = header.encode()[:25] + rng.choice([bytes(7), rng.randbytes(7)])
    # A record is made for the state that it will meet, so that most of them mean something.
    working = state.copy()
    records: list[bytes] = []
    for _ in range(rng.randint(0, 5)):
        records.append(random_record(rng, working))
        working.position = 0
        apply_step(working, Batch(word, records[-1:], (), 0, POSTER))
    messages: list[Message] = []
    for _ in range(rng.randint(0, 3)):
        messages.append(random_message(rng, working))
        apply_message(working, messages[-1])
    return World(state, Batch(word, tuple(records), tuple(messages), rng.randint(0, 2**40), POSTER))


def in_blobs(batch: Batch) -> Batch:
    """The batch with its records in blobs that hold nothing else."""
    hashes = tuple(versioned_hash(commit(blob)) for blob in encode_blobs(batch.records))
    return replace(batch, blobs=hashes)


def in_noisy_blobs(rng: random.Random, batch: Batch) -> Batch:
    """The batch with its records in blobs whose other bits are anything that EIP-4844 allows."""
    blobs = [_noisy(rng, blob) for blob in encode_blobs(batch.records)]
    assert decode_blobs(blobs, len(batch.records)) == tuple(batch.records)
    return replace(batch, blobs=tuple(versioned_hash(commit(blob)) for blob in blobs), contents=tuple(blobs))


def _noisy(rng: random.Random, blob: bytes) -> bytes:
    elements = [bytearray(element_at(blob, place)) for place in range(FIELD_ELEMENTS)]
    used = -(-len(blob) // 160) * 5
    for place in range(used):
        elements[place][0] = rng.randrange(MODULUS >> 248)
        if place % 5 == 2:
            elements[place][29:] = rng.randbytes(3)
    for place in rng.sample(range(used, FIELD_ELEMENTS), rng.randint(0, min(20, FIELD_ELEMENTS - used))):
        elements[place][:] = rng.randrange(MODULUS).to_bytes(32, "big")
    return b"".join(elements)


def random_record(rng: random.Random, state: State) -> bytes:
    kind = rng.random()
    if kind < 0.05:
        return rng.randbytes(76)
    if kind < 0.15:
        owner = rng.choice([*OWNERS, bytes(20)])
        return RegisterRecord(owner, rng.choice([ETH, TOKEN])).encode()[:44] + rng.randbytes(32)
    count = len(state.accounts)
    sender = rng.randint(0, max(0, count - 1)) if rng.random() < 0.9 else rng.choice([count, NO_ACCOUNT - 1])
    recipient = rng.randint(0, max(0, count - 1)) if rng.random() < 0.9 else rng.choice([count, NO_ACCOUNT - 1])
    if rng.random() < 0.25:
        recipient = NO_ACCOUNT
    return _spoilt(rng, signed_record(rng, state, sender, recipient))


def signed_record(rng: random.Random, state: State, sender: int, recipient: int) -> bytes:
    payer = state.accounts[sender] if sender < len(state.accounts) else _account(rng)
    payee = state.accounts[recipient] if recipient < len(state.accounts) else _account(rng)
    amount = rng.choice([0, 1, 5, 10**6, 2**19 - 1, MAX_AMOUNT, WHOLE_BALANCE, WHOLE_BALANCE])
    fee = rng.choice([0, 0, 1, 7, 7 * 10**31])
    key = KEYS[OWNERS.index(payer.owner)] if payer.owner in OWNERS else KEYS[0]
    nonce = payer.nonce if rng.random() < 0.9 else payer.nonce + 1
    domain = state.genesis.domain
    if rng.random() < 0.03:
        domain = replace(domain, chain_id=2)
    if recipient == NO_ACCOUNT:
        withdraw = Withdraw(sender, payer.token, amount, fee, nonce)
        return withdraw.record(withdraw.sign(domain, key)).encode()
    transfer = Transfer(sender, payee.owner, payer.token, amount, fee, nonce)
    return TransferRecord(sender, recipient, amount, fee, transfer.sign(domain, key)).encode()


def _account(rng: random.Random) -> Account:
    owner = rng.choice([*OWNERS[:3], OWNERS[0], bytes(20)] if rng.random() < 0.1 else OWNERS)
    balance = rng.choice([0, 1, 12, 10**6, 10**18, MAX_BALANCE - 1, MAX_BALANCE])
    return Account(owner, rng.choice([ETH, ETH, TOKEN]), balance, rng.choice([0, 1, 2**64 - 1]))


def _spoilt(rng: random.Random, record: bytes) -> bytes:
    chance = rng.random()
    if chance < 0.8:
        return record
    if chance < 0.9:
        place = rng.randrange(12, 76)
        return record[:place] + bytes([record[place] ^ 1 << rng.randrange(8)]) + record[place + 1 :]
    # The same signature in the upper half of s, which L1's ecrecover would take: (r, n - s) with the other parity.
    packed = int.from_bytes(record[44:], "big")
    other = SECP256K1_N - (packed & (1 << 255) - 1)
    extreme = rng.choice([0, 1, SECP256K1_N // 2, SECP256K1_N // 2 + 1, (1 << 255) - 1])
    s = rng.choice([other & (1 << 255) - 1, extreme])
    r = rng.choice([record[12:44], bytes(32), SECP256K1_N.to_bytes(32, "big"), b"\xff" * 32])
    return record[:12] + r + ((packed >> 255 ^ 1) << 255 | s).to_bytes(32, "big")


def random_message(rng: random.Random, state: State) -> Message:
    sender = BRIDGE if rng.random() < 0.85 else rng.choice(OWNERS)
    amount = rng.choice([0, 1, 10**18, MAX_BALANCE])
    data = deposit_data(rng.choice([ETH, TOKEN]), rng.choice(OWNERS), amount)
    if rng.random() < 0.4:
        data = forced_data(random_record(rng, state))
    if rng.random() < 0.2:
        spoilt = [data[:-1], data + b"\0", bytes([data[0] ^ 3]) + data[1:], bytes([data[0] ^ 4]) + data[1:]]
        data = rng.choice([b"", b"\x01", b"\x02", *spoilt, rng.randbytes(57), rng.randbytes(77)])
    hint = rng.choice([0, 1, 2, 3, len(state.accounts), NO_ACCOUNT])
    return Message(sender, rng.randint(0, 2**40), data, hint)
