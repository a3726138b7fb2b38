"""Channels on L1: open, fund, withdraw, close, challenge, unlock, settle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from web3.logs import DISCARD
from web3.types import TxReceipt

from toolkit.channel.position import Position, read_position
from toolkit.channel.state import ETHER, Channel, ChannelTerms, Lock, Side, SignedState, Withdrawal
from toolkit.crypto import keccak256, sign
from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.chain import Chain
from toolkit.errors import BadInput

_PERMIT_TYPEHASH = keccak256(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")
_NOT_SHOWN = bytes(32)


class Closing(NamedTuple):
    """One of the channels of `OnChain.close_many`: with the other side's signature of the Close."""

    channel: Channel
    net: int
    expiry: int
    signature: bytes


class OnChain:
    """The PaymentChannels contract on a chain.

    Args:
        chain: L1.
        address: of the contract (EIP-55 text).

    Raises:
        BadInput: there is no contract.
        Reverted (every method that sends): the contract refused; its name is the contract's error.
    """

    def __init__(self, chain: Chain, address: str) -> None:
        self.chain = chain
        self.address = bytes.fromhex(address[2:])
        self.contract = chain.contract("PaymentChannels", address)
        self._functions = self.contract.functions

    def open(
        self, account: Account, terms: ChannelTerms, units: int, token: bytes = ETHER
    ) -> tuple[Channel, TxReceipt]:
        """Open a channel with ``units`` of the account's, as A; tokens must have been approved to the contract.

        Raises BadInput where other than that many tokens arrived: the token takes fees, do not use it in channels.
        """
        channel = Channel(account.address_bytes, terms, token, 0)
        if token == ETHER:
            receipt = self.chain.send(account, self._functions.openInETH(terms.pack()), value=units * channel.unit)
        else:
            held = self._held(token)
            receipt = self.chain.send(account, self._functions.openInTokens(terms.pack(), checksum(token), units))
            self._check_arrived(token, held, units * channel.unit)
        return Channel(account.address_bytes, terms, token, receipt["blockNumber"]), receipt

    def open_with_permit(
        self, account: Account, terms: ChannelTerms, units: int, token: bytes, deadline: int
    ) -> tuple[Channel, TxReceipt]:
        """Open a channel in a token with ``units`` of the account's, approved by an EIP-2612 permit of its key.

        Args:
            token: the ERC20, which has permits.
            deadline: last second (Unix time) in which the permit is good.

        Raises BadInput as `open` does.
        """
        value = units * int(10**terms.unit_exponent)
        permit = sign(account.key, self._permit_digest(account, token, value, deadline))
        held = self._held(token)
        function = self._functions.openInTokensWithPermit(
            terms.pack(), checksum(token), units, deadline, _halves(permit)
        )
        receipt = self.chain.send(account, function)
        self._check_arrived(token, held, value)
        return Channel(account.address_bytes, terms, token, receipt["blockNumber"]), receipt

    def top_up(self, account: Account, channel: Channel, side: Side, units: int) -> TxReceipt:
        """Add ``units`` of the account's to one side; tokens must have been approved to the contract."""
        for_a = side is Side.A
        if channel.token == ETHER:
            function = self._functions.topUpETH(channel.id, for_a)
            return self.chain.send(account, function, value=units * channel.unit)
        held = self._held(channel.token)
        receipt = self.chain.send(account, self._functions.topUpTokens(_words(channel), for_a, units))
        self._check_arrived(channel.token, held, units * channel.unit)
        return receipt

    def withdraw(self, account: Account, channel: Channel, withdrawal: Withdrawal, signature: bytes) -> TxReceipt:
        """Take out of an open channel as a party what both agree on, with the other one's signature."""
        function = self._functions.withdraw(_words(channel), withdrawal, _halves(signature))
        return self.chain.send(account, function)

    def close_now(self, account: Account, channel: Channel, net: int, expiry: int, signature: bytes) -> TxReceipt:
        """Close at once as a party, with the other one's signature of the Close."""
        return self.chain.send(account, self._functions.closeNow(_words(channel), net, expiry, _halves(signature)))

    def close_many(self, account: Account, closings: Sequence[Closing]) -> tuple[int, TxReceipt]:
        """Close many channels at once as a party of each; returns how many could be closed.

        Sort them by token: the account is paid once for neighbours in the same asset.
        """
        function = self._functions.closeMany(
            [(_words(each.channel), each.net, each.expiry, _halves(each.signature)) for each in closings]
        )
        receipt = self.chain.send(account, function)
        closed = self.contract.events.Closed().process_receipt(receipt, errors=DISCARD)
        return len(closed), receipt

    def close_now_signed(
        self, account: Account, channel: Channel, net: int, expiry: int, by_a: bytes, by_b: bytes
    ) -> TxReceipt:
        """Close at once as anybody, with both signatures of the Close."""
        return self.chain.send(
            account,
            self._functions.closeNowSigned(_words(channel), net, expiry, _halves(by_a), _halves(by_b)),
        )

    def close_alone(
        self,
        account: Account,
        channel: Channel,
        newest: SignedState,
        locks: Sequence[Lock] = (),
        secrets: Mapping[bytes, bytes] | None = None,
    ) -> TxReceipt:
        """Begin to close as a party, with the newest state that the other one signed (the first needs no signature).

        Args:
            locks: those of the state, to resolve what can be resolved now; none: they stay pending.
            secrets: of the locks, by hash, as far as they are to be shown.
        """
        shown = _words(channel), newest.state, _halves(newest.signature)
        if not locks:
            return self.chain.send(account, self._functions.closeAlone(*shown))
        return self.chain.send(account, self._functions.closeAloneAndUnlock(*shown, *_unlocking(locks, secrets)))

    def challenge(
        self,
        account: Account,
        channel: Channel,
        newer: SignedState,
        locks: Sequence[Lock] = (),
        secrets: Mapping[bytes, bytes] | None = None,
    ) -> TxReceipt:
        """Show as a party a newer state that the other one signed; ``locks`` and ``secrets`` as in `close_alone`."""
        shown = _words(channel), newer.state, _halves(newer.signature)
        if not locks:
            return self.chain.send(account, self._functions.challenge(*shown))
        return self.chain.send(account, self._functions.challengeAndUnlock(*shown, *_unlocking(locks, secrets)))

    def challenge_signed(
        self, account: Account, channel: Channel, newer: SignedState, other_signature: bytes
    ) -> TxReceipt:
        """Show as anybody a newer state that both signed.

        Args:
            newer: with A's signature.
            other_signature: B's over the same state.
        """
        return self.chain.send(
            account,
            self._functions.challengeSigned(
                _words(channel), newer.state, _halves(newer.signature), _halves(other_signature)
            ),
        )

    def defend(self, account: Account, channel: Channel, newest: SignedState) -> TxReceipt | None:
        """Challenge where somebody closes with an older state than ``newest``; None where there is nothing to do."""
        position = self.position(channel)
        if position.deadline == 0 or position.nonce >= newest.state.nonce:
            return None
        return self.challenge(account, channel, newest)

    def reveal(self, account: Account, secret: bytes) -> TxReceipt:
        """Note a secret down, for every lock of its hash that has not expired, wherever it is shown; as anybody."""
        return self.chain.send(account, self._functions.reveal(secret))

    def unlock(
        self, account: Account, channel: Channel, locks: Sequence[Lock], secrets: Mapping[bytes, bytes] | None = None
    ) -> TxReceipt:
        """Resolve as anybody what can be resolved of a closing channel's locks.

        Args:
            locks: all that are pending, in order.
            secrets: of the locks, by hash, as far as they are to be shown.
        """
        return self.chain.send(account, self._functions.unlockNow(_words(channel), *_unlocking(locks, secrets)))

    def settle(
        self,
        account: Account,
        channel: Channel,
        locks: Sequence[Lock] = (),
        secrets: Mapping[bytes, bytes] | None = None,
    ) -> TxReceipt:
        """Pay both parties once the challenge period is over; anybody may.

        Args:
            locks: all that are pending, in order; each must have expired, been revealed, or be shown here.
            secrets: of the locks, by hash, as far as they are to be shown.
        """
        if not locks:
            return self.chain.send(account, self._functions.settleAndPay(_words(channel)))
        return self.chain.send(account, self._functions.settleAndUnlock(_words(channel), *_unlocking(locks, secrets)))

    def claim_credit(self, account: Account, token: bytes, to: str) -> TxReceipt:
        """Pay what a failed payout left for the account to ``to`` (EIP-55 text)."""
        return self.chain.send(account, self._functions.claimCredit(checksum(token), to))

    def credit(self, token: bytes, owner: str) -> int:
        """Base units that a failed payout left for ``owner``."""
        return int(self.chain.call(self._functions.credits(checksum(token), owner)))

    def position(self, channel: Channel) -> Position:
        """What the contract knows of a channel."""
        return read_position(self.chain.rpc, self.address, channel.id)

    def pending_locks(self, channel: Channel) -> bytes:
        """`locks_root` of a closing channel's locks that are pending (32 bytes)."""
        return bytes(self.chain.call(self._functions.pendingLocks(channel.id)))

    def revealed_at(self, lock_hash: bytes) -> int:
        """When the secret of a hash was revealed (Unix time), 0 where it was not."""
        return int(self.chain.call(self._functions.revealedAt(lock_hash)))

    def _permit_digest(self, account: Account, token: bytes, value: int, deadline: int) -> bytes:
        erc20 = self.chain.contract("Token", checksum(token)).functions
        nonce, separator = self.chain.call(erc20.nonces(account.address)), self.chain.call(erc20.DOMAIN_SEPARATOR())
        addresses = account.address_bytes.rjust(32, b"\0") + self.address.rjust(32, b"\0")
        numbers = b"".join(int(number).to_bytes(32, "big") for number in (value, nonce, deadline))
        return keccak256(b"\x19\x01" + separator + keccak256(_PERMIT_TYPEHASH + addresses + numbers))

    def _held(self, token: bytes) -> int:
        erc20 = self.chain.contract("Token", checksum(token))
        return int(self.chain.call(erc20.functions.balanceOf(checksum(self.address))))

    def _check_arrived(self, token: bytes, held: int, amount: int) -> None:
        arrived = self._held(token) - held
        if arrived != amount:
            raise BadInput(
                f"of {amount} base units of the token {checksum(token)}, {arrived} arrived: it cannot be used"
            )


def _words(channel: Channel) -> tuple[bytes, bytes, str]:
    return channel.opening, channel.terms.pack(), checksum(channel.token)


def _halves(signature: bytes) -> tuple[bytes, bytes]:
    return signature[:32], signature[32:]


def _unlocking(locks: Sequence[Lock], secrets: Mapping[bytes, bytes] | None) -> tuple[Sequence[Lock], list[bytes]]:
    return locks, [(secrets or {}).get(lock.hash, _NOT_SHOWN) for lock in locks]
