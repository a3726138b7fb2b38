"""What Anvil and Hardhat can, as docs/nodes.md says it; and ape on a session that runs on Hardhat."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from desk import ETHER, Desk

from toolkit import Devnet
from toolkit.cli.main import COMMANDS, cli
from toolkit.devnet import Chain, RunFolder, dev_accounts, start_hardhat
from toolkit.devnet.running import DESCRIPTION, claim
from toolkit.errors import BadInput, NodeError
from toolkit.rollup.measure.step_cost import step_cost
from toolkit.session.keeper import Keeper
from toolkit.toolchain.folders import lock
from toolkit.world import Options

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "nodes.md").read_text()
NODES = ("anvil", "hardhat")
REFUSED = re.findall(r"^\| `l2kit (.+?)` \| \.\.\. (.+?) \|$", PAGE, re.MULTILINE)
TABLE = re.findall(r"^\| `l2kit (.+?)` \| (.+?) \| (.+?) \|$", PAGE, re.MULTILINE)
CELLS = [(words, node, said) for words, *cells in TABLE for node, said in zip(NODES, cells, strict=True)]
VERBS = [
    line.removeprefix("l2kit ")
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    for line in block.splitlines()
]


class StartedError(Exception):
    """Something was about to be started."""


@pytest.mark.parametrize(("words", "node", "said"), CELLS)
def test_a_node_that_cannot_is_refused_before_anything_starts_and_others_are_not(
    words: str, node: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: object, **__: object) -> None:
        raise StartedError

    monkeypatch.setattr(RunFolder, "__init__", start)
    with pytest.raises(StartedError if said == "yes" else BadInput) as caught:
        cli.main([*words.split(), "--node", node], prog_name="l2kit", standalone_mode=False)
    assert str(caught.value) == ("" if said == "yes" else said)


def test_every_command_that_starts_a_node_is_on_the_page() -> None:
    assert set(_starting(cli, ())) == {_command(words) for words, *_ in TABLE}


def _starting(command: click.Command, name: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """The commands with --node, by their names."""
    if any("--node" in option.opts for option in command.params):
        yield name
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from _starting(found, (*name, each))


def _command(words: str) -> tuple[str, ...]:
    first, *others = words.split()
    return (first, others[0]) if first == "bench" else (first,)


@pytest.fixture(scope="module")
def hardhat(run_folder: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Devnet]:
    """A session on Hardhat, where no others of anybody else's are; what all tests share stays where it is."""
    tmp_path_factory.getbasetemp()  # made now, not in a folder that this module removes
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        patch.setenv("TMPDIR", folder)
        with (
            Devnet(Options(node="hardhat", watchtower=True, session="on-hardhat")) as devnet,
            Keeper(devnet, list[str]().append).background(),
        ):
            yield devnet


@pytest.fixture(scope="module")
def desk(hardhat: Devnet) -> Desk:
    return Desk(hardhat, hardhat.folder.path / DESCRIPTION)


@pytest.mark.node
def test_every_verb_works_on_hardhat(desk: Desk) -> None:
    assert {words.split()[0] for words in VERBS} < set(COMMANDS)
    for words in VERBS:
        done = desk.run(*words.split())
        assert done.code == 0, (words, done)


@pytest.mark.node
@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_what_a_devnet_on_hardhat_cannot_is_refused(desk: Desk, words: str, said: str) -> None:
    assert desk.refused(*words.split()).endswith(said)


@pytest.mark.node
def test_a_hardhat_that_runs_already_is_refused_for_blobs(hardhat: Devnet) -> None:
    with (
        pytest.raises(BadInput, match=f"{hardhat.node.url} does not give blobs back"),
        Devnet(Options(l1_rpc=hardhat.node.url, batch_data="blobs", services=False)),
    ):
        pass


@pytest.mark.node
def test_hardhat_tells_what_its_blocks_hold_and_what_a_step_used(hardhat: Devnet, chain: Chain) -> None:
    first, *_, last = hardhat.l1.mined(1, hardhat.rollup.block)
    assert first["contractAddress"] == hardhat.contracts["Token"].address
    assert last["contractAddress"] in {contract.address for contract in hardhat.contracts.values()}
    costs = [step_cost(each, hardhat.accounts, 8) for each in (hardhat.l1, chain)]
    assert costs[0].gas == costs[1].gas


@pytest.mark.node
@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--fork", "nowhere"], "Invalid config override: Error in forking.url: Expected a URL"),
        (["--block-time", "2"], 'Invalid option "--block-time"'),
    ],
)
def test_hardhat_says_itself_which_flag_is_wrong(flags: list[str], said: str) -> None:
    with RunFolder() as folder, pytest.raises(NodeError, match=f"hardhat does not start: .*{said}") as caught:
        start_hardhat(folder, flags=flags)
    assert "\n" not in str(caught.value)


