"""A key of one's own: read from where it may be, shown nowhere, and the keys that come from it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account as EthAccount

from toolkit.crypto import SECP256K1_N
from toolkit.devnet import Account, RunFolder
from toolkit.devnet.accounts import DERIVED, parse_address
from toolkit.devnet.keys import (
    Payer,
    Whereabouts,
    asking,
    derive,
    described_accounts,
    forget_secrets,
    refuse_keys,
)
from toolkit.errors import BadInput

KEY = bytes(range(1, 33))
HEX = KEY.hex()


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("L2KIT_KEY", "L2KIT_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="module")
def encrypted() -> Mapping[str, Any]:
    found: Mapping[str, Any] = EthAccount.encrypt(KEY, "open sesame", kdf="pbkdf2", iterations=100)
    return found


@pytest.fixture
def file(tmp_path: Path, encrypted: Mapping[str, Any]) -> Path:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(encrypted))
    return file


def test_a_key_file_opens_with_its_password(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Whereabouts(file).read(lambda prompt: "open sesame" if str(file) in prompt else "") == KEY
    monkeypatch.setenv("L2KIT_PASSWORD", "open sesame")
    assert Whereabouts(file).read() == KEY
    monkeypatch.setenv("L2KIT_PASSWORD", "wrong")
    with pytest.raises(BadInput, match=f"the password does not open {file}$"):
        Whereabouts(file).read()
    password = tmp_path / "password"
    password.write_text("open sesame\n")
    password.chmod(0o600)
    assert Whereabouts(file, password).read() == KEY, "what is named comes first"


def test_scrypt_opens_as_well(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(json.dumps(EthAccount.encrypt(KEY, "x", kdf="scrypt", iterations=2)))
    assert Whereabouts(file).read(lambda _: "x") == KEY


def test_without_a_terminal_a_missing_password_is_told(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(BadInput, match=f"the password of {file} is missing: set L2KIT_PASSWORD"):
        Whereabouts(file).read()


def test_at_a_terminal_it_is_asked_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    master, terminal = os.openpty()
    with os.fdopen(terminal) as stdin, asking(lambda _: "open sesame"):
        monkeypatch.setattr("sys.stdin", stdin)
        assert Whereabouts(file).read() == KEY
    os.close(master)


def test_a_password_file_that_others_may_read_is_refused(file: Path, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("open sesame")
    for mode in (0o644, 0o640, 0o604):
        password.chmod(mode)
        with pytest.raises(BadInput, match=rf"others on this machine may read .*mode {mode:o}.*chmod 600") as caught:
            Whereabouts(file, password).read()
        assert "sesame" not in str(caught.value)
    with pytest.raises(BadInput, match="cannot read the password file"):
        Whereabouts(file, tmp_path / "none").read()
    with pytest.raises(BadInput, match="of no use without a key file"):
        Whereabouts(None, password).read()


@pytest.mark.parametrize(
    "text",
    [
        HEX,
        f'"{HEX}"',
        json.dumps({"key": HEX}),
        json.dumps({"version": 4, "crypto": {}}),
        json.dumps({"version": 3}),
        json.dumps({"version": 3, "crypto": {"kdf": "none"}}),
        json.dumps({"version": 3, "crypto": {"kdf": HEX}}),
        "[]",
        "",
    ],
)
def test_what_is_no_encrypted_key_file_is_told_and_not_shown(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key.json"
    file.write_text(text)
    with pytest.raises(BadInput, match=f"{file} is (no|not as an) encrypted key file") as caught:
        Whereabouts(file).read(lambda _: "x")
    assert text == json.dumps({"version": 3, "crypto": {"kdf": HEX}}) or HEX not in str(caught.value)
    with pytest.raises(BadInput, match="cannot read the key file"):
        Whereabouts(tmp_path).read(lambda _: "x")


def test_a_key_file_that_holds_another_key_than_it_says_is_told(file: Path, encrypted: Mapping[str, Any]) -> None:
    file.write_text(json.dumps({**encrypted, "address": "00" * 20}))
    with pytest.raises(BadInput, match=f"says that it holds the key of 0x{'00' * 20}, and it does not"):
        Whereabouts(file).read(lambda _: "open sesame")


def test_the_environment_has_a_key_or_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="no key: name an encrypted key file with --key-file, or set L2KIT_KEY"):
        Whereabouts().read()
    for text in (HEX, f"0x{HEX}", f" 0x{HEX}\n"):
        monkeypatch.setenv("L2KIT_KEY", text)
        assert Whereabouts().read() == KEY
    for text in ("0x", "00" * 32, HEX[:-1], f"{SECP256K1_N:064x}", "hush"):
        monkeypatch.setenv("L2KIT_KEY", text)
        with pytest.raises(BadInput, match="does not hold a private key") as caught:
            Whereabouts().read()
        assert text not in str(caught.value).replace("L2KIT_KEY", "")


def test_derived_keys_are_these() -> None:
    """What a key of somebody's gives must be the same for ever: there is money on it."""
    assert derive(KEY, 1, "default", "deployer").hex() == PINNED[0]
    assert derive(KEY, 11155111, "mine", "alice").hex() == PINNED[1]


