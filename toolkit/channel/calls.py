"""The contract's calls, answers and events as bytes, without web3 (which takes 1.8 s to import).

A function is named and takes its arguments as in contracts/channel/IPaymentChannels.sol; it returns the calldata.
"""

from __future__ import annotations

from collections.abc import Sequence

from toolkit.channel.state import Channel, ChannelTerms, Lock, SignedState, State, Withdrawal
from toolkit.devnet.l1 import selector, topic
from toolkit.errors import BadInput, NodeError

NO_SECRET = bytes(32)
"""Stands for a secret that is not shown, in a list beside the locks."""

_CHANNEL = "(bytes32,bytes32,address)"
_STATE = "(uint48,int64,bytes32)"
_SIGNATURE = "(bytes32,bytes32)"
_LOCKS = "(bytes32,int64,uint40)[],bytes32[]"

_CLOSE_ALONE = selector(f"closeAlone({_CHANNEL},{_STATE},{_SIGNATURE})")
_CLOSE_ALONE_UNLOCKING = selector(f"closeAloneAndUnlock({_CHANNEL},{_STATE},{_SIGNATURE},{_LOCKS})")
_CHALLENGE = selector(f"challenge({_CHANNEL},{_STATE},{_SIGNATURE})")
_CHALLENGE_UNLOCKING = selector(f"challengeAndUnlock({_CHANNEL},{_STATE},{_SIGNATURE},{_LOCKS})")
_CHALLENGE_SIGNED = selector(f"challengeSigned({_CHANNEL},{_STATE},{_SIGNATURE},{_SIGNATURE})")
_UNLOCK = selector(f"unlockNow({_CHANNEL},{_LOCKS})")
_REVEAL = selector("reveal(bytes32)")
_SETTLE_AND_PAY = selector(f"settleAndPay({_CHANNEL})")
_SETTLE_UNLOCKING = selector(f"settleAndUnlock({_CHANNEL},{_LOCKS})")
_CLOSE_NOW = selector(f"closeNow({_CHANNEL},int64,uint40,{_SIGNATURE})")
_WITHDRAW = selector(f"withdraw({_CHANNEL},(uint56,uint56,uint56,uint40),{_SIGNATURE})")
_OPEN_IN_ETH = selector("openInETH(bytes32)")
_OPEN_IN_TOKENS = selector("openInTokens(bytes32,address,uint256)")
_TOP_UP_ETH = selector("topUpETH(bytes32,bool)")
_TOP_UP_TOKENS = selector(f"topUpTokens({_CHANNEL},bool,uint256)")
_POSITION = selector("position(bytes32)")
_PENDING_LOCKS = selector("pendingLocks(bytes32)")
_REVEALED_AT = selector("revealedAt(bytes32)")

OPENED_IN_ETH = topic("OpenedInETH(bytes32,bytes32)")
OPENED_IN_TOKENS = topic("OpenedInTokens(bytes32,bytes32,address)")
SECRET_SHOWN = topic("SecretShown(bytes32,bytes32)")
LOCKS_PENDING = topic("LocksPending(bytes32,(bytes32,int64,uint40)[])")

ERRORS = (
    "NotOpen(bytes32)", "NotAParty(address)", "AlreadyClosing(bytes32,uint256)", "NotClosing(bytes32)",
    "NotNewer(uint48,uint48)", "BadFirstState(int64,bytes32)", "BadSignature(address)",
    "ChallengePeriodOver(uint256,uint256)", "ChallengePeriodNotOver(uint256,uint256)", "CloseExpired(uint256,uint256)",
    "OpenedInThisBlock(uint256)", "BadLocks(bytes32,bytes32)", "BadSecretCount(uint256,uint256)",
    "WrongSecret(bytes32,bytes32)", "LocksUnresolved(bytes32)", "LockPending(bytes32,uint256)",
    "WithdrawalExpired(uint256,uint256)", "BadWithdrawalNumber(uint256,uint256)", "BadUnits(uint256,uint256)",
    "AlreadyOpen(bytes32)", "BadChallengePeriod(uint256,uint256,uint256)", "BadUnitExponent(uint8)",
    "NotEther(bytes32)", "NotAToken(address)", "BadCounterparty(address)",
)  # fmt: skip
"""What the contract may answer, with the types of what comes with it."""


def close_alone(channel: Channel, newest: SignedState) -> bytes:
    """A party begins to close with the newest state that the other one signed (the first needs no signature)."""
    return _CLOSE_ALONE + channel.encode() + _signed(newest)


def close_alone_and_unlock(
    channel: Channel, newest: SignedState, locks: Sequence[Lock], secrets: Sequence[bytes]
) -> bytes:
    """The same with the state's locks in order, and for each its secret or `NO_SECRET`."""
    return _CLOSE_ALONE_UNLOCKING + _with_locks(channel.encode() + _signed(newest), locks, secrets)


def challenge(channel: Channel, newer: SignedState) -> bytes:
    """A party shows a newer state that the other one signed."""
    return _CHALLENGE + channel.encode() + _signed(newer)


def challenge_and_unlock(
    channel: Channel, newer: SignedState, locks: Sequence[Lock], secrets: Sequence[bytes]
) -> bytes:
    """The same with the state's locks in order, and for each its secret or `NO_SECRET`."""
    return _CHALLENGE_UNLOCKING + _with_locks(channel.encode() + _signed(newer), locks, secrets)


