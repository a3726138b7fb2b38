"""A key of the user's own: where it is read from, and the keys of a session's accounts that are derived from it.

The user's key is the payer. Nobody else gets it: every account of a session (each role's, each user's) has a key of its
own, made from the payer's by HKDF-SHA256 (RFC 5869)::

    salt = "l2kit accounts, version 1"
    info = chain id (32 bytes, big endian) || length of the session's name (1 byte) || name || the account's name
    key  = 1 + int(48 bytes of output) mod (n - 1)                        n: the order of secp256k1

So no two accounts share a key, nor two sessions, nor two chains; whoever has one of them learns nothing of another or
of the payer's; and whoever has the payer's finds all of them again, with the money on them: nothing else is kept.
"""

from __future__ import annotations

import getpass
import hashlib
import hmac
import json
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from toolkit.crypto import SECP256K1_N
from toolkit.devnet.accounts import DERIVED, Account, parse_address
from toolkit.devnet.settings import KEY_VARIABLE, parse_key
from toolkit.errors import BadInput

PASSWORD_VARIABLE = "L2KIT_PASSWORD"
"""The environment variable with the key file's password."""
SECRETS = (KEY_VARIABLE, PASSWORD_VARIABLE)
"""Environment variables that no child process is to have that was not given one of its own."""

_SALT = b"l2kit accounts, version 1"
_KEY_LIKE = re.compile(r"(0x)?[0-9a-fA-F]{64}")
_MOST_BYTES = 1 << 20

Ask = Callable[[str], str]
"""Asks somebody for a password, without echo."""
_ask: list[Ask] = [getpass.getpass]


@dataclass(frozen=True)
class Whereabouts:
    """Where the payer's key is; nothing of it is secret.

    Attributes:
        file: an encrypted key file; None: the environment has the key.
        password_file: that has its password; None: the environment has it, or somebody is asked.
    """

    file: Path | None = None
    password_file: Path | None = None

    def read(self, ask: Ask | None = None) -> bytes:
        """The payer's 32-byte key.

        Args:
            ask: for the password; the terminal where None.

        Raises:
            BadInput: there is none, or the password is missing or wrong.
        """
        if self.file is None:
            if self.password_file is not None:
                raise BadInput(f"the password file {self.password_file} is of no use without a key file")
            if not os.environ.get(KEY_VARIABLE):
                raise BadInput(f"no key: name an encrypted key file with --key-file, or set {KEY_VARIABLE}")
            return parse_key(os.environ[KEY_VARIABLE], f"the environment variable {KEY_VARIABLE}")
        found = _read_key_file(self.file)
        return _decrypted(self.file, found, self._password(ask))

    def _password(self, ask: Ask | None) -> str:
        if self.password_file is not None:
            return _read_password_file(self.password_file)
        if (given := os.environ.get(PASSWORD_VARIABLE)) is not None:
            return given
        if ask is None:
            if not (sys.stdin is not None and sys.stdin.isatty()):
                raise BadInput(
                    f"the password of {self.file} is missing: set {PASSWORD_VARIABLE}, name a file with "
                    "--password-file, or use a terminal, where it is asked for"
                )
            ask = _ask[-1]
        return ask(f"Password of {self.file}: ")


@dataclass(frozen=True)
class Payer:
    """The user's own account, which pays for a session.

    Attributes:
        account: with its key.
        whereabouts: of the key.
    """

    account: Account
    whereabouts: Whereabouts

    @staticmethod
    def read(whereabouts: Whereabouts, ask: Ask | None = None) -> Payer:
        """Read the key. Raises as `Whereabouts.read`."""
        return Payer(Account("payer", whereabouts.read(ask)), whereabouts)

    def accounts(self, chain_id: int, session: str) -> dict[str, Account]:
        """The accounts of a session of that name, by theirs."""
        return {name: Account(name, derive(self.account.key, chain_id, session, name)) for name in DERIVED}

    def described(self, chain_id: int, session: str) -> dict[str, Any]:
        """What a session's description says about its keys, for `described_accounts`: no key, no password."""
        where = self.whereabouts
        return {
            "payer": self.account.address,
            "chain_id": chain_id,
            "session": session,
            "key_file": None if where.file is None else str(where.file.absolute()),
            "password_file": None if where.password_file is None else str(where.password_file.absolute()),
        }


@dataclass(frozen=True)
class _Ring:
    """The payer's key, read when the first account's is needed, and once."""

    whereabouts: Whereabouts
    payer: str
    chain_id: int
    session: str

    @cached_property
    def _key(self) -> bytes:
        key = self.whereabouts.read()
        if (found := Account("payer", key).address) != self.payer:
            where = self.whereabouts.file or f"the environment variable {KEY_VARIABLE}"
            raise BadInput(f"the key in {where} is that of {found}, and this session's accounts come from {self.payer}")
        return key

    def account(self, name: str, address: str) -> Account:
        def unlock() -> bytes:
            key = derive(self._key, self.chain_id, self.session, name)
            if Account(name, key).address != address:
                raise BadInput(f"{name} has the address {address}, which does not come from the key of {self.payer}")
            return key

        return Account(name, unlock, parse_address(address))


