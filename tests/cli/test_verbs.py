"""``accounts``, ``balance``, ``transfer``, ``travel`` and ``dispute`` as their users type them.

The devnet is shared with other tests, and nothing is undone.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest
from desk import ETHER, L2KIT, Desk
from waiting import eventually

from toolkit import Devnet
from toolkit.cli.main import cli
from toolkit.devnet import free_port, running
from toolkit.errors import BadInput, ServiceError
from toolkit.rollup.client import Receipt, RollupClient


@pytest.fixture(scope="module")
def desk(devnet: Devnet, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    desk = Desk(devnet, tmp_path_factory.mktemp("verbs") / "devnet.json")
    desk.ask("deposit", "2", "--from", "carol", "--wait")
    return desk


def test_the_accounts_are_listed_and_their_keys_only_where_they_are_asked_for(desk: Desk) -> None:
    done = desk.run("accounts")
    assert done.code == 0, done
    title, *rows = done.out.splitlines()
    assert re.split(r"\s{2,}", title.strip()) == ["ETH on L1", "ETH on L2", "DEV on L1", "DEV on L2", "address"]
    assert [row.split()[0] for row in rows] == list(desk.devnet.accounts)
    carol = desk.devnet.accounts["carol"]
    found = {each["name"]: each for each in desk.ask("accounts")["accounts"]}
    assert found["carol"]["address"] == carol.address
    assert found["carol"]["l1"]["ETH"] == str(desk.l1("carol"))
    assert found["carol"]["l2"]["DEV"] == str(desk.l2("carol", desk.token))
    assert carol.key.hex() not in done.out + json.dumps(found)
    assert carol.key.hex() in desk.run("accounts", "--keys").out
    assert desk.ask("accounts", "--keys")["accounts"][0]["key"].startswith("0x")


def test_a_balance_is_told_of_both_layers_exactly(desk: Desk) -> None:
    (carol,) = desk.ask("balance", "carol")["balances"]
    address = desk.devnet.accounts["carol"].address
    assert carol == {
        "name": "carol",
        "address": address,
        "token": "ETH",
        "token_address": "0x" + "0" * 40,
        "l1": str(desk.l1("carol")),
        "l2": str(desk.l2("carol")),
    }
    assert desk.ask("balance", address)["balances"] == [carol]
    title, row = desk.run("balance", "dave", "--token", "dev").out.splitlines()
    assert re.split(r"\s{2,}", title.strip()) == ["DEV on L1", "DEV on L2"]
    assert row.split()[0] == "dave"
    assert len(desk.ask("balance")["balances"]) == len(desk.devnet.accounts)
    assert [each["name"] for each in desk.ask("balance", "0x" + "22" * 20, "erin")["balances"]] == [None, "erin"]


def test_a_transfer_is_confirmed_at_once_and_waited_for_until_it_is_posted(desk: Desk) -> None:
    carol, dave = desk.l2("carol"), desk.l2("dave")
    done = desk.run("transfer", "0.5", "--from", "carol", "--to", "dave", "--wait")
    assert done.code == 0, done
    first, second = done.out.splitlines()
    told = re.fullmatch(r"carol paid dave 0\.5 ETH on L2 \((0x[0-9a-f]{64})\)", first)
    assert told is not None, first
    assert re.fullmatch(r"batch \d+ has brought it to L1", second)
    assert (desk.l2("carol"), desk.l2("dave")) == (carol - ETHER // 2, dave + ETHER // 2)
    assert desk.ask("status", told[1])["kind"] == "transfer"
    found = desk.ask("transfer", "0.25", "--from", "carol", "--to", desk.devnet.accounts["dave"].address)
    assert (found["token"], found["amount"]) == ("ETH", str(ETHER // 4))
    assert (found["from"], found["to"]) == tuple(desk.devnet.accounts[name].address for name in ("carol", "dave"))
    assert found["status"] == "confirmed" and found["batch"] > 0
    assert eventually(lambda: desk.ask("balance", "dave", "--posted")["balances"][0]["l2"] == str(desk.l2("dave")))


def test_tokens_and_a_whole_balance_are_transferred(desk: Desk) -> None:
    desk.ask("deposit", "3", "--from", "frank", "--token", "DEV", "--permit", "--wait")
    done = desk.run("transfer", "1.5", "--from", "frank", "--to", "grace", "--token", "DEV")
    assert "frank paid grace 1.5 DEV on L2" in done.out
    left, before = desk.l2("frank", desk.token), desk.l2("erin", desk.token)
    assert desk.ask("transfer", "all", "--from", "frank", "--to", "erin", "--token", "DEV")["amount"] == "all"
    assert (desk.l2("frank", desk.token), desk.l2("erin", desk.token)) == (0, before + left)


def test_a_transfer_whose_answer_is_lost_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def send(*_: object) -> NoReturn:
        raise ServiceError("the sequencer does not answer")

    monkeypatch.setattr(RollupClient, "send", send)
    error = desk.refused("transfer", "0.001", "--from", "carol", "--to", "dave")
    assert re.search(r"the sequencer may have taken the transfer (0x[0-9a-f]{64}), and 'l2kit status \1'", error), error


def test_a_transfer_that_is_dropped_is_a_failure(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RollupClient, "wait_for_post", lambda _, name, **__: Receipt(name, "dropped", None))
    done = desk.run("transfer", "0.001", "--from", "carol", "--to", "dave", "--wait")
    assert (done.code, done.out.splitlines()[1]) == (1, "the sequencer has dropped it: L1 has reorganised")


def test_the_clock_is_moved(desk: Desk) -> None:
    before = desk.devnet.l1.now()
    done = desk.run("travel", "1h30m")
    told = re.fullmatch(r"1 h 30 min on: it is \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC on L1 \((\d+)\)\n", done.out)
    assert told is not None, done
    assert before + 5400 <= int(told[1]) <= desk.devnet.l1.now()
    found = desk.ask("travel", "60")
    assert (found["moved"], found["warnings"]) == (60, []) and found["now"] >= int(told[1]) + 60


def test_a_service_that_does_not_answer_is_told_of(desk: Desk, tmp_path: Path) -> None:
    described = json.loads(desk.file.read_text())
    described["services"] = {"verifier": f"http://127.0.0.1:{free_port()}"}
    alone = Desk(desk.devnet, tmp_path / "devnet.json")
    alone.file.write_text(json.dumps(described))
    found = alone.ask("travel", "1s")
    assert [each for each in found["warnings"] if re.search("the verifier at .* does not answer", each)]
    assert "this devnet has no sequencer" in alone.refused("balance", "carol")
    assert alone.run("balance", "carol", "--posted").code == 0


def test_what_is_asserted_is_listed_and_named_by_its_beginning(desk: Desk) -> None:
    assert eventually(lambda: len(desk.ask("dispute")["assertions"]) > 0)
    first = desk.ask("dispute")["assertions"][0]
    title, _, row, *_ = desk.run("dispute").out.splitlines()
    assert title == "Assertions"
    assert row.split()[:3] == [first["id"][:10], str(first["batch"]), "proposer"]
    assert desk.ask("dispute", first["id"][:10])["assertions"][0]["id"] == first["id"]
    assert desk.run("dispute", first["id"]).out.splitlines()[2] == row


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["balance", "nobody"], "'nobody' is neither an address nor the name of a devnet account"),
        (["balance", "--token", "USD"], "there is no token 'USD'; there are ETH, DEV"),
        (["balance", "--token", "0x" + "11" * 20], "does not say what it is counted in"),
        (["transfer", "1", "--from", "nobody", "--to", "dave"], "there is no account 'nobody'; there are deployer"),
        (["transfer", "1", "--from", "carol", "--to", "nobody"], "'nobody' is neither an address nor the name"),
        (["transfer", "0", "--from", "carol", "--to", "dave"], "the amount 0 is not above zero"),
        (["transfer", "9999", "--from", "carol", "--to", "dave"], "which is less than 9,999 ETH"),
        (["transfer", "1.23456789", "--from", "carol", "--to", "dave"], "more digits than one transfer carries: the "),
        (["transfer", "all", "--from", "deployer", "--to", "dave"], "deployer holds 0 ETH on L2"),
        (["travel", "0"], "the time 0 is not above zero"),
        (["travel", "soon"], "'soon' is no span of time"),
        (["travel", "999999999d"], "later than the contracts can write down"),
        (["dispute", "zz"], "'zz' is no id of a game or an assertion"),
        (["dispute", "0x" + "ab" * 32], "L1 shows no game 0xabab"),
    ],
)
def test_wrong_input_gets_one_sentence(desk: Desk, words: list[str], why: str) -> None:
    assert why in desk.refused(*words)


def test_where_no_devnet_runs_that_is_said(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run([*L2KIT, "balance"], capture_output=True, text=True, check=False, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "l2kit: no devnet runs here; start one with 'l2kit up', or name its JSON file with --devnet\n"


def test_where_several_devnets_run_they_are_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "running_devnets", lambda: [desk.file, desk.file])
    with pytest.raises(BadInput, match="2 devnets run here; say which with --devnet"):
        cli.main(["accounts"], standalone_mode=False)