def challenge_signed(channel: Channel, state: State, by_a: bytes, by_b: bytes) -> bytes:
    """Anybody shows a newer state that both signed."""
    return _CHALLENGE_SIGNED + channel.encode() + _state(state) + _signature(by_a) + _signature(by_b)


def unlock_now(channel: Channel, locks: Sequence[Lock], secrets: Sequence[bytes]) -> bytes:
    """Anybody shows secrets of the locks that are pending in a closing channel, or `NO_SECRET` for each other one."""
    return _UNLOCK + _with_locks(channel.encode(), locks, secrets)


def reveal(secret: bytes) -> bytes:
    """Show a secret to all channels and states at once."""
    return _REVEAL + _word(secret)


def settle_and_pay(channel: Channel) -> bytes:
    """Pay both parties once the challenge period is over and no locks are pending."""
    return _SETTLE_AND_PAY + channel.encode()


def settle_and_unlock(channel: Channel, locks: Sequence[Lock], secrets: Sequence[bytes]) -> bytes:
    """The same where locks are pending: each must have expired, been revealed, or come with its secret."""
    return _SETTLE_UNLOCKING + _with_locks(channel.encode(), locks, secrets)


def close_now(channel: Channel, net: int, expiry: int, signature: bytes) -> bytes:
    """A party closes with the other one's signature of the Close."""
    return _CLOSE_NOW + channel.encode() + _int(net) + _int(expiry) + _signature(signature)


def withdraw(channel: Channel, withdrawal: Withdrawal, signature: bytes) -> bytes:
    """A party carries out a withdrawal that the other one signed."""
    return _WITHDRAW + channel.encode() + b"".join(map(_int, withdrawal)) + _signature(signature)


def open_in_eth(terms: ChannelTerms) -> bytes:
    """Open a channel with the value sent along."""
    return _OPEN_IN_ETH + terms.pack()


def open_in_tokens(terms: ChannelTerms, token: bytes, units: int) -> bytes:
    """Open a channel with ``units`` of an ERC20 (20-byte address) that the contract may take."""
    return _OPEN_IN_TOKENS + terms.pack() + token.rjust(32, b"\0") + _int(units)


def top_up_eth(channel: bytes, for_a: bool) -> bytes:
    """Add the value sent along to one side of a channel (32-byte id)."""
    return _TOP_UP_ETH + channel + _int(for_a)


def top_up_tokens(channel: Channel, for_a: bool, units: int) -> bytes:
    """Add ``units`` of the channel's ERC20, which the contract may take, to one side."""
    return _TOP_UP_TOKENS + channel.encode() + _int(for_a) + _int(units)


def approve(spender: bytes, amount: int) -> bytes:
    """Let ``spender`` (20-byte address) take base units of an ERC20."""
    return selector("approve(address,uint256)") + spender.rjust(32, b"\0") + _int(amount)


def allowance(owner: bytes, spender: bytes) -> bytes:
    """Ask an ERC20 what ``spender`` may take of ``owner`` (20-byte addresses)."""
    return selector("allowance(address,address)") + owner.rjust(32, b"\0") + spender.rjust(32, b"\0")


def position(channel: bytes) -> bytes:
    """Ask for the position of a channel (32-byte id)."""
    return _POSITION + channel


def pending_locks(channel: bytes) -> bytes:
    """Ask for the root of the locks that are pending in a closing channel (32-byte id)."""
    return _PENDING_LOCKS + channel


def revealed_at(hash_: bytes) -> bytes:
    """Ask when the secret of a hash (32 bytes) was revealed."""
    return _REVEALED_AT + hash_


def read_locks_pending(data: bytes) -> tuple[Lock, ...]:
    """The locks in the data of a LocksPending event; raises NodeError where it is none."""
    count = int.from_bytes(data[32:64], "big")
    if len(data) != 64 + 96 * count:
        raise NodeError(f"the node gave a LocksPending event of {count} locks and {len(data)} bytes")
    try:
        return tuple(Lock.decode(data[at : at + 96]) for at in range(64, len(data), 96))
    except BadInput as error:
        raise NodeError(f"the node gave a LocksPending event that is none: {error}") from error


def _signed(signed: SignedState) -> bytes:
    return _state(signed.state) + (_signature(signed.signature) if signed.state.nonce else bytes(64))


def _state(state: State) -> bytes:
    return _int(state.nonce) + _int(state.net) + _word(state.locks)


def _signature(signature: bytes) -> bytes:
    if len(signature) != 64:
        raise BadInput(f"a signature is 64 bytes (EIP-2098), not {len(signature)}")
    return signature


def _with_locks(head: bytes, locks: Sequence[Lock], secrets: Sequence[bytes]) -> bytes:
    """``head`` and two dynamic arrays, whose offsets count from the beginning of ``head``."""
    if len(locks) != len(secrets):
        raise BadInput(f"each lock needs a secret or a zero, and there are {len(locks)} locks and {len(secrets)}")
    first = len(head) + 64
    second = first + 32 + 96 * len(locks)
    return b"".join(
        (
            *(head, _int(first), _int(second)),
            *(_int(len(locks)), *(lock.encode() for lock in locks)),
            *(_int(len(secrets)), *map(_word, secrets)),
        )
    )


def _int(number: int) -> bytes:
    return number.to_bytes(32, "big", signed=number < 0)


def _word(data: bytes) -> bytes:
    if len(data) != 32:
        raise BadInput(f"a hash or a secret is 32 bytes, not {len(data)}")
    return data
