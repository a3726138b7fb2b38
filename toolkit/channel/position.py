"""What L1 knows of a channel, read without web3."""

from __future__ import annotations

from typing import NamedTuple

from toolkit.channel.state import Deposits
from toolkit.crypto import keccak256
from toolkit.devnet.rpc import Rpc
from toolkit.errors import NodeError

_POSITION = keccak256(b"position(bytes32)")[:4]


class Position(NamedTuple):
    """A channel on L1. All zero: there is no such channel, not yet or no longer.

    Attributes:
        deposits: units of both sides.
        balance_a: units that the newest state shown leaves A, while somebody is closing.
        nonce: of the newest state shown.
        deadline: last second in which a newer state is taken (Unix time), 0 while nobody is closing.
    """

    deposits: Deposits
    balance_a: int
    nonce: int
    deadline: int

    @property
    def exists(self) -> bool:
        """Whether the channel is open or closing."""
        return self.deposits.total > 0

    @classmethod
    def unpack(cls, word: int) -> Position:
        """The position in the 256-bit word of the contract's events (see contracts/channel/Position.sol)."""
        units = 2**56 - 1
        return cls(
            Deposits(word & units, word >> 56 & units), word >> 112 & units, word >> 168 & (2**48 - 1), word >> 217
        )


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
    if len(answer) != 192:
        raise NodeError(f"there is no PaymentChannels at 0x{contract.hex()}: {rpc.url} answers {len(answer)} bytes")
    a, b, balance_a, nonce, deadline, _ = (int.from_bytes(answer[at : at + 32], "big") for at in range(0, 192, 32))
    return Position(Deposits(a, b), balance_a, nonce, deadline)
