"""What a service cannot work with is one sentence and a non-zero exit."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rollup_services.rig import Rig, compiled_once
from toolkit.devnet import free_port


def run(config: Path, role: str, key: str | None) -> tuple[int, str]:
    env = {name: value for name, value in os.environ.items() if name != "L2KIT_KEY"}
    env |= compiled_once()
    if key is not None:
        env["L2KIT_KEY"] = key
    command = [sys.executable, "-m", "toolkit.rollup.service", role, "--config", str(config)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stderr.strip()


def dead_rpc(rig: Rig) -> Path:
    return rig.config("bad", l1_rpc=f"http://127.0.0.1:{free_port()}")


def other_chain(rig: Rig) -> Path:
    return rig.config("bad", chain_id=1)


def no_contract(rig: Rig) -> Path:
    return rig.config("bad", inbox="0x" + "12" * 20)


def contracts_swapped(rig: Rig) -> Path:
    return rig.config("bad", rollup=rig.contracts.bridge.address)


def logs_from_too_late(rig: Rig) -> Path:
    return rig.config("bad", deployed_block=rig.contracts.block + 3)


def unknown_entry(rig: Rig) -> Path:
    return rig.config("bad", prot=8600)


def bad_address(rig: Rig) -> Path:
    return rig.config("bad", bridge="0x1234")


def not_json(rig: Rig) -> Path:
    path = rig.config("bad")
    path.write_text("{")
    return path


def no_file(rig: Rig) -> Path:
    return rig.folder.path / "nothing.json"


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (dead_rpc, "no Ethereum node answers"),
        (other_chain, "is on chain 31337, not on chain 1"),
        (no_contract, "there is no contract at the inbox's address 0x1212"),
        (contracts_swapped, "is not the rollup: it has no"),
        (logs_from_too_late, "was deployed before block"),
        (unknown_entry, "'prot' that no service knows"),
        (bad_address, "bridge '0x1234' is not an address"),
        (not_json, "is not JSON"),
        (no_file, "cannot read the configuration"),
    ],
)
def test_bad_configuration_is_one_sentence(rig: Rig, make: Callable[[Rig], Path], words: str) -> None:
    code, error = run(make(rig), "sequencer", rig.accounts["sequencer"].key.hex())
    assert code == 1
    assert words in error
    assert "\n" not in error


@pytest.mark.parametrize(
    ("key", "words"),
    [(None, "L2KIT_KEY does not hold a private key"), ("xyz", "L2KIT_KEY"), ("11" * 32, "but the Inbox takes batches")],
)
def test_wrong_key_is_one_sentence(rig: Rig, key: str | None, words: str) -> None:
    code, error = run(rig.config("bad"), "sequencer", key)
    assert (code, "\n" in error) == (1, False)
    assert words in error
    assert key is None or len(key) < 64 or key not in error


def test_port_in_use_is_one_sentence(rig: Rig) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, error = run(rig.config("bad", port=port), "verifier", None)
    assert code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in error.splitlines()[-1]


def test_database_of_another_rollup_is_refused(rig: Rig) -> None:
    service = rig.start("verifier", "old")
    service.stop()
    rig.running.remove(service)
    with sqlite3.connect(service.data / "l1.sqlite") as db:
        db.execute("UPDATE meta SET value = 'another' WHERE key = 'rollup'")
    db.close()
    code, error = run(rig.folder.path / "old.json", "verifier", None)
    assert code == 1
    assert "belongs to another rollup" in error.splitlines()[-1]


def test_a_service_ends_cleanly_when_asked(rig: Rig) -> None:
    service = rig.start("verifier")
    service.stop()
    rig.running.remove(service)
    assert service.log().rstrip().endswith("the verifier ends")
    assert "Traceback" not in service.log()
    assert not (service.data / "ready.json").exists()
