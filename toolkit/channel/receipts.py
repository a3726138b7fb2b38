"""Gas of the channels' single transactions, in a steady state and at their worst.

Steady: parties are used accounts, the contract holds other funds, allowances are infinite, no payout is zero, and
each side has 1 ETH or one token of 18 decimals in the channel. Worst: a zero byte of calldata costs 12 gas less than
another one, and signatures have some by chance; here they have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import count

from web3.contract import Contract
from web3.types import TxReceipt

from toolkit.channel import calls
from toolkit.channel.onchain import Closing, OnChain
from toolkit.channel.state import (
    ETHER,
    Channel,
    ChannelTerms,
    Lock,
    Side,
    SignedState,
    Signing,
    State,
    Withdrawal,
    locks_root,
)
from toolkit.crypto import keccak256, sign
from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.chain import Call, Chain

PERIOD = 24 * 3600
UNITS = 10**9
"""On each side: 1 ETH in gwei, or one token in units of 10**9 base units."""
NET = 123_456_789
"""Units that A has paid B when a channel closes."""
MANY = 100
"""Channels that are closed together."""

GWEI = 10**9
_FIRST_NONCE = 0x0101  # two bytes, neither of them zero


def measure(
    chain: Chain, accounts: Mapping[str, Account], contract: str, token: Contract, travel: Callable[[int], int]
) -> dict[str, int]:
    """Gas by name, as the rows of the target table are named."""
    return _Drive(chain, accounts, contract, token, travel).measure()


class _Drive:
    def __init__(
        self,
        chain: Chain,
        accounts: Mapping[str, Account],
        contract: str,
        token: Contract,
        travel: Callable[[int], int],
    ) -> None:
        self._chain, self._travel = chain, travel
        self._a, self._b, self._anyone = accounts["alice"], accounts["bob"], accounts["carol"]
        self._onchain = OnChain(chain, contract)
        self._token = bytes.fromhex(token.address[2:])
        self._salt = 0
        for party in (self._a, self._b):
            chain.send(party, token.functions.approve(contract, 2**256 - 1))
        for asset in (ETHER, self._token):
            self._open(asset)  # stays open: the contract holds other funds

    def measure(self) -> dict[str, int]:
        found = {}
        for asset, name in ((ETHER, "ETH"), (self._token, "ERC20")):
            channel, opened, topped_up = self._open(asset)
            found[f"channel: open and fund ({name})"] = opened
            if asset == ETHER:
                found["channel: top up (ETH)"] = topped_up
            found[f"channel: close by a party ({name})"] = self._close_by_party(channel)
            if asset == ETHER:
                found["channel: close by anyone (ETH)"] = self._close_by_anyone(self._open(asset)[0])
            channel = self._open(asset)[0]
            started, newer, settled = self._close_alone(channel)
            if asset == ETHER:
                found["channel: unilateral start (ETH)"] = started
                found["channel: newer state (ETH)"] = newer
            found[f"channel: settle ({name})"] = settled
        found["channel: cooperative withdraw (ERC20)"] = self._withdraw(self._open(self._token)[0])
        found[f"channel: close {MANY} together, each (ETH)"] = self._close_many()
        found["channel: unlock one hash lock, extra"] = self._unlock_extra()
        return found

    def _open(self, token: bytes, other: Account | None = None) -> tuple[Channel, int, int]:
        """A channel with one unit of money on each side; gas of the opening and of B's top-up."""
        self._salt += 1
        terms = ChannelTerms((other or self._b).address_bytes, PERIOD, salt=self._salt)
        channel, opened = self._onchain.open(self._a, terms, UNITS, token)
        return channel, opened["gasUsed"], self._onchain.top_up(self._b, channel, Side.B, UNITS)["gasUsed"]

    def _open_many(self, others: Sequence[Account]) -> list[Channel]:
        """A channel of A's with each of the others, with money as `_open` gives it; B pays for their side."""
        terms = [ChannelTerms(other.address_bytes, PERIOD) for other in others]
        contract = checksum(self._onchain.address)

        def send(account: Account, calldata: Iterable[bytes]) -> list[TxReceipt]:
            return self._chain.send_many([Call(account, contract, UNITS * GWEI, data) for data in calldata])

        opened = send(self._a, map(calls.open_in_eth, terms))
        channels = [
            Channel(self._a.address_bytes, each, ETHER, receipt["blockNumber"])
            for each, receipt in zip(terms, opened, strict=True)
        ]
        send(self._b, (calls.top_up_eth(channel.id, for_a=False) for channel in channels))
        return channels

    def _signing(self, channel: Channel) -> Signing:
        return Signing(self._chain.chain_id, self._onchain.address, channel.id)

    def _close(self, channel: Channel, *signers: Account) -> tuple[int, list[bytes]]:
        """An expiry and signatures of the Close."""

        def signed(expiry: int) -> list[bytes]:
            return [self._signing(channel).sign_close(signer.key, NET, expiry) for signer in signers]

        return next((at, signatures) for at in self._expiries() if _full(*(signatures := signed(at))))

    def _state(self, channel: Channel, signer: Account, above: int, net: int, *locks: Lock) -> SignedState:
        """A state with a nonce above another one."""
        states = (State(nonce, net, locks_root(locks)) for nonce in count(above + 1) if _full(nonce.to_bytes(2, "big")))
        signed = (self._signing(channel).sign_state(signer.key, state) for state in states)
        return next(each for each in signed if _full(each.signature))

    def _expiries(self) -> Iterator[int]:
        return (at for at in count(self._chain.now() + PERIOD) if _full(at.to_bytes(4, "big")))

    def _close_by_party(self, channel: Channel) -> int:
        expiry, (signature,) = self._close(channel, self._b)
        return self._onchain.close_now(self._a, channel, NET, expiry, signature)["gasUsed"]

    def _close_by_anyone(self, channel: Channel) -> int:
        expiry, (by_a, by_b) = self._close(channel, self._a, self._b)
        return self._onchain.close_now_signed(self._anyone, channel, NET, expiry, by_a, by_b)["gasUsed"]

    def _close_alone(self, channel: Channel) -> tuple[int, int, int]:
        """Gas of A's start with an older state, of B's newer one, and of A settling."""
        older = self._state(channel, self._b, _FIRST_NONCE, NET // 2)
        newer = self._state(channel, self._a, older.state.nonce, NET)
        receipts: list[TxReceipt] = [self._onchain.close_alone(self._a, channel, older)]
        receipts.append(self._onchain.challenge(self._b, channel, newer))
        self._travel(PERIOD + 1)
        receipts.append(self._onchain.settle(self._a, channel))
        started, challenged, settled = (receipt["gasUsed"] for receipt in receipts)
        return started, challenged, settled

    def _withdraw(self, channel: Channel) -> int:
        """Gas of a withdrawal by both."""

        def signed(withdrawal: Withdrawal) -> bytes:
            return sign(self._b.key, self._signing(channel).withdrawal_digest(withdrawal))

        each = (Withdrawal(0, NET, 2 * NET, expiry) for expiry in self._expiries())
        withdrawal, signature = next((w, signature) for w in each if _full(signature := signed(w)))
        return self._onchain.withdraw(self._a, channel, withdrawal, signature)["gasUsed"]

    def _close_many(self) -> int:
        """Gas for each of many channels of A's with as many others."""
        others = [Account(f"other {i}", keccak256(b"other" + bytes([i]))) for i in range(MANY)]
        self._chain.send_many([Call(self._a, other.address, value=1, gas=21_000) for other in others])
        closings = []
        for channel, other in zip(self._open_many(others), others, strict=True):
            expiry, (signature,) = self._close(channel, other)
            closings.append(Closing(channel, NET, expiry, signature))
        closed, receipt = self._onchain.close_many(self._a, closings)
        assert closed == MANY
        return -(-receipt["gasUsed"] // MANY)

    def _unlock_extra(self) -> int:
        """Gas that a lock and its secret add to a start, or to a newer state where that is more."""
        secret, lock_hash = next((s, h) for s, h in map(_secret, range(256)) if _full(s, h))
        lock = next(lock for at in self._expiries() if _full(locks_root([lock := Lock(lock_hash, NET // 5, at)])))
        extra = []
        for answers in (False, True):
            used = []
            for locks, secrets in (((), {}), ((lock,), {lock_hash: secret})):
                channel = self._open(ETHER)[0]
                if answers:
                    older = self._state(channel, self._b, _FIRST_NONCE, NET)
                    self._onchain.close_alone(self._a, channel, older)
                    newer = self._state(channel, self._a, older.state.nonce, NET, *locks)
                    receipt = self._onchain.challenge(self._b, channel, newer, locks, secrets)
                else:
                    newest = self._state(channel, self._b, _FIRST_NONCE, NET, *locks)
                    receipt = self._onchain.close_alone(self._a, channel, newest, locks, secrets)
                used.append(receipt["gasUsed"])
            extra.append(used[1] - used[0])
        return max(extra)


def _full(*parts: bytes) -> bool:
    """Whether no byte is zero."""
    return all(map(all, parts))


def _secret(number: int) -> tuple[bytes, bytes]:
    secret = keccak256(bytes([number]))
    return secret, keccak256(secret)
