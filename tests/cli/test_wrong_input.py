"""Wrong input is one sentence on stderr and a non-zero exit, before anything is started."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import pytest
from typed import Result, typed

from toolkit.devnet import Node, free_port


def l2kit(*words: str, cwd: Path | None = None) -> Result:
    # Under a name of its own: a session that somebody has would be what they are told of.
    named = ["--session", f"wrong-{uuid4().hex}"] if words[:1] == ("up",) else []
    return typed(*words, *named, cwd=cwd)


def refused(result: Result) -> str:
    """The one sentence of a refusal."""
    assert result.returncode != 0
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("l2kit: ")
    return lines[0]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["dmo"], "there is no command 'dmo'; did you mean 'demo'?"),
        (["frobnicate"], "there is no command 'frobnicate'; there are up, "),
        (["--frobnicate"], "No such option: --frobnicate; see 'l2kit --help'"),
        (["demo", "withdrwa"], "for '[deposit|withdraw|channel|fraud|all]': 'withdrwa' is not one of"),
        (["demo", "--payments"], "Option '--payments' requires an argument; see 'l2kit demo --help'"),
        (["bench", "rollup", "--clients"], "Option '--clients' requires an argument; see 'l2kit bench rollup --help'"),
        (["demo", "--count", "0"], "0 is not in the range"),
        (["demo", "--count", "ten"], "'ten' is not a valid integer; see"),
        (["up", "--node", "geth"], "'geth' is not one of"),
        (["up", "--hardfork", "amsterdam"], "anvil runs prague, osaka, not 'amsterdam'; hardhat does"),
        (["demo", "--hardfork", "london"], "'london' is not one of"),
        (["up", "--port", "99999999"], "port 99999999 is not between 1 and 65535"),
        (["up", "--l2-port", "0"], "port 0 is not between 1 and 65535"),
        (["up", "--port", "9999", "--l2-port", "9999"], "L1 and the sequencer cannot both have port 9999"),
        (["up", "--l1-rpc", "http://127.0.0.1:1", "--port", "9999"], "neither another node nor a port can be chosen"),
        (["up", "--l1-rpc", "http://127.0.0.1:1", "--node", "hardhat"], "neither another node nor a port can be"),
        (["up", "--chain-id", "99999999999999999999"], "99999999999999999999 is not in the range"),
        (["up", "--l1-rpc", "localhost:8545"], "'localhost:8545' is not an http:// or https:// URL"),
        (["up", "--output", "nowhere/devnet.json"], "cannot write nowhere/devnet.json: its folder does not exist"),
        (["up", "--output", "/"], "cannot write /: it is a folder"),
        (["gas", "--json", "--markdown"], "--json and --markdown cannot both"),
        (["gas", "--n", "1,x"], "'1,x' is not a list of numbers such as 1,10,100"),
        (["gas", "--n", "0"], "'0' has a number that is not from 1 to 100,000"),
        (["gas", "--technique", "plasma"], "there is no technique 'plasma'; there are l1-eth"),
        (["gas", "--hardfork", "osaka,osaka"], "the hardfork osaka is named 2 times"),
        (["gas", "--hardfork", "amsterdam"], "name one of prague, osaka beside it"),
        (["gas", "--html", "nowhere/page.html"], "cannot write nowhere/page.html"),
        (["gas", "--gas-price", "cheap"], "'cheap' is not a number"),
        (["gas", "--check", "nowhere.json"], "cannot read nowhere.json"),
        (["gas", "--parties", "1"], "a seeded workload has 2 to 64 parties, not 1"),
        (["gas", "--gas-price", "0", "--html", "page.html"], "at a gas price of 0 there is nothing to chart"),
        (["gas", "--seed", "2", "claims"], "gas claims measures nothing: its own options come after its name"),
        (["demo", "--payments", "nowhere.csv"], "cannot read nowhere.csv: No such file"),
    ],
)
def test_wrong_words_are_told(words: list[str], sentence: str) -> None:
    assert sentence in refused(l2kit(*words))


def test_wrong_words_are_told_by_the_command_itself() -> None:
    command = [sys.executable, "-m", "toolkit", "frobnicate"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "there is no command 'frobnicate'" in refused(ran)
    assert ran.returncode == 2


def test_wrong_row_is_told_by_line(tmp_path: Path) -> None:
    (tmp_path / "payments.csv").write_text("from,to,amount\nalice,bob,1\nalice,0x12,1\n")
    sentence = refused(l2kit("demo", "--payments", "payments.csv", cwd=tmp_path))
    assert "payments.csv line 3: '0x12' is neither an address nor the name of a devnet account" in sentence


def test_port_in_use_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} cannot be used (Address already in use)" in refused(l2kit("up", "--port", str(port)))


def test_full_disk_is_told() -> None:
    command = [sys.executable, "-m", "toolkit", "--help"]
    with Path("/dev/full").open("w") as full:
        result = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (1, "l2kit: No space left on device\n")


def test_reader_that_has_gone_is_told_nothing() -> None:
    command = [sys.executable, "-m", "toolkit", "--help"]
    reader, writer = os.pipe()
    os.close(reader)
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (result.returncode, result.stderr) == (1, "")


@pytest.mark.node
def test_closed_standard_streams_are_no_error() -> None:
    script = f'"{sys.executable}" -m toolkit demo deposit <&- >&- 2>&-'
    assert subprocess.run(["sh", "-c", script], timeout=120, check=False).returncode == 0


def test_dead_rpc_is_told() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert f"no Ethereum node answers at {url}" in refused(l2kit("demo", "--l1-rpc", url))


def test_wrong_chain_id_is_told(node: Node) -> None:
    sentence = refused(l2kit("up", "--l1-rpc", node.url, "--chain-id", "5"))
    assert f"the node at {node.url} is on chain 31337, not on chain 5" in sentence


@pytest.mark.parametrize("text", ["[1, 2]", "{}", '{"logs": 1}', '{"logs": {"a": 1}}', "hello", ""])
def test_file_of_somebody_else_is_not_overwritten(tmp_path: Path, text: str) -> None:
    (tmp_path / "mine.json").write_text(text)
    sentence = refused(l2kit("up", "--output", "mine.json", cwd=tmp_path))
    assert "mine.json exists and is not from l2kit" in sentence
    assert (tmp_path / "mine.json").read_text() == text
