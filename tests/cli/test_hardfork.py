"""--hardfork: which names it takes, and what is said of others."""

from __future__ import annotations

import click
import pytest
from click.testing import CliRunner

from toolkit.cli.options import HARDFORKS, hardforks, hardforks_option
from toolkit.devnet.nodes import NODE_HARDFORKS
from toolkit.errors import BadInput


@pytest.mark.parametrize(
    ("text", "names"),
    [("osaka", ("osaka",)), ("prague,osaka", ("prague", "osaka")), (" Amsterdam , prague", ("amsterdam", "prague"))],
)
def test_a_list_of_hardforks_keeps_its_order(text: str, names: tuple[str, ...]) -> None:
    assert hardforks(text) == names


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("london", "no hardfork 'london' here; there are prague, osaka, amsterdam"),
        ("prague,,osaka", "no hardfork '' here"),
        ("", "no hardfork '' here"),
        ("osaka,prague,osaka", "the hardfork osaka is named 2 times"),
    ],
)
def test_a_wrong_list_of_hardforks_is_told(text: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        hardforks(text)


def test_the_option_gives_a_tuple() -> None:
    @click.command()
    @hardforks_option
    def command(hardforks: tuple[str, ...]) -> None:
        click.echo(repr(hardforks))

    assert CliRunner().invoke(command, ["--hardfork", "prague,osaka"]).output == "('prague', 'osaka')\n"
    assert CliRunner().invoke(command, []).output == "('osaka',)\n"


def test_the_options_take_what_some_node_runs() -> None:
    assert set(HARDFORKS) == {name for names in NODE_HARDFORKS.values() for name in names}