def derive(payer: bytes, chain_id: int, session: str, name: str) -> bytes:
    """The 32-byte key of an account of a session; the module says how."""
    text = session.encode()
    info = chain_id.to_bytes(32, "big") + bytes([len(text)]) + text + name.encode()
    extracted = hmac.digest(_SALT, payer, hashlib.sha256)
    first = hmac.digest(extracted, info + b"\x01", hashlib.sha256)
    second = hmac.digest(extracted, first + info + b"\x02", hashlib.sha256)
    return (1 + int.from_bytes((first + second)[:48], "big") % (SECP256K1_N - 1)).to_bytes(32, "big")


def described_accounts(found: Mapping[str, Any]) -> dict[str, Account]:
    """The accounts of a session by name, from its description: with their keys, or such that find theirs when needed.

    Raises:
        KeyError, TypeError, ValueError: it is no such description.
    """
    keys = found.get("keys")
    if keys is None:
        return {
            str(each["name"]): Account(str(each["name"]), bytes.fromhex(each["key"][2:])) for each in found["accounts"]
        }
    files = (None if keys[name] is None else Path(keys[name]) for name in ("key_file", "password_file"))
    ring = _Ring(Whereabouts(*files), str(keys["payer"]), int(keys["chain_id"]), str(keys["session"]))
    return {str(each["name"]): ring.account(str(each["name"]), str(each["address"])) for each in found["accounts"]}


def refuse_keys(arguments: list[str]) -> None:
    """Raise BadInput where one of a command's arguments looks like a private key; it is not shown again."""
    for argument in arguments:
        _, _, value = argument.rpartition("=")
        if _KEY_LIKE.fullmatch(value.strip()):
            raise BadInput(
                "what looks like a private key is on the command line, where every user of this machine can read it, "
                f"and the shell keeps it: use --key-file or {KEY_VARIABLE}, and another key"
            )


@contextmanager
def asking(ask: Ask) -> Iterator[None]:
    """Ask so for passwords for as long as this lasts, because the terminal is in use."""
    _ask.append(ask)
    try:
        yield
    finally:
        _ask.remove(ask)


def forget_secrets() -> None:
    """Take key and password out of our environment, so that no process started from now on has them."""
    for name in SECRETS:
        os.environ.pop(name, None)


def _read_key_file(file: Path) -> Mapping[str, Any]:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise BadInput(f"{file} is no key file: it is too large")
        found = json.loads(file.read_text())
    except OSError as error:
        raise BadInput(f"cannot read the key file {file}: {error.strerror}") from error
    except ValueError:
        raise BadInput(
            f"{file} is no encrypted key file (Web3 secret storage, version 3); a plain key is not read from a file"
        ) from None
    if not isinstance(found, dict) or found.get("version") != 3 or not {"crypto", "Crypto"} & found.keys():
        raise BadInput(f"{file} is no encrypted key file (Web3 secret storage, version 3)")
    return found


def _decrypted(file: Path, found: Mapping[str, Any], password: str) -> bytes:
    from eth_account import Account as EthAccount  # 0.9 s

    try:
        key = bytes(EthAccount.decrypt(dict(found), password))
    except ValueError as error:
        if "MAC" in str(error):
            raise BadInput(f"the password does not open {file}") from None
        raise BadInput(f"{file} is not as an encrypted key file should be ({error})") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{file} is not as an encrypted key file should be ({error!r})") from error
    if len(key) != 32 or not 0 < int.from_bytes(key, "big") < SECP256K1_N:
        raise BadInput(f"{file} holds no private key")
    said = str(found.get("address") or "").lower().removeprefix("0x")
    if said and said != Account("payer", key).address_bytes.hex():
        raise BadInput(f"{file} says that it holds the key of 0x{said}, and it does not")
    return key


def _read_password_file(file: Path) -> str:
    try:
        with file.open() as opened:
            mode = os.fstat(opened.fileno()).st_mode
            if stat.S_ISREG(mode) and mode & 0o077:
                raise BadInput(
                    f"others on this machine may read the password file {file} (mode {stat.S_IMODE(mode):o}); "
                    f"'chmod 600 {file}' keeps it to you"
                )
            return opened.read(4096).rstrip("\r\n")
    except OSError as error:
        raise BadInput(f"cannot read the password file {file}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise BadInput(f"the password file {file} is not text") from None
