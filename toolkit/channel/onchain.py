"""Channels on L1: open, fund, close, challenge, settle."""

from __future__ import annotations

from web3.types import TxReceipt

from toolkit.channel.position import Position, read_position
from toolkit.channel.state import ETHER, Channel, ChannelTerms, Side, SignedState
from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.chain import Chain
from toolkit.errors import BadInput


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

    def close_now(self, account: Account, channel: Channel, net: int, expiry: int, signature: bytes) -> TxReceipt:
        """Close at once as a party, with the other one's signature of the Close."""
        return self.chain.send(account, self._functions.closeNow(_words(channel), net, expiry, _halves(signature)))

    def close_now_signed(
        self, account: Account, channel: Channel, net: int, expiry: int, by_a: bytes, by_b: bytes
    ) -> TxReceipt:
        """Close at once as anybody, with both signatures of the Close."""
        return self.chain.send(
            account,
            self._functions.closeNowSigned(_words(channel), net, expiry, _halves(by_a), _halves(by_b)),
        )

    def close_alone(self, account: Account, channel: Channel, newest: SignedState) -> TxReceipt:
        """Begin to close as a party, with the newest state that the other one signed (the first needs no signature)."""
        return self.chain.send(
            account, self._functions.closeAlone(_words(channel), newest.state, _halves(newest.signature))
        )

    def challenge(self, account: Account, channel: Channel, newer: SignedState) -> TxReceipt:
        """Show as a party a newer state that the other one signed."""
        return self.chain.send(
            account, self._functions.challenge(_words(channel), newer.state, _halves(newer.signature))
        )

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

    def settle(self, account: Account, channel: Channel) -> TxReceipt:
        """Pay both parties once the challenge period is over; anybody may."""
        return self.chain.send(account, self._functions.settleAndPay(_words(channel)))

    def claim_credit(self, account: Account, token: bytes, to: str) -> TxReceipt:
        """Pay what a failed payout left for the account to ``to`` (EIP-55 text)."""
        return self.chain.send(account, self._functions.claimCredit(checksum(token), to))

    def credit(self, token: bytes, owner: str) -> int:
        """Base units that a failed payout left for ``owner``."""
        return int(self.chain.call(self._functions.credits(checksum(token), owner)))

    def position(self, channel: Channel) -> Position:
        """What the contract knows of a channel."""
        return read_position(self.chain.rpc, self.address, channel.id)

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