PINNED = (
    "0dd5023ef47c21b6fe143e957da506618749bbc89eeb657a081c254036af46dd",
    "e2afd18e060bc74fc82798aba8f4f397519f7154eac27879e807aca94e47faa3",
)


def test_no_two_accounts_share_a_key() -> None:
    places = [(chain, session) for chain in (1, 11155111) for session in ("", "default", "defaul", "tdeployer")]
    keys = {derive(payer, *place, name) for payer in (KEY, KEY[::-1]) for place in places for name in DERIVED}
    assert len(keys) == 2 * len(places) * len(DERIVED)
    assert KEY not in keys
    assert all(0 < int.from_bytes(key, "big") < SECP256K1_N for key in keys)
    # where a session's name ends and the account's begins is told by its length
    assert derive(KEY, 1, "a", "bob") != derive(KEY, 1, "ab", "ob")


def test_a_description_holds_no_key_and_its_accounts_find_theirs(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    payer = Payer.read(Whereabouts(file), lambda _: "open sesame")
    accounts = payer.accounts(5, "mine")
    told = {
        "accounts": [{"name": each.name, "address": each.address} for each in accounts.values()],
        "keys": payer.described(5, "mine"),
    }
    text = json.dumps(told)
    assert "sesame" not in text
    assert not any(key.hex() in text for key in (KEY, *(each.key for each in accounts.values())))
    found = described_accounts(json.loads(text))
    assert found == accounts, "by their addresses, for which no password is needed"
    with pytest.raises(BadInput, match="is missing: set L2KIT_PASSWORD"):
        _ = found["alice"].key
    monkeypatch.setenv("L2KIT_PASSWORD", "open sesame")
    assert [each.key for each in found.values()] == [each.key for each in accounts.values()]


def test_another_key_than_the_session_s_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2KIT_KEY", HEX)
    payer = Payer.read(Whereabouts())
    alice = payer.accounts(5, "mine")["alice"]
    told = {"accounts": [{"name": "alice", "address": alice.address}], "keys": payer.described(5, "mine")}
    monkeypatch.setenv("L2KIT_KEY", KEY[::-1].hex())
    with pytest.raises(BadInput, match=f"and this session's accounts come from {payer.account.address}"):
        _ = described_accounts(told)["alice"].key
    monkeypatch.setenv("L2KIT_KEY", HEX)
    with pytest.raises(BadInput, match=f"alice has the address {alice.address}, which does not come from"):
        _ = described_accounts({**told, "keys": payer.described(6, "mine")})["alice"].key


def test_keys_are_in_no_text_about_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2KIT_KEY", HEX)
    payer = Payer.read(Whereabouts())
    account = payer.accounts(5, "mine")["alice"]
    for thing in (payer, account, Account("eve", KEY), payer.accounts(5, "mine")):
        assert HEX not in repr(thing) and account.key.hex() not in repr(thing) and repr(KEY) not in repr(thing)


@pytest.mark.parametrize("argument", [HEX, f"0x{HEX}", HEX.upper(), f"--key={HEX}", f"--key-file=0x{HEX}"])
def test_a_key_on_the_command_line_is_refused_and_not_shown(argument: str) -> None:
    with pytest.raises(BadInput, match="what looks like a private key is on the command line") as caught:
        refuse_keys(["--l1-rpc", "http://127.0.0.1", argument])
    assert HEX not in str(caught.value).lower()
    refuse_keys(["--l1-rpc", f"https://rpc.example.org/{HEX}", "--key-file", "key.json"])
    with pytest.raises(BadInput, match="64 digits of hex are neither") as named:
        parse_address(f"0x{HEX}")
    assert HEX not in str(named.value)


def test_no_child_process_inherits_key_or_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2KIT_KEY", HEX)
    monkeypatch.setenv("L2KIT_PASSWORD", "open sesame")
    with RunFolder() as folder:
        plain = folder.start("plain", ["env"])
        own = folder.start("own", ["env"], env={"L2KIT_KEY": "77"})
        for child in (plain, own):
            child.ending()
        assert "L2KIT" not in plain.log.read_text()
        assert "L2KIT_KEY=77" in own.log.read_text() and "sesame" not in own.log.read_text()
    forget_secrets()
    assert "L2KIT_KEY" not in os.environ and "L2KIT_PASSWORD" not in os.environ
