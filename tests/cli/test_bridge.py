"""``l2kit deposit``, ``withdraw``, ``status`` and ``claim`` as their users type them, on a devnet with its services.

The devnet is shared with other tests: what alice and bob withdraw they would claim.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest
from desk import ETHER, L2KIT, Desk
from waiting import eventually

from toolkit import Devnet
from toolkit.bridge.passage import Passage
from toolkit.bridge.standing import Stage, Subject
from toolkit.cli.main import cli
from toolkit.errors import BadInput, ServiceError
from toolkit.rollup.client import RollupClient


@pytest.fixture(scope="module")
def desk(devnet: Devnet, tmp_path_factory: pytest.TempPathFactory) -> Desk:
    return Desk(devnet, tmp_path_factory.mktemp("desk") / "devnet.json")


def test_a_deposit_of_ether_arrives_and_is_told_of(desk: Desk) -> None:
    before = desk.l2("carol")
    done = desk.run("deposit", "2.5", "--from", "carol", "--wait")
    assert done.code == 0, done
    first, *rest = done.out.splitlines()
    told = re.fullmatch(r"carol deposited 2\.5 ETH, ([\d,]+) gas \((0x[0-9a-f]{64})\)", first)
    assert told is not None, first
    assert 30_000 < int(told[1].replace(",", "")) < 80_000
    assert rest[-1].startswith("credited:") and rest[-1].endswith("credits it to carol on L2")
    assert desk.l2("carol") == before + 5 * ETHER // 2
    status = desk.run("status", told[2])
    assert status.out.splitlines()[0] == "deposit: 2.5 ETH to carol"
    assert desk.ask("status", told[2])["amount"] == str(5 * ETHER // 2)


def test_tokens_go_to_somebody_else_by_a_permit_or_an_approval(desk: Desk) -> None:
    before = desk.l2("erin", desk.token)
    found = desk.ask("deposit", "3", "--from", "dave", "--to", "erin", "--token", "DEV", "--permit", "--wait")
    assert (found["kind"], found["stage"], found["owner"]) == (
        "deposit",
        "credited",
        desk.devnet.accounts["erin"].address,
    )
    assert [each["did"] for each in found["transactions"]] == ["dave deposited 3 DEV for erin"]
    address = desk.devnet.accounts["erin"].address
    token, dave = desk.devnet.contracts["Token"].functions, desk.devnet.accounts["dave"]
    desk.devnet.l1.send(dave, token.approve(desk.devnet.contracts["Bridge"].address, 5))
    found = desk.ask(
        "deposit", "4", "--from", "dave", "--to", address, "--token", desk.devnet.contracts["Token"].address
    )
    assert [each["did"] for each in found["transactions"]] == [
        "dave took back what it had let the bridge take",
        "dave let the bridge take 4 DEV",
        "dave deposited 4 DEV for erin",
    ]
    assert eventually(lambda: desk.l2("erin", desk.token) == before + 7 * ETHER)


def test_a_withdrawal_is_waited_for_and_claimed(desk: Desk) -> None:
    desk.ask("deposit", "1", "--from", "frank", "--wait")
    l2 = desk.l2("frank")
    done = desk.run("withdraw", "0.25", "--from", "frank", "--travel")
    assert done.code == 0, done
    lines = done.out.splitlines()
    stages = [line.split(":")[0] for line in lines if re.match(r"[a-z ]+: ", line)]
    assert stages == sorted(stages, key=["posted", "asserted", "due", "claimable"].index)
    assert {"posted", "claimable"} <= set(stages)
    assert "the sequencer has it on disk" in lines[0]
    claimed = re.fullmatch(
        r"frank claimed withdrawal (\d+): 0\.25 ETH to frank, [\d,]+ gas \(0x[0-9a-f]{64}\)", lines[-1]
    )
    assert claimed is not None, lines
    assert desk.l2("frank") == l2 - ETHER // 4
    found = desk.ask("status", claimed[1])
    assert (found["stage"], found["over"], found["then"]) == ("claimed", True, None)
    assert "cannot be claimed: it is claimed: frank was paid 0.25 ETH" in desk.refused("claim", claimed[1])


def test_anybody_claims_for_the_owner_what_the_owner_did_not_wait_for(desk: Desk) -> None:
    desk.ask("deposit", "1", "--from", "grace", "--wait")
    found = desk.ask("withdraw", "all", "--from", "grace")
    name = found["operation"]
    assert (found["kind"], found["claimable_from"]) == ("withdrawal", None)
    assert eventually(lambda: desk.ask("status", name)["withdrawal"] is not None)
    assert "cannot be claimed: it is" in desk.refused("claim", name)
    before = desk.l1("grace")
    claimed = desk.ask("claim", name, "--from", "bob", "--travel")
    assert claimed["stage"] == "claimed"
    assert [each["did"].split()[0] for each in claimed["transactions"]] == ["bob"]
    assert desk.l1("grace") == before + int(claimed["amount"]) and int(claimed["amount"]) >= ETHER
    assert desk.l2("grace") == 0


def test_a_provider_pays_early_and_says_what_it_costs(desk: Desk) -> None:
    desk.ask("deposit", "2", "--from", "heidi", "--wait")
    before = desk.l1("heidi")
    found = desk.ask("withdraw", "1", "--from", "heidi", "--fast", "--max-fee", "0.1")
    assert found["stage"] == "paid early"
    paid = desk.l1("heidi") - before
    assert 9 * ETHER // 10 < paid < ETHER
    done = desk.run("withdraw", "0.5", "--from", "heidi", "--fast", "--max-fee", "0.0000001")
    assert done.code == 1
    told = re.search(
        r"the fee would be [\d.]+ ETH, more than 0\.0000001 ETH; withdrawal (\d+) goes on without it", done.error
    )
    assert told is not None, done.error
    assert "is heidi's, who alone can have it paid early" in desk.refused("claim", told[1], "--fast", "--from", "bob")
    done = desk.run("claim", told[1], "--fast")
    assert re.search(
        r"provider offers [\d.]+ ETH now, a fee of [\d.]+ ETH \(\d\.\d\d %\) less; without it heidi waits", done.out
    )
    assert "is paid early already" in desk.refused("claim", told[1], "--fast")


def test_a_withdrawal_goes_through_l1_past_the_sequencer(desk: Desk) -> None:
    desk.ask("deposit", "1", "--from", "dave", "--wait")
    before = desk.l2("dave")
    names = []
    for amount in ("0.125", "0.25"):  # the second is signed for after the first
        found = desk.ask("withdraw", amount, "--from", "dave", "--forced")
        assert (found["stage"], found["operation"]) == ("sent", None)
        names.append(found["transactions"][0]["transaction"])
    assert eventually(lambda: all(desk.ask("status", name)["withdrawal"] is not None for name in names))
    assert eventually(lambda: desk.l2("dave") == before - 3 * ETHER // 8)


def test_a_payment_that_is_not_taken_waits_as_a_credit(desk: Desk) -> None:
    erin, rpc = desk.devnet.accounts["erin"], desk.devnet.l1.rpc
    desk.ask("deposit", "0.5", "--from", "erin", "--wait")
    name = desk.ask("withdraw", "0.5", "--from", "erin")["operation"]
    rpc.call("anvil_setCode", erin.address, "0x5f5ffd")  # reverts
    claimed = desk.run("claim", name, "--from", "bob", "--travel")
    rpc.call("anvil_setCode", erin.address, "0x")
    assert claimed.code == 0, claimed
    assert claimed.out.splitlines()[-1] == (
        "erin has not taken a payment, so the bridge owes it 0.5 ETH: 'l2kit claim --credit --from erin'"
    )
    before = desk.l1("dave")
    done = desk.run("claim", "--credit", "--from", "erin", "--to", "dave")
    assert "erin had the 0.5 ETH that the bridge owed it paid to dave" in done.out
    assert desk.l1("dave") == before + ETHER // 2
    assert "the bridge owes erin no ETH" in desk.refused("claim", "--credit", "--from", "erin")


def test_ctrl_c_says_how_to_go_on(desk: Desk) -> None:
    desk.ask("deposit", "1", "--from", "heidi", "--wait")
    line = [*L2KIT, "withdraw", "0.125", "--from", "heidi", "--wait", "--devnet", str(desk.file)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = ""
    while "asserted:" not in told:
        told = process.stdout.readline()
        assert told, process.communicate()[1]
    assert "6 d 23 h left" in told or "7 d left" in told
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert re.search(
        r"l2kit: interrupted; the withdrawal goes on by itself: 'l2kit status 0x[0-9a-f]{64}' says where it is", errors
    )


def test_what_came_to_nothing_is_told_with_its_reason_and_a_failure(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = Subject("deposit", "0x1").at(Stage.REFUSED, ["batch 2 holds it, but it is without effect"], failed=True)
    monkeypatch.setattr(Passage, "follow", lambda *_: refused)
    assert desk.run("deposit", "0.001", "--from", "carol", "--wait").code == 1
    dropped = Subject("withdrawal", "0x1").at(Stage.DROPPED, ["the sequencer has dropped it: L1 changed"], failed=True)
    monkeypatch.setattr(Passage, "of_operation", lambda *_: dropped)
    done = desk.run("withdraw", "0.001", "--from", "carol")
    assert done.code == 1
    assert done.out.splitlines()[1] == "the sequencer has dropped it: L1 changed"


def test_an_operation_whose_answer_is_lost_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def send(*_: object) -> NoReturn:
        raise ServiceError("the sequencer does not answer")

    monkeypatch.setattr(RollupClient, "send", send)
    error = desk.refused("withdraw", "0.001", "--from", "carol")
    assert re.search(r"the sequencer may have taken the operation (0x[0-9a-f]{64}), and 'l2kit status \1'", error), (
        error
    )


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["deposit", "1", "--from", "nobody"], "there is no account 'nobody'; there are deployer, sequencer"),
        (["deposit", "0", "--from", "alice"], "the amount 0 is not above zero"),
        (["deposit", "1e-19", "--from", "alice"], "finer than ETH is counted (18 decimals)"),
        (["deposit", "99999", "--from", "alice"], "which is less than 99,999 ETH"),
        (["deposit", "1e21", "--from", "alice"], "more than an account can hold"),
        (["deposit", "1", "--from", "alice", "--to", "bobby"], "'bobby' is neither an address nor the name"),
        (["deposit", "1", "--from", "alice", "--to", "0x" + "0" * 40], "nobody could sign on L2 for 0x000"),
        (["deposit", "1", "--from", "alice", "--token", "USD"], "there is no token 'USD'; there are ETH, DEV"),
        (["deposit", "1", "--from", "alice", "--token", "0x" + "11" * 20], "does not say what it is counted in"),
        (["deposit", "1", "--from", "alice", "--permit"], "ETH needs no permit"),
        (["withdraw", "1.23456789", "--from", "alice"], "the next below is 1.23456 ETH (and 'all' takes"),
        (["withdraw", "999", "--from", "alice"], "which is less than 999 ETH"),
        (["withdraw", "all", "--from", "deployer"], "deployer holds 0 ETH on L2"),
        (["withdraw", "all", "--from", "deployer", "--forced"], "deployer holds no ETH on L2, as far as L1 knows"),
        (["withdraw", "1", "--from", "alice", "--max-fee", "1"], "--max-fee is for --fast"),
        (["status", "0x12"], "neither a hash (0x and 64 hex digits) nor the number of a withdrawal"),
        (["status", "0x" + "ab" * 32], "L1 knows no deposit or withdrawal 0xabab"),
        (["status", "99999"], "there is no withdrawal 99999 on L1"),
        (["claim"], "name a withdrawal to claim"),
        (["claim", "0", "--credit", "--from", "alice"], "a credit is claimed with --credit --from NAME, and no ID"),
        (["claim", "--credit", "--from", "alice"], "the bridge owes alice no ETH"),
    ],
)
def test_wrong_input_gets_one_sentence(desk: Desk, words: list[str], why: str) -> None:
    assert why in desk.refused(*words)


def test_a_devnet_that_is_none_is_told(tmp_path: Path) -> None:
    file = tmp_path / "devnet.json"
    for text, why in (
        (None, "cannot read"),
        ("{}", "does not describe a devnet as l2kit up does"),
        ("[]", "does not describe a devnet as l2kit up does"),
    ):
        if text is not None:
            file.write_text(text)
        with pytest.raises(BadInput, match=why):
            cli.main(["status", "0", "--devnet", str(file)], standalone_mode=False)


def test_without_a_file_the_devnet_that_runs_is_found_or_missed(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    line = [*L2KIT, "status", "0"]
    done = subprocess.run(line, capture_output=True, text=True, check=False, env=environment)
    assert done.stderr == (
        "l2kit: no devnet runs here; start one with 'l2kit up', or name its JSON file with --devnet\n"
    )
