"""What L1 knows of a channel, read without web3."""

from __future__ import annotations

from typing import NamedTuple

from toolkit.channel.state import Deposits
from toolkit.crypto import keccak256
from toolkit.devnet.rpc import Rpc
from toolkit.errors import NodeError

_POSITION = keccak256(b"position(bytes32)")[:4]
_SIZE = 8 * 32


class Position(NamedTuple):
    """A channel on L1. All zero: there is no such channel, not yet or no longer.

    Attributes:
        deposits: units that each side put in less what it withdrew, so that one may be negative.
        balance_a: units that the newest state shown leaves A, while somebody is closing.
        nonce: of the newest state shown.
        deadline: last second in which a newer state is taken (Unix time), 0 while nobody is closing.
        has_locks: whether locks of the newest state shown are pending.
        withdrawals: how many there were so far, while nobody is closing: the number of the next one.
    """

    deposits: Deposits
    balance_a: int = 0
    nonce: int = 0
    deadline: int = 0
    has_locks: bool = False
    withdrawals: int = 0

    @property
    def exists(self) -> bool:
        """Whether the channel is open or closing."""
        return self.deposits.total > 0

    @classmethod
    def unpack(cls, word: int, *, closed: bool = False) -> Position:
        """The position in the 256-bit word of the contract's events (see contracts/channel/Position.sol).

        Args:
            word: what the event has.
            closed: it is a Closed event, whose position has a balance, though perhaps no deadline.
        """
        total, deposit_a, third = word & (2**56 - 1), word >> 56 & (2**57 - 1), word >> 113 & (2**56 - 1)
        if deposit_a >> 56:
            deposit_a -= 2**57
        deadline = word >> 219
        has_balance = closed or deadline > 0
        return cls(
            Deposits(deposit_a, total - deposit_a),
            balance_a=third if has_balance else 0,
            nonce=word >> 169 & (2**48 - 1),
            deadline=deadline,
            has_locks=bool(word >> 218 & 1),
            withdrawals=0 if has_balance else third,
        )

    @classmethod
    def decode(cls, data: bytes) -> Position:
        """The position in the 256 bytes that the contract's ``position(bytes32)`` returns.

        Raises ValueError where they are more or fewer.
        """
        if len(data) != _SIZE:
            raise ValueError(f"a position is {_SIZE} bytes, not {len(data)}")
        words = [data[start : start + 32] for start in range(0, _SIZE, 32)]
        a, b = (int.from_bytes(word, "big", signed=True) for word in words[:2])
        balance_a, nonce, deadline, _, has_locks, withdrawals = (int.from_bytes(word, "big") for word in words[2:])
        return cls(Deposits(a, b), balance_a, nonce, deadline, bool(has_locks), withdrawals)


def read_position(rpc: Rpc, contract: bytes, channel: bytes) -> Position:
    """Ask a node for a channel.

    Args:
        rpc: the node.
        contract: the 20-byte address of PaymentChannels.
        channel: the 32-byte id.

    Raises:
        NodeError: the node does not answer, or there is no such contract.
    """
    call = {"to": "0x" + contract.hex(), "data": "0x" + (_POSITION + channel).hex()}
    answer = bytes.fromhex(rpc.call("eth_call", call, "latest")[2:])
    try:
        return Position.decode(answer)
    except ValueError as error:
        raise NodeError(f"there is no PaymentChannels at 0x{contract.hex()}: {rpc.shown} answers: {error}") from error
