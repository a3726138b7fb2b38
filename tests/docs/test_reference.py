"""What is made from the code under docs/ is what would be made now, and says what it must."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from toolkit.cli.main import cli
from toolkit.errors import BadInput
from toolkit.reference import contracts, jsonrpc, library
from toolkit.reference.made import CHECKOUT, DOCS, filled, stale
from toolkit.reference.markdown import docstring, table

REFERENCE = DOCS / "reference"


def test_what_is_made_from_the_code_is_up_to_date() -> None:
    found = [path.relative_to(CHECKOUT).as_posix() for path in stale()]
    assert not found, f"not what the code says any more: {', '.join(found)}; run 'make docs'"


def test_every_command_and_option_is_there() -> None:
    page = (REFERENCE / "cli.md").read_text()
    deposit = page.partition("\n## l2kit deposit\n")[2].partition("\n## ")[0]
    command = cli.get_command(click.Context(cli), "deposit")
    assert command is not None
    for option in command.params:
        if isinstance(option, click.Option):
            assert option.opts[0] in deposit
    assert "Examples:\n\n```sh\nl2kit deposit " in deposit
    for name in cli.list_commands(click.Context(cli)):
        assert f"\n## l2kit {name}\n" in page
    assert "\n## l2kit channel top-up\n" in page


def test_every_function_event_and_error_of_a_contract_is_there_and_explained() -> None:
    page = (REFERENCE / "contracts.md").read_text()
    bridge = page.partition("\n## Bridge\n")[2].partition("\n## ")[0]
    told = contracts.documentation()["Bridge"]["abi"]
    for entry in told:
        if entry["type"] in ("function", "event", "error"):
            assert re.search(rf"`{entry['name']}\(", bridge), entry["name"]
    assert "#### depositETH\n\n`depositETH(address to)`, payable, selector `0x2d2da806`" in bridge
    assert "| `AlreadyClaimed(uint256 index)` | The withdrawal was claimed before. |" in bridge
    unexplained = re.findall(r"^\| `(\w+)\([^`]*\)` \|  \|$", page, re.MULTILINE)
    of_libraries = {"OwnershipTransferred", "Approval", "Transfer", "eip712Domain"}
    assert not set(unexplained) - of_libraries - ERC20, unexplained


ERC20 = {
    "AllowanceOverflow", "AllowanceUnderflow", "InsufficientAllowance", "InsufficientBalance", "InvalidPermit",
    "Permit2AllowanceIsFixedAtInfinity", "PermitExpired", "TotalSupplyOverflow",
}  # fmt: skip
"""What the library's own token calls its errors."""


def test_the_methods_are_those_that_the_services_answer() -> None:
    found = jsonrpc.services()
    assert {"l2_sendTransfer", "l2_receipt", "eth_getBalance"} <= set(found["sequencer"])
    assert "lp_quote" in found["provider"] and "l2_disputes" in found["verifier"]
    page = (REFERENCE / "jsonrpc.md").read_text()
    for methods in found.values():
        for name in methods:
            assert f"`{name}(" in page
    assert set(jsonrpc.codes().values()) == {int(code) for code in re.findall(r"^\| (-\d+) \|", page, re.MULTILINE)}


def test_every_public_call_has_its_signature_and_says_what_it_does() -> None:
    page = (REFERENCE / "library.md").read_text()
    assert "transfer(\n    sender: Who,\n    to: Who,\n    amount: int," in page
    assert all(f"\n## {name}\n" in page for name in library.PUBLIC)
    silent = re.findall(r"^#### (\S+)\n\n```python\n[^`]*```\n\n(?=#|$)", page, re.MULTILINE)
    assert not silent, silent


def test_a_docstring_becomes_lists_and_code() -> None:
    text = """Pay.

        Args:
            amount: base units,
                above zero.

        Raises:
            BadInput: it is not.

        Example:
            >>> pay(1)  # doctest: +SKIP
        """
    assert docstring(text) == (
        "Pay.\n\nArgs:\n\n- `amount`: base units, above zero.\n\nRaises:\n\n- `BadInput`: it is not.\n\n"
        "Example:\n\n```pycon\n>>> pay(1)\n```"
    )
    assert table(["a"], [["x|y\nz"]]) == "| a |\n| --- |\n| x\\|y z |"


def test_a_page_without_the_place_of_what_is_made_is_refused() -> None:
    assert filled("a\n<!-- made: x -->\nold\n<!-- end -->\nb", {"x": "new"}) == (
        "a\n<!-- made: x -->\nnew\n<!-- end -->\nb"
    )
    with pytest.raises(BadInput, match="made: y"):
        filled("a", {"y": "new"})


def links() -> list[tuple[Path, str]]:
    pages = [*DOCS.glob("*.md"), *DOCS.glob("reference/*.md"), CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md"]
    return [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL))
        if not target.startswith("http")
    ]


def test_every_link_leads_somewhere() -> None:
    lost = []
    for page, target in links():
        path, _, anchor = target.partition("#")
        file = page if not path else (page.parent / path).resolve()
        if not file.exists():
            lost.append(f"{page.name}: {target}")
        elif anchor and anchor not in anchors(file.read_text()):
            lost.append(f"{page.name}: {target} (no such heading)")
    assert not lost, lost


def anchors(text: str) -> set[str]:
    """The names that headings have, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
