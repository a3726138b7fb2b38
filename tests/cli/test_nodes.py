"""What Anvil and Hardhat can, as docs/nodes.md says it; and ape on a session that runs on Hardhat."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from desk import Desk

from toolkit import Devnet
from toolkit.cli.main import COMMANDS, cli
from toolkit.devnet import RunFolder
from toolkit.devnet.running import DESCRIPTION
from toolkit.errors import BadInput
from toolkit.world import Options

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "nodes.md").read_text()
NODES = ("anvil", "hardhat")
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
def hardhat() -> Iterator[Devnet]:
    """A session on Hardhat, where no others of anybody else's are."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", folder)
        patch.setenv("TMPDIR", folder)
        with Devnet(Options(node="hardhat", watchtower=True, session="on-hardhat")) as devnet:
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
    assert desk.l1("alice") > 0
