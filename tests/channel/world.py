"""PaymentChannels in an EVM of this process, and the hands to use it with."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rollup_core.evm import Contract, Evm, pyrevm

from toolkit.channel.position import Position
from toolkit.channel.state import (
    ETHER,
    Channel,
    ChannelTerms,
    Deposits,
    Lock,
    SignedState,
    Signing,
    State,
    Withdrawal,
    locks_root,
)
from toolkit.compile import Artifact, artifact, compile_sources
from toolkit.crypto import keccak256, sign
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted

from .people import DAY, KEY_A, KEY_B, A, B

GWEI = 10**9
CHAIN_ID = 1
START = 1_800_000_000
NO_SIGNATURE = (bytes(32), bytes(32))


@cache
def odd(name: str) -> Artifact:
    return compile_sources({"tests/channel/Odd.sol": (Path(__file__).parent / "Odd.sol").read_text()})[name]


class World:
    """A fresh chain with the contract; blocks and seconds go by only when told to."""

    def __init__(self) -> None:
        self.evm = Evm()
        self.channels = self.evm.deploy(artifact("PaymentChannels"))
        self.block, self.now = 0, 0
        self.pass_by(START, blocks=1)

    def pass_by(self, seconds: int, blocks: int = 1) -> None:
        self.block, self.now = self.block + blocks, self.now + seconds
        self.evm.vm.set_block_env(pyrevm.BlockEnv(timestamp=self.now, number=self.block))

    def deploy_odd(self, name: str) -> Contract:
        return self.evm.deploy(odd(name))

    def call(self, sender: bytes, name: str, *arguments: Any, value: int = 0) -> Any:
        before = self.evm.vm.get_balance(checksum(sender))
        try:
            return self.evm.call(self.channels, name, *arguments, sender=checksum(sender), value=value)
        except Reverted:
            self.evm.vm.set_balance(checksum(sender), before)  # the value was given to it for this call
            raise

    def open(
        self, units: int = 100, *, opener: bytes = A, counterparty: bytes = B, token: bytes = ETHER, salt: int = 0,
        exponent: int = 9, period: int = DAY,
    ) -> Channel:  # fmt: skip
        terms = ChannelTerms(counterparty, period, exponent, salt)
        if token == ETHER:
            self.call(opener, "openInETH", terms.pack(), value=units * GWEI)
        else:
            self.call(opener, "openInTokens", terms.pack(), checksum(token), units)
        return Channel(opener, terms, token, self.block)

    def both(self, a: int = 100, b: int = 50, **terms: Any) -> Channel:
        """An open channel with deposits on both sides, one block ago."""
        channel = self.open(a, **terms)
        self.top_up(channel.b if channel.b in KEYS else A, channel, False, b)
        self.pass_by(12)
        return channel

    def top_up(self, sender: bytes, channel: Channel, for_a: bool, units: int) -> None:
        if channel.token == ETHER:
            self.call(sender, "topUpETH", channel.id, for_a, value=units * GWEI)
        else:
            self.call(sender, "topUpTokens", words(channel), for_a, units)

    def signing(self, channel: Channel) -> Signing:
        return Signing(CHAIN_ID, self.channels.address_bytes, channel.id)

    def state(
        self, channel: Channel, key: bytes, nonce: int, net: int, locks: bytes | Sequence[Lock] = ()
    ) -> SignedState:
        root = locks if isinstance(locks, bytes) else locks_root(locks)
        return self.signing(channel).sign_state(key, State(nonce, net, root))

    def withdrawal_signature(self, channel: Channel, key: bytes, withdrawal: Withdrawal) -> tuple[bytes, bytes]:
        return halves(sign(key, self.signing(channel).withdrawal_digest(withdrawal)))

    def withdraw(self, sender: bytes, channel: Channel, withdrawal: Withdrawal, key: bytes) -> None:
        signature = self.withdrawal_signature(channel, key, withdrawal)
        self.call(sender, "withdraw", words(channel), withdrawal, signature)

    def close_signature(self, channel: Channel, key: bytes, net: int, expiry: int) -> tuple[bytes, bytes]:
        return halves(self.signing(channel).sign_close(key, net, expiry))

    def close_now(self, sender: bytes, channel: Channel, net: int, expiry: int, key: bytes) -> None:
        self.call(sender, "closeNow", words(channel), net, expiry, self.close_signature(channel, key, net, expiry))

    def close_alone(self, sender: bytes, channel: Channel, signed: SignedState | None = None) -> None:
        state, signature = (State(0, 0), NO_SIGNATURE) if signed is None else (signed.state, halves(signed.signature))
        self.call(sender, "closeAlone", words(channel), state, signature)

    def close_alone_and_unlock(
        self, sender: bytes, channel: Channel, signed: SignedState, locks: Sequence[Lock], secrets: Sequence[bytes]
    ) -> None:
        arguments = words(channel), signed.state, halves(signed.signature), locks, secrets
        self.call(sender, "closeAloneAndUnlock", *arguments)

    def challenge(self, sender: bytes, channel: Channel, signed: SignedState) -> None:
        self.call(sender, "challenge", words(channel), signed.state, halves(signed.signature))

    def challenge_and_unlock(
        self, sender: bytes, channel: Channel, signed: SignedState, locks: Sequence[Lock], secrets: Sequence[bytes]
    ) -> None:
        arguments = words(channel), signed.state, halves(signed.signature), locks, secrets
        self.call(sender, "challengeAndUnlock", *arguments)

    def unlock(self, channel: Channel, locks: Sequence[Lock], secrets: Sequence[bytes], sender: bytes = A) -> None:
        self.call(sender, "unlockNow", words(channel), locks, secrets)

    def reveal(self, secret: bytes, sender: bytes = A) -> None:
        self.call(sender, "reveal", secret)

    def challenge_signed(self, sender: bytes, channel: Channel, state: State, key_a: bytes, key_b: bytes) -> None:
        digest = self.signing(channel).state_digest(state)
        self.call(
            sender, "challengeSigned", words(channel), state, halves(sign(key_a, digest)), halves(sign(key_b, digest))
        )

    def settle(self, channel: Channel, sender: bytes = A) -> None:
        self.call(sender, "settleAndPay", words(channel))

    def settle_and_unlock(
        self, channel: Channel, locks: Sequence[Lock], secrets: Sequence[bytes], sender: bytes = A
    ) -> None:
        self.call(sender, "settleAndUnlock", words(channel), locks, secrets)

    def pending_locks(self, channel: Channel) -> bytes:
        return bytes(self.call(A, "pendingLocks", channel.id))

    def logs(self, signature: str) -> list[tuple[list[bytes], bytes]]:
        """Topics after the first, and data, of the last call's events of that signature."""
        topic = keccak256(signature.encode())
        found = []
        for log in self.evm.vm.result.logs:
            topics = [bytes.fromhex(each[2:]) for each in log.topics]
            if topics[0] == topic:
                found.append((topics[1:], bytes(log.data[1])))
        return found

    def position(self, channel: Channel) -> Position:
        a, b, balance_a, nonce, deadline, _, has_locks, withdrawals = self.call(A, "position", channel.id)
        return Position(Deposits(a, b), balance_a, nonce, deadline, has_locks, withdrawals)

    def credit(self, owner: bytes, token: bytes = ETHER) -> int:
        return int(self.call(A, "credits", checksum(token), checksum(owner)))

    def ether(self, owner: bytes) -> int:
        """Gwei owned."""
        units, rest = divmod(int(self.evm.vm.get_balance(checksum(owner))), GWEI)
        assert rest == 0
        return units


def words(channel: Channel) -> tuple[bytes, bytes, str]:
    return channel.opening, channel.terms.pack(), checksum(channel.token)


def halves(signature: bytes) -> tuple[bytes, bytes]:
    return signature[:32], signature[32:]


KEYS = {A: KEY_A, B: KEY_B}


def secret(name: str) -> tuple[bytes, bytes]:
    """A secret and its hash."""
    made = keccak256(name.encode())
    return made, keccak256(made)
