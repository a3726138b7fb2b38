"""Accounts: a name, a private key, an address."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property

from toolkit.crypto import address_of, keccak256
from toolkit.errors import BadInput

DEV_MNEMONIC = "test test test test test test test test test test test junk"
"""The mnemonic that Anvil and Hardhat fund. Its keys are public: use them on a local devnet only."""

ROLES = ("deployer", "sequencer", "proposer", "verifier", "provider", "watchtower")
"""Accounts that run the protocols."""

USERS = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi")
"""Accounts that use the protocols."""

DERIVED = ("deployer", "sequencer", "proposer", "verifier", *USERS, "provider", "watchtower")
"""All of them, in the order of their derivation index: who joins comes last, so that nobody's address changes."""


def checksum(address: bytes) -> str:
    """The EIP-55 text of a 20-byte address."""
    text = address.hex()
    digest = keccak256(text.encode()).hex()
    return "0x" + "".join(c.upper() if int(d, 16) >= 8 else c for c, d in zip(text, digest, strict=False))


def parse_name(text: str) -> None:
    """Raise BadInput where what should be a name may be a private key; it is not shown: messages end up in logs."""
    if re.fullmatch(r"(0x)?[0-9a-fA-F]{64}", text):
        raise BadInput("64 digits of hex are neither an address nor an account's name; if they are a key, use another")


def parse_address(text: str) -> bytes:
    """The 20 bytes of an address; raises BadInput where it is none, or its letters' case is wrong (EIP-55)."""
    parse_name(text)
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise BadInput(f"{text!r} is neither an address nor the name of a devnet account")
    address = bytes.fromhex(text[2:])
    if text[2:] not in (text[2:].lower(), text[2:].upper()) and checksum(address) != text:
        raise BadInput(f"the address {text} has a wrong checksum (EIP-55)")
    return address


class Account:
    """An account whose key we hold, or can get.

    Attributes:
        name: what tables call it.
    """

    name: str

    def __init__(self, name: str, key: bytes | Callable[[], bytes], address: bytes | None = None) -> None:
        """
        Args:
            key: the 32-byte private key, or what gets it when it is first needed; never shown by ``repr``.
            address: the 20-byte address; that of the key where None.
        """
        self.name = name
        self._key = key
        if address is not None:
            self.address_bytes = address

    @property
    def key(self) -> bytes:
        """The 32-byte private key. Raises BadInput where it cannot be got."""
        if not isinstance(self._key, bytes):
            self._key = self._key()
        return self._key

    @cached_property
    def address_bytes(self) -> bytes:
        """The 20-byte address."""
        return address_of(self.key)

    @cached_property
    def address(self) -> str:
        """The address as EIP-55 text."""
        return checksum(self.address_bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Account) and (self.name, self.address_bytes) == (other.name, other.address_bytes)

    def __hash__(self) -> int:
        return hash((self.name, self.address_bytes))

    def __repr__(self) -> str:
        return f"Account(name={self.name!r}, address={self.address!r})"


def dev_accounts(mnemonic: str = DEV_MNEMONIC) -> dict[str, Account]:
    """The named accounts of a devnet, derived at m/44'/60'/0'/0/i (BIP-32, BIP-44)."""
    from eth_account.hdaccount import ETHEREUM_DEFAULT_PATH, key_from_seed, seed_from_mnemonic  # 0.9 s

    seed = seed_from_mnemonic(mnemonic, "")
    base = ETHEREUM_DEFAULT_PATH.rsplit("/", 1)[0]
    return {name: Account(name, bytes(key_from_seed(seed, f"{base}/{index}"))) for index, name in enumerate(DERIVED)}
