"""Channels and their signed states: identity, EIP-712 digests and bytes.

Amounts are in *units* of 10**unit_exponent base units (for ETH a unit is one gwei). A state holds the net transfer
from A to B, never balances; `balances` is the one rule that turns it into them, on L1 and here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from typing import NamedTuple

from toolkit.crypto import Domain, keccak256, recover, sign
from toolkit.errors import BadInput

ETHER = bytes(20)
"""The token of a channel in ETH."""

GWEI_EXPONENT = 9
MAX_UNIT_EXPONENT = 59
MAX_UNITS = 2**56 - 1
MAX_NONCE = 2**48 - 1
MAX_NET = 2**63 - 1
MAX_EXPIRY = 2**40 - 1
MIN_CHALLENGE_PERIOD = 10 * 60
MAX_CHALLENGE_PERIOD = 90 * 24 * 3600
NO_LOCKS = bytes(32)

STATE_TYPE = "State(bytes32 channel,uint48 nonce,int64 net,bytes32 locks)"
CLOSE_TYPE = "Close(bytes32 channel,int64 net,uint40 expiry)"
WITHDRAWAL_TYPE = "Withdrawal(bytes32 channel,uint56 number,uint56 unitsA,uint56 unitsB,uint40 expiry)"

_STATE_TYPEHASH = keccak256(STATE_TYPE.encode())
_CLOSE_TYPEHASH = keccak256(CLOSE_TYPE.encode())
_WITHDRAWAL_TYPEHASH = keccak256(WITHDRAWAL_TYPE.encode())


class Side(Enum):
    """A party of a channel: A opened it, B is its counterparty."""

    A = "A"
    B = "B"

    @property
    def other(self) -> Side:
        """The party across."""
        return Side.B if self is Side.A else Side.A


@dataclass(frozen=True)
class ChannelTerms:
    """What the opener of a channel chooses.

    Attributes:
        counterparty: B's 20-byte address.
        challenge_period: seconds in which a newer state may be shown after somebody started to close.
        unit_exponent: one unit is 10**unit_exponent base units; always 9 for ETH.
        salt: tells apart channels of the same parties opened in the same block (56 bits).
    """

    counterparty: bytes
    challenge_period: int
    unit_exponent: int = GWEI_EXPONENT
    salt: int = 0

    def __post_init__(self) -> None:
        if len(self.counterparty) != 20 or self.counterparty == bytes(20):
            raise BadInput(f"a counterparty is a 20-byte address other than zero, not {self.counterparty.hex()!r}")
        if not MIN_CHALLENGE_PERIOD <= self.challenge_period <= MAX_CHALLENGE_PERIOD:
            raise BadInput(
                f"a challenge period lasts {MIN_CHALLENGE_PERIOD} to {MAX_CHALLENGE_PERIOD} seconds,"
                f" not {self.challenge_period}"
            )
        if not 0 <= self.unit_exponent <= MAX_UNIT_EXPONENT:
            raise BadInput(f"a unit exponent is 0 to {MAX_UNIT_EXPONENT}, not {self.unit_exponent}")
        if not 0 <= self.salt < 2**56:
            raise BadInput(f"a salt has 56 bits, {self.salt} has more or is negative")

    def pack(self) -> bytes:
        """The 32-byte word that the contract takes."""
        return (
            self.counterparty
            + self.challenge_period.to_bytes(4, "big")
            + self.unit_exponent.to_bytes(1, "big")
            + self.salt.to_bytes(7, "big")
        )

    @classmethod
    def unpack(cls, word: bytes) -> ChannelTerms:
        """The terms in a 32-byte word; raises BadInput where the contract would refuse them."""
        if len(word) != 32:
            raise BadInput(f"terms are 32 bytes, not {len(word)}")
        return cls(word[:20], int.from_bytes(word[20:24], "big"), word[24], int.from_bytes(word[25:], "big"))


@dataclass(frozen=True)
class Channel:
    """A channel's descriptor, whose hash is its id.

    Attributes:
        a: the opener's 20-byte address.
        terms: what the opener chose.
        token: the ERC20's 20-byte address, `ETHER` for ETH.
        opened_block: number of the L1 block in which it was opened.
    """

    a: bytes
    terms: ChannelTerms
    token: bytes
    opened_block: int

    def __post_init__(self) -> None:
        for name, address in (("an opener", self.a), ("a token", self.token)):
            if len(address) != 20:
                raise BadInput(f"{name} is a 20-byte address, not {address.hex()!r}")
        if self.a == self.b:
            raise BadInput(f"a channel has two parties, 0x{self.a.hex()} is both")
        if not 0 <= self.opened_block < 2**96:
            raise BadInput(f"a block number has 96 bits, {self.opened_block} does not fit")
        if self.token == ETHER and self.terms.unit_exponent != GWEI_EXPONENT:
            raise BadInput(f"ETH is counted in gwei (exponent 9), not with exponent {self.terms.unit_exponent}")

    @property
    def b(self) -> bytes:
        """The counterparty's 20-byte address."""
        return self.terms.counterparty

    @property
    def unit(self) -> int:
        """Base units in one unit."""
        return int(10**self.terms.unit_exponent)

    @property
    def opening(self) -> bytes:
        """Who opened the channel and when, in the 32-byte word that the contract takes."""
        return self.a + self.opened_block.to_bytes(12, "big")

    def encode(self) -> bytes:
        """The 96 bytes of Solidity's ``abi.encode``."""
        return self.opening + self.terms.pack() + self.token.rjust(32, b"\0")

    @classmethod
    def decode(cls, data: bytes) -> Channel:
        """The channel in 96 bytes; raises BadInput where they are none."""
        if len(data) != 96 or any(data[64:76]):
            raise BadInput(f"a channel's descriptor is 96 bytes of three words, not {data.hex()!r}")
        return cls(data[:20], ChannelTerms.unpack(data[32:64]), data[76:], int.from_bytes(data[20:32], "big"))

    @cached_property
    def id(self) -> bytes:
        """The channel's 32-byte id."""
        return keccak256(self.encode())

    def party(self, side: Side) -> bytes:
        """The 20-byte address of a side."""
        return self.a if side is Side.A else self.b

    def side_of(self, address: bytes) -> Side:
        """Which side an address is; raises BadInput where it is none."""
        if address == self.a:
            return Side.A
        if address == self.b:
            return Side.B
        raise BadInput(f"0x{address.hex()} is no party of channel 0x{self.id.hex()}")

    def to_units(self, amount: int) -> int:
        """Base units (wei for ETH) as units; raises BadInput where they are no whole number of units."""
        units, rest = divmod(amount, self.unit)
        if rest or amount < 0:
            raise BadInput(f"{amount} is not a whole number of units of {self.unit} base units")
        return units