@pytest.mark.node
def test_two_hardhats_run_side_by_side() -> None:
    with RunFolder() as folder:
        first, second = (start_hardhat(folder, chain_id=number) for number in (4242, 4243))
        assert [each.rpc.quantity("eth_chainId") for each in (first, second)] == [4242, 4243]


def ape(*words: str, says: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """ape, with what is typed into it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "L2KIT_SESSION"))}
    with lock("ape-tests", waiting_for="testing ape"):  # two that start would both take Anvil's default port
        return subprocess.run(
            [sys.executable, "-m", "toolkit.toolchain.ape", *words],
            cwd=ROOT,
            env={**kept, **variables},
            input=says,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )


CONSOLE = """
print("L1", chain.provider.client_version)
print("addresses", {each.address for each in (Token, PaymentChannels, Inbox, PaymentsMachine, Rollup, Bridge, Dispute)})
print("gas", Token.transfer(bob, 5, sender=alice).gas_used > 0, Token.balanceOf(bob))
print("deposit", Bridge.depositETH(carol, value="1 ether", sender=carol).failed)
print("session", devnet.deposit("dave", 10**18).subject.kind, devnet.balance("dave"))
was = chain.snapshot()
print("more", devnet.transfer("dave", "erin", 1).hash.hex()[:0], devnet.balance("erin"))
chain.restore(was)
print("less", devnet.balance("erin"), chain.blocks.height > 0)
Token.transfer(bob, 10**30, sender=alice)
"""


@pytest.mark.node
def test_ape_s_console_has_the_session_at_hand(hardhat: Devnet, desk: Desk, tmp_path: Path) -> None:
    pytest.importorskip("ape_foundry", reason="ape is not installed: make test installs it")
    had = hardhat.contracts["Token"].functions.balanceOf(hardhat.accounts["bob"].address).call()
    before = desk.l2("dave")
    done = ape("console", says=CONSOLE, HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "on L1 of the session 'on-hardhat', with Token, " in done.stderr
    told = dict(re.findall(r"^(?:In \[\d+\]: )*(\w+) (.+)$", done.stdout, re.MULTILINE))
    assert told["L1"].startswith("HardhatNetwork/")
    assert set(re.findall("0x[0-9a-fA-F]{40}", told["addresses"])) == {
        contract.address for contract in hardhat.contracts.values()
    }
    assert told["gas"] == f"True {had + 5}"
    assert told["deposit"] == "False"
    assert told["session"] == f"deposit {before + 10**18}"
    assert "InsufficientBalance" in done.stdout + done.stderr
    assert (told["more"].strip(), told["less"]) == ("1", "0 True")
    assert list(tmp_path.iterdir()) == []  # nothing in the user's home folder


CHEATS = """
import sys
from toolkit.ape.provider import DevelopmentNode

class Bare(DevelopmentNode):
    def connect(self):
        pass

bare, anybody = Bare.model_construct(name="bare"), "0x" + 20 * "13"
bare.use(sys.argv[1])
bare.set_balance(anybody, 7)
print(bare.unlock_account(anybody), bare.set_code(anybody, b"\\x00"), bare.web3.eth.get_balance(anybody))
"""


@pytest.mark.node
@pytest.mark.parametrize("kind", NODES)
def test_ape_takes_either_node_s_word_for_a_cheat(kind: str, request: pytest.FixtureRequest) -> None:
    pytest.importorskip("ape_foundry", reason="ape is not installed: make test installs it")
    from toolkit.toolchain.ape import environment

    url = request.getfixturevalue("node").url if kind == "anvil" else request.getfixturevalue("hardhat").node.url
    done = subprocess.run(
        [sys.executable, "-c", CHEATS, url], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.stdout == "True True 7\n", done.stderr


@pytest.mark.node
def test_ape_runs_scripts_on_the_session(hardhat: Devnet) -> None:
    pytest.importorskip("ape_foundry", reason="ape is not installed: make test installs it")
    done = ape("run", "accounts", "--session", "on-hardhat")
    assert done.returncode == 0, done.stderr
    assert [line.split()[:2] for line in done.stdout.splitlines()] == [
        [name, account.address] for name, account in hardhat.accounts.items()
    ]


@pytest.mark.node
def test_ape_s_console_asks_which_session_where_several_run(hardhat: Devnet) -> None:
    pytest.importorskip("ape_foundry", reason="ape is not installed: make test installs it")
    with RunFolder() as other:
        claim(other.path, "second", [])
        refused = ape("console")
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr == "l2kit: 2 sessions run here, on-hardhat, second: say which with L2KIT_SESSION=NAME\n"


@pytest.mark.node
def test_ape_s_console_has_a_node_of_its_own_where_no_session_runs(tmp_path: Path) -> None:
    pytest.importorskip("ape_foundry", reason="ape is not installed: make test installs it")
    done = ape("console", says="print('alice', alice.address, alice.balance)\n", TMPDIR=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "no session runs ('l2kit up' starts one)" in done.stderr
    assert f"alice {dev_accounts()['alice'].address} {10_000 * ETHER}" in done.stdout
