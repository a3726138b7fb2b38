"""What a user of the rollup signs: EIP-712 transfers and withdrawals, hashed without any library's slow path."""

from __future__ import annotations

from dataclasses import dataclass

from toolkit.crypto import Domain, keccak256, sign
from toolkit.rollup.codec import TransferRecord, WithdrawRecord

TRANSFER_TYPE = b"Transfer(uint32 account,address to,address token,uint128 amount,uint128 fee,uint64 nonce)"
WITHDRAW_TYPE = b"Withdraw(uint32 account,address token,uint128 amount,uint128 fee,uint64 nonce)"
_TRANSFER_TYPE_HASH = keccak256(TRANSFER_TYPE)
_WITHDRAW_TYPE_HASH = keccak256(WITHDRAW_TYPE)
_PAD = bytes(12)


def rollup_domain(chain_id: int, machine_address: bytes) -> Domain:
    """The EIP-712 domain of a rollup: L1's chain id, and the 20-byte address of its PaymentsMachine."""
    return Domain("l2kit rollup", "1", chain_id, machine_address)


def l2_chain_id(domain: Domain) -> int:
    """The chain id by which clients of Ethereum's JSON-RPC know a rollup, from what its operations are signed under.

    47 bits of a hash over L1's chain id and the machine's address, and 2^47: so it is the same each time, no L1 has it,
    and it is below what JSON's numbers (2^53) and wallets (4,503,599,627,370,476) take. Nothing is signed with it.
    """
    bound = domain.chain_id.to_bytes(32, "big") + domain.verifying_contract
    return 1 << 47 | int.from_bytes(keccak256(b"l2kit rollup chain id" + bound)[:6], "big") >> 1


@dataclass(frozen=True)
class Transfer:
    """A transfer to be signed. Amounts in base units of the token (zero address: ETH), addresses 20 bytes.

    An ``amount`` of ``codec.WHOLE_BALANCE`` sends all that the account holds when it is applied, less the fee charged.
    ``account`` is the index of the sender's leaf: were it not signed, the same owner's second leaf with an equal nonce
    could be made to pay again.
    """

    account: int
    to: bytes
    token: bytes
    amount: int
    fee: int
    nonce: int

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes to sign."""
        return transfer_digest(domain, self.account, self.to, self.token, self.amount, self.fee, self.nonce)

    def sign(self, domain: Domain, key: bytes) -> bytes:
        """The 64-byte EIP-2098 signature with a 32-byte key."""
        return sign(key, self.digest(domain))

    def record(self, recipient: int, signature: bytes) -> TransferRecord:
        """The record that carries this transfer to the leaf ``recipient``, which must belong to ``to``."""
        return TransferRecord(self.account, recipient, self.amount, self.fee, signature)


@dataclass(frozen=True)
class Withdraw:
    """A withdrawal to the owner's own L1 address, to be signed; ``amount`` as of `Transfer`."""

    account: int
    token: bytes
    amount: int
    fee: int
    nonce: int

    def digest(self, domain: Domain) -> bytes:
        """The 32 bytes to sign."""
        return withdraw_digest(domain, self.account, self.token, self.amount, self.fee, self.nonce)

    def sign(self, domain: Domain, key: bytes) -> bytes:
        """The 64-byte EIP-2098 signature with a 32-byte key."""
        return sign(key, self.digest(domain))

    def record(self, signature: bytes) -> WithdrawRecord:
        """The record that carries this withdrawal."""
        return WithdrawRecord(self.account, self.amount, self.fee, signature)


def transfer_digest(domain: Domain, account: int, to: bytes, token: bytes, amount: int, fee: int, nonce: int) -> bytes:
    """The digest of a transfer, from its parts."""
    return domain.digest(
        keccak256(
            b"".join(
                (
                    _TRANSFER_TYPE_HASH,
                    account.to_bytes(32, "big"),
                    _PAD,
                    to,
                    _PAD,
                    token,
                    amount.to_bytes(32, "big"),
                    fee.to_bytes(32, "big"),
                    nonce.to_bytes(32, "big"),
                )
            )
        )
    )


def withdraw_digest(domain: Domain, account: int, token: bytes, amount: int, fee: int, nonce: int) -> bytes:
    """The digest of a withdrawal, from its parts."""
    return domain.digest(
        keccak256(
            b"".join(
                (
                    _WITHDRAW_TYPE_HASH,
                    account.to_bytes(32, "big"),
                    _PAD,
                    token,
                    amount.to_bytes(32, "big"),
                    fee.to_bytes(32, "big"),
                    nonce.to_bytes(32, "big"),
                )
            )
        )
    )


__all__ = [
    "TRANSFER_TYPE",
    "WITHDRAW_TYPE",
    "Transfer",
    "Withdraw",
    "l2_chain_id",
    "rollup_domain",
    "transfer_digest",
    "withdraw_digest",
]