class Lock(NamedTuple):
    """A conditional payment (a hash time lock) that is pending in a state.

    Attributes:
        hash: keccak256 of the 32-byte secret that releases it.
        units: what A pays B with it; negative where B pays A.
        expiry: last second (Unix time) at which the secret counts.
    """

    hash: bytes
    units: int
    expiry: int

    @property
    def payer(self) -> Side:
        """The side that pays."""
        return Side.A if self.units > 0 else Side.B

    def encode(self) -> bytes:
        """The 96 bytes of Solidity's ``abi.encode``."""
        return self.hash + self.units.to_bytes(32, "big", signed=True) + self.expiry.to_bytes(32, "big")

    @classmethod
    def decode(cls, data: bytes) -> Lock:
        """The lock in 96 bytes; raises BadInput where they are none."""
        units, expiry = int.from_bytes(data[32:64], "big", signed=True), int.from_bytes(data[64:], "big")
        # All that fits the contract's types: a stranger's list must not pass for nonsense of the node.
        if len(data) != 96 or not -MAX_NET - 1 <= units <= MAX_NET or expiry > MAX_EXPIRY:
            raise BadInput(f"a lock is 96 bytes of hash, units and expiry, not {data.hex()!r}")
        return cls(data[:32], units, expiry)


def locks_root(locks: Sequence[Lock]) -> bytes:
    """What a state says of its pending locks (32 bytes): the hash of all of them in order, zero for none."""
    return keccak256(b"".join(lock.encode() for lock in locks)) if locks else NO_LOCKS


