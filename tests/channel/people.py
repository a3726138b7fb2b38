"""The people of the channel tests, and a channel of theirs."""

from __future__ import annotations

from toolkit.channel.state import ETHER, Channel, ChannelTerms, Deposits
from toolkit.crypto import address_of, keccak256

CHAIN_ID = 31337
CONTRACT = b"\xc0" * 20
DAY = 86_400

KEY_A, KEY_B, KEY_C = (keccak256(name) for name in (b"alice", b"bob", b"carol"))
A, B, C = (address_of(key) for key in (KEY_A, KEY_B, KEY_C))

DEPOSITS = Deposits(1_000_000, 500_000)


def channel(salt: int = 0, token: bytes = ETHER) -> Channel:
    return Channel(A, ChannelTerms(B, DAY, salt=salt), token, opened_block=7)
