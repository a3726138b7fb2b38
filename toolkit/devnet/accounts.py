"""Accounts: a name, a private key, an address."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property

from toolkit.crypto import address_of, keccak256, sign
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


def parse_address(text: str) -> bytes:
    """The 20 bytes of an address; raises BadInput where it is none, or its letters' case is wrong (EIP-55)."""
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", text):
        raise BadInput(f"{text!r} is neither an address nor the name of a devnet account")
    address = bytes.fromhex(text[2:])
    if text[2:] not in (text[2:].lower(), text[2:].upper()) and checksum(address) != text:
        raise BadInput(f"the address {text} has a wrong checksum (EIP-55)")
    return address


@dataclass(frozen=True)
class Account:
    """An account whose key we hold.

    Attributes:
        name: what tables call it.
        key: the 32-byte private key; never shown by ``repr``.
    """

    name: str
    key: bytes = field(repr=False)

    @cached_property
    def address_bytes(self) -> bytes:
        """The 20-byte address."""
        return address_of(self.key)

    @cached_property
    def address(self) -> str:
        """The address as EIP-55 text."""
        return checksum(self.address_bytes)

    def sign_digest(self, digest: bytes) -> bytes:
        """The 64-byte EIP-2098 signature of a 32-byte digest."""
        return sign(self.key, digest)


def dev_accounts(mnemonic: str = DEV_MNEMONIC) -> dict[str, Account]:
    """The named accounts of a devnet, derived at m/44'/60'/0'/0/i (BIP-32, BIP-44)."""
    from eth_account.hdaccount import ETHEREUM_DEFAULT_PATH, key_from_seed, seed_from_mnemonic  # 0.9 s

    seed = seed_from_mnemonic(mnemonic, "")
    base = ETHEREUM_DEFAULT_PATH.rsplit("/", 1)[0]
    return {name: Account(name, bytes(key_from_seed(seed, f"{base}/{index}"))) for index, name in enumerate(DERIVED)}
