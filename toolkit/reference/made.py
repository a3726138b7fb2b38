"""What is made under docs/, and how what is there is held against it."""

from __future__ import annotations

import re
from pathlib import Path

from toolkit.errors import BadInput
from toolkit.reference import cli, contracts, errors, house, jsonrpc, library, pictures

CHECKOUT = Path(__file__).resolve().parents[2]
DOCS = CHECKOUT / "docs"
ARCHITECTURE = DOCS / "architecture.md"


def made() -> dict[Path, str]:
    """Every page and picture that is made, by its path, and what must be in it.

    Raises:
        BadInput: this is no checkout, or a page lacks the place of what is made for it.
        CompileError: the contracts do not compile.
    """
    if not DOCS.is_dir():
        raise BadInput(f"{DOCS} is not there: the documentation is made in a checkout of l2kit")
    reference = DOCS / "reference"
    return {
        reference / "cli.md": cli.commands(),
        reference / "library.md": library.calls(),
        reference / "contracts.md": contracts.contracts(),
        reference / "jsonrpc.md": jsonrpc.methods(),
        reference / "errors.md": errors.errors(),
        **{DOCS / "pictures" / name: text for name, text in pictures.pictures().items()},
        ARCHITECTURE: filled(ARCHITECTURE.read_text("utf-8"), {"rooms": house.rooms(), "imports": house.table()}),
    }


def stale() -> list[Path]:
    """What is not there, or not as it would be made."""
    return [path for path, text in made().items() if not path.exists() or path.read_text("utf-8") != text]


def write() -> list[Path]:
    """Write what is stale; returns it."""
    changed = []
    for path, text in made().items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, "utf-8")
            changed.append(path.relative_to(CHECKOUT))
    return changed


def filled(page: str, parts: dict[str, str]) -> str:
    """A page written by hand, with what is made between ``<!-- made: NAME -->`` and ``<!-- end -->``.

    Raises:
        BadInput: the page has no such place.
    """
    for name, text in parts.items():
        found = re.search(rf"<!-- made: {name} -->\n(.*?)<!-- end -->", page, re.DOTALL)
        if found is None:
            raise BadInput(f"{ARCHITECTURE} has no place '<!-- made: {name} -->' ... '<!-- end -->'")
        page = f"{page[: found.start(1)]}{text}\n{page[found.end(1) :]}"
    return page
