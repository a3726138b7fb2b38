"""What the owner of a withdrawal agrees on with a provider that pays it early; pure."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.crypto import Domain, keccak256, sign
from toolkit.rollup.machine import Withdrawal

FAST_EXIT_TYPE = b"FastExit(uint256 index,address token,uint256 amount,uint256 fee,address provider,uint256 expiry)"
_FAST_EXIT_TYPE_HASH = keccak256(FAST_EXIT_TYPE)
_PAD = bytes(12)


def bridge_domain(chain_id: int, bridge: bytes) -> Domain:
    """The EIP-712 domain of a bridge: L1's chain id, and the Bridge's 20-byte address."""
    return Domain("l2kit bridge", "1", chain_id, bridge)


@dataclass(frozen=True)
class FastExit:
    """The terms: the arguments of ``Bridge.fastExit`` beside the withdrawal.

    Attributes:
        provider: the only one who may pay (20 bytes).
        fee: that it keeps back, in base units of the withdrawal's token.
        expiry: last second (L1's time) in which the owner's signature is good.
        batch, accumulator: the Inbox's, of the history in which the provider has seen the withdrawal (28 bytes). Not
            signed: they guard the provider alone.
    """

    provider: bytes
    fee: int
    expiry: int
    batch: int
    accumulator: bytes

    def digest(self, domain: Domain, withdrawal: Withdrawal) -> bytes:
        """The 32 bytes that the withdrawal's owner signs."""
        return domain.digest(
            keccak256(
                b"".join(
                    (
                        _FAST_EXIT_TYPE_HASH,
                        withdrawal.index.to_bytes(32, "big"),
                        _PAD,
                        withdrawal.token,
                        withdrawal.amount.to_bytes(32, "big"),
                        self.fee.to_bytes(32, "big"),
                        _PAD,
                        self.provider,
                        self.expiry.to_bytes(32, "big"),
                    )
                )
            )
        )

    def sign(self, domain: Domain, withdrawal: Withdrawal, key: bytes) -> bytes:
        """The owner's 64-byte EIP-2098 signature with a 32-byte key."""
        return sign(key, self.digest(domain, withdrawal))