class State(NamedTuple):
    """A state of a channel.

    Attributes:
        nonce: newer states have higher ones; 0 is the state before the first payment.
        net: units that A has paid B, less those that B has paid A.
        locks: `locks_root` of the pending conditional payments.
    """

    nonce: int
    net: int
    locks: bytes = NO_LOCKS


FIRST_STATE = State(0, 0)


class SignedState(NamedTuple):
    """A state with one party's signature (64 bytes, EIP-2098)."""

    state: State
    signature: bytes


class Withdrawal(NamedTuple):
    """Units that both sides agree to take out of an open channel.

    Attributes:
        number: how many withdrawals the channel has had before; makes each good once.
        units_a, units_b: for A and for B.
        expiry: last second at which it is good (Unix time).
    """

    number: int
    units_a: int
    units_b: int
    expiry: int


class Deposits(NamedTuple):
    """Units that each side has put into a channel on L1, less what it has withdrawn (so one may be negative)."""

    a: int
    b: int

    @property
    def total(self) -> int:
        """Units in the channel."""
        return self.a + self.b


def balances(deposits: Deposits, net: int) -> tuple[int, int]:
    """What A and B are owed (units) after a net transfer from A to B: kept between nothing and everything."""
    a = min(max(deposits.a - net, 0), deposits.total)
    return a, deposits.total - a


@dataclass(frozen=True)
class Signing:
    """The EIP-712 digests of one channel, whose prefixes are computed once.

    Attributes:
        chain_id: of L1 (EIP-155).
        contract: the 20-byte address of PaymentChannels.
        channel: the channel's 32-byte id.
    """

    chain_id: int
    contract: bytes
    channel: bytes

    @cached_property
    def _prefix(self) -> bytes:
        return b"\x19\x01" + Domain("l2kit PaymentChannels", "1", self.chain_id, self.contract).separator

    def state_digest(self, state: State) -> bytes:
        """The 32 bytes that are signed for a state."""
        return keccak256(
            self._prefix
            + keccak256(
                _STATE_TYPEHASH
                + self.channel
                + state.nonce.to_bytes(32, "big")
                + state.net.to_bytes(32, "big", signed=True)
                + state.locks
            )
        )

    def close_digest(self, net: int, expiry: int) -> bytes:
        """The 32 bytes that are signed for closing together with ``net``, good until ``expiry`` (Unix time)."""
        return keccak256(
            self._prefix
            + keccak256(
                _CLOSE_TYPEHASH + self.channel + net.to_bytes(32, "big", signed=True) + expiry.to_bytes(32, "big")
            )
        )

    def withdrawal_digest(self, withdrawal: Withdrawal) -> bytes:
        """The 32 bytes that are signed for a withdrawal."""
        fields = b"".join(field.to_bytes(32, "big") for field in withdrawal)
        return keccak256(self._prefix + keccak256(_WITHDRAWAL_TYPEHASH + self.channel + fields))

    def sign_state(self, key: bytes, state: State) -> SignedState:
        """The state with the signature of ``key`` (32 bytes)."""
        return SignedState(state, sign(key, self.state_digest(state)))

    def sign_close(self, key: bytes, net: int, expiry: int) -> bytes:
        """The 64-byte signature of ``key`` over a Close."""
        return sign(key, self.close_digest(net, expiry))

    def state_signer(self, signed: SignedState) -> bytes | None:
        """The 20-byte address that signed the state, None for a signature that is none."""
        return recover(self.state_digest(signed.state), signed.signature)

    def close_signer(self, net: int, expiry: int, signature: bytes) -> bytes | None:
        """The 20-byte address that signed the Close, None for a signature that is none."""
        return recover(self.close_digest(net, expiry), signature)
