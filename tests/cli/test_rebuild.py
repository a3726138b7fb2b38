"""``l2kit rebuild`` as its users type it: everything on L2's disks is deleted, and comes back from L1."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from toolkit import Devnet
from toolkit.bridge.client import deposit_eth
from toolkit.description import describe
from toolkit.rollup.rebuild import delete_databases

ETHER = 10**18


def l2kit(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "toolkit", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def rebuilt(*words: str) -> dict[str, Any]:
    done = l2kit("rebuild", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.node
def test_all_is_lost_and_comes_back() -> None:
    found = rebuilt()
    assert {Path(name).name for name in found["deleted"]["files"]} >= {"l1.sqlite", "journal.sqlite"}
    assert found["deleted"]["bytes"] > 0
    restored = found["restored"]
    assert restored["records"] >= 121  # payments, and the registrations of who had no account
    assert (restored["records_without_effect"], restored["messages"], restored["withdrawals"]) == (0, 2, 1)
    assert 0 < restored["confirmed_batch"] < restored["batches"]
    facts = " ".join(found["facts"])
    for part in ("that L1 has confirmed", "that is asserted", "that the verifier had", "balances to the last wei"):
        assert part in facts


@pytest.mark.node
def test_a_devnet_is_restored_while_it_runs_and_after_its_services_died(tmp_path: Path) -> None:
    file = tmp_path / "devnet.json"
    with Devnet() as devnet:
        alice, bob = devnet.accounts["alice"], devnet.accounts["bob"]
        deposit_eth(devnet.l1, devnet.contracts["Bridge"], alice, ETHER)
        devnet.access.sequencer.wait_for_balance(alice.address_bytes, ETHER)
        paid = devnet.access.sequencer.transfer(alice, bob.address_bytes, ETHER // 4)
        batch = devnet.access.sequencer.wait_for_post(paid.hash).batch
        assert batch is not None
        devnet.access.wait_asserted(batch)
        file.write_text(json.dumps(describe(devnet)))
        known = devnet.access.verified()

        found = rebuilt("--devnet", str(file))
        assert (found["running"], found["deleted"]["files"]) == (["proposer", "provider", "sequencer", "verifier"], [])
        assert found["restored"]["machine_hash"] == known["machineHash"]

        devnet.kill_services()
        found = rebuilt("--devnet", str(file))
        assert found["running"] == []
        assert {name.split("/")[0] for name in found["deleted"]["files"]} == {
            "proposer",
            "provider",
            "sequencer",
            "verifier",
        }
        assert not list(devnet.folder.path.glob("*/*.sqlite*"))
        assert found["restored"]["machine_hash"] == known["machineHash"]
        assert found["facts"][-1] == f"the state after batch {batch} is the one that is asserted"

        devnet.start_services()
        assert devnet.access.verified()["machineHash"] == known["machineHash"]
        assert devnet.access.sequencer.account(bob.address_bytes).balance == ETHER // 4


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (None, "cannot read"),
        ("not JSON", "does not describe a devnet"),
        ('{"l1": {}, "contracts": {"Inbox": "0x00"}}', "does not describe a devnet"),
    ],
)
def test_a_file_that_is_no_devnet_s_is_refused(tmp_path: Path, text: str | None, sentence: str) -> None:
    file = tmp_path / "devnet.json"
    if text is not None:
        file.write_text(text)
    done = l2kit("rebuild", "--devnet", str(file))
    assert (done.returncode, done.stdout) == (1, "")
    assert sentence in done.stderr
    assert str(file) in done.stderr


def test_nothing_is_deleted_where_nothing_could_come_back(tmp_path: Path) -> None:
    contracts = dict.fromkeys(("Inbox", "PaymentsMachine", "Rollup", "Bridge", "Dispute"), "0x" + "11" * 20)
    devnet = {"l1": {"rpc": "http://127.0.0.1:1", "chain_id": 31337}, "contracts": contracts, "folder": str(tmp_path)}
    file, journal = tmp_path / "devnet.json", tmp_path / "sequencer" / "journal.sqlite"
    file.write_text(json.dumps(devnet))
    journal.parent.mkdir()
    journal.write_bytes(b"promises")
    done = l2kit("rebuild", "--devnet", str(file))
    assert done.returncode == 1
    assert "no Ethereum node answers" in done.stderr
    assert journal.read_bytes() == b"promises"


def test_only_the_services_databases_are_deleted(tmp_path: Path) -> None:
    names = ("l1.sqlite", "l1.sqlite-wal", "l1.sqlite-shm", "journal.sqlite", "cookies.sqlite", "config.json")
    for name in names:
        (tmp_path / "sequencer").mkdir(exist_ok=True)
        (tmp_path / "sequencer" / name).write_bytes(b"")
    assert {file.name for file in delete_databases(tmp_path)} == set(names[:4])
    assert {file.name for file in (tmp_path / "sequencer").iterdir()} == set(names[4:])
