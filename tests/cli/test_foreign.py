"""``l2kit up`` on a network of others, with a key of one's own: it works, it is told, and the money comes back."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from devnet.foreign import CHAIN_ID, ETHER, KEY, PASSWORD, Foreign, foreign, plain
from devnet.gateway import Reply, gateway

from toolkit import session
from toolkit.cli.main import cli
from toolkit.devnet import RunFolder
from toolkit.devnet.rpc import Rpc
from toolkit.errors import BadInput

pytestmark = pytest.mark.node

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def network() -> Iterator[Foreign]:
    with RunFolder() as folder, foreign(folder) as running:
        yield running


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("L2KIT_KEY", "L2KIT_PASSWORD"):
        monkeypatch.delenv(name, raising=False)


def start(*words: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "toolkit", *words],
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*words: str, **variables: str) -> tuple[int, str, str]:
    with start(*words, **variables) as process:
        try:
            out, errors = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, out, errors


def say(*words: str) -> str:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        cli.main(list(words), prog_name="l2kit", standalone_mode=False)
    return out.getvalue()


def everything_in(folder: Path) -> str:
    return "\n".join(file.read_bytes().decode(errors="replace") for file in folder.rglob("*") if file.is_file())


def test_it_works_there_and_gives_back_what_is_left(
    network: Foreign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    began, name = network.balance(network.payer.address), f"foreign-{os.getpid()}"
    with gateway(network.rpc.url, lambda _: None) as proxy:
        url, file = f"{proxy.url}/v3/{TOKEN}", tmp_path / "devnet.json"
        words = ["--l1-rpc", "env:MY_NODE", "--key-file", str(network.file), "--password-file", str(password)]
        words += ["--session", name, "--challenge-window", "1m", "--fund", "0.5", "--output", str(file), "--detach"]
        code, out, errors = run("up", *words, MY_NODE=url)
        assert code == 0, errors
        try:
            assert f"on chain {CHAIN_ID}: at " in errors and "gwei a gas" in errors
            devnet = session.attach(name)
            keys = [each.key.hex() for each in devnet.accounts()]
            assert len(set(keys)) == 14
            alice, bob = devnet.local.account("alice"), devnet.local.account("bob")
            devnet.deposit("alice", ETHER // 4)
            devnet.transfer("alice", "bob", ETHER // 8)
            assert (devnet.balance("alice"), devnet.balance("bob")) == (ETHER // 8, ETHER // 8)
            before = devnet.balance("bob", layer="l1")
            devnet.withdraw("bob", ETHER // 16, travel=True)
            assert devnet.balance("bob", layer="l1") > before + ETHER // 16 - ETHER // 1000, "it paid for the claim"
            told = say("status", "--session", name) + say("status", "--session", name, "--json")
            with pytest.raises(BadInput, match="hold real money, and are not shown"):
                say("accounts", "--session", name, "--keys")
            with pytest.raises(BadInput, match="come from one of yours, which no archive is to hold"):
                devnet.save(tmp_path / "saved")
            description = json.loads(file.read_text())
            assert all("key" not in each for each in description["accounts"])
            assert description["keys"]["payer"] == network.payer.address
            assert description["l1"]["rpc"] == url, "whoever reads the file needs it whole"
            inside = everything_in(Path(description["folder"]))
            for key in (*keys, KEY.hex(), PASSWORD):
                assert key not in inside + file.read_text() + out + errors + told
            assert TOKEN not in out + errors + told
            logs = everything_in_logs(description)
            assert TOKEN not in logs
        finally:
            code, ended, errors = run("down", "--session", name, "--json")
        assert code == 0, errors
    (one,) = json.loads(ended)
    assert one["money"]["payer"] == network.payer.address
    assert int(one["money"]["left"]) == 0
    now = network.balance(network.payer.address)
    assert int(one["money"]["owned"]) == now
    # Gone: gas, what is on L2 (3/16), and what the proposer has laid down.
    assert began - ETHER < now < began - ETHER // 8
    assert {network.balance(each.address) for each in (alice, bob)} == {0}


def everything_in_logs(description: dict[str, Any]) -> str:
    return "\n".join(Path(log).read_text() for log in description["logs"].values() if Path(log).exists())


def test_killed_in_the_middle_of_funding_loses_nothing(network: Foreign) -> None:
    """Some accounts have their money, others not, and nobody has seen to the rest."""
    began, name = network.balance(network.payer.address), f"killed-{os.getpid()}"

    def half(body: Any) -> Reply | None:
        """The node gets five of the transactions that are sent at once, and its answer is lost."""
        if isinstance(body, list) and body[0]["method"] == "eth_sendRawTransaction":
            for each in body[:5]:
                network.rpc.call("eth_sendRawTransaction", each["params"][0])
            process.kill()
            return Reply(0)
        return None

    accounts = network.owner().accounts(CHAIN_ID, name)
    with gateway(network.rpc.url, half) as proxy:
        process = start("up", "--l1-rpc", proxy.url, "--session", name, L2KIT_KEY=KEY.hex())
        process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    funded = [name for name, each in accounts.items() if network.balance(each.address)]
    assert len(funded) == 5
    assert network.balance(network.payer.address) < began - ETHER // 100
    code, out, errors = run("sweep", "--l1-rpc", network.rpc.url, "--session", name, "--json", L2KIT_KEY=KEY.hex())
    assert code == 0, errors
    assert set(json.loads(out)["moved"]) == set(funded)
    assert network.balance(network.payer.address) > began - ETHER // 1000, "fees"


def test_what_is_refused_is_told_before_anything_is_sent(
    network: Foreign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*words: str) -> str:
        with pytest.raises(BadInput) as caught:
            say("up", *words)
        assert KEY.hex() not in str(caught.value)
        return str(caught.value)

    began = network.balance(network.payer.address)
    here = ["--l1-rpc", network.rpc.url]
    assert "on the command line" in refused(*here, "--key-file", KEY.hex())
    assert "name it with --l1-rpc" in refused("--key-file", str(network.file))
    assert "are for a key of your own" in refused("--fund", "1")
    assert "owns less than 7,000 ETH" in refused(*here)
    assert "there is no environment variable 'NOWHERE' with a URL" in refused("--l1-rpc", "env:NOWHERE")
    monkeypatch.setenv("L2KIT_PASSWORD", "wrong")
    assert "the password does not open" in refused(*here, "--key-file", str(network.file))
    monkeypatch.setenv("L2KIT_PASSWORD", PASSWORD)
    assert "is not between 0 and 30 days" in refused(
        *here, "--key-file", str(network.file), "--challenge-window", "40d"
    )
    with network.on_chain(11155111):
        monkeypatch.setenv("L2KIT_KEY", KEY.hex())
        assert "say so with --public" in refused(*here)
        monkeypatch.setenv("L2KIT_KEY", KEY.hex())
        monkeypatch.setattr("sys.stdin", io.StringIO(""))
        assert "nobody is there to be asked whether that may be sent: say --yes" in refused(*here, "--public")
        monkeypatch.setenv("L2KIT_KEY", KEY.hex())
        asked: list[str] = []
        monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
        monkeypatch.setattr("click.confirm", lambda question, **_: asked.append(question))
        assert refused(*here, "--public") == "nothing was sent"
        assert asked == ["Send it?"]
    prices = itertools.count(10**9, 2 * 10**9)

    def dearer(body: Any) -> Reply | None:
        """Gas costs three times as much once somebody has said yes."""
        if isinstance(body, dict) and body["method"] == "eth_gasPrice":
            return Reply(200, {"jsonrpc": "2.0", "id": body["id"], "result": hex(next(prices))})
        return None

    with gateway(network.rpc.url, dearer) as proxy:
        monkeypatch.setenv("L2KIT_KEY", KEY.hex())
        assert re.search(r"ETH by now, at 3 gwei a gas, .* at most was agreed to", refused("--l1-rpc", proxy.url))
    monkeypatch.delenv("L2KIT_KEY", raising=False)
    with gateway(network.rpc.url, plain) as proxy:
        assert "what they get is stolen in seconds" in refused("--l1-rpc", proxy.url)
    assert network.balance(network.payer.address) == began


def test_a_session_that_runs_is_not_swept(network: Foreign, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("L2KIT_KEY", KEY.hex())
    monkeypatch.setattr("toolkit.session.money.running_sessions", lambda: [SimpleNamespace(name="mine")])
    with pytest.raises(BadInput, match="the session 'mine' runs; 'l2kit down --session mine' ends it, and sweeps"):
        say("sweep", "--l1-rpc", network.rpc.url, "--session", "mine")
    assert Rpc(network.rpc.url).answers()
