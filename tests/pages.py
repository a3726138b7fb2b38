"""Pages of invariants, INVARIANTS.md: numbered, and each names tests that are there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path


def count_named(page: Path, folders: Sequence[Path]) -> int:
    """Check that all that a page names in backticks is there; returns how many functions that are.

    Args:
        folders: where a function may be that is named without its file: in a ``test_*.py``. Files are named from the
            page's own folder.
    """
    everywhere = "".join(file.read_text() for folder in folders for file in folder.glob("test_*.py"))
    found = 0
    for name in re.findall(r"`([^`]+)`", page.read_text()):
        file, _, test = name.rpartition("::") if "::" in name else (name, "", "")
        if file.rsplit("/", 1)[-1].startswith("test_"):
            assert (page.parent / file).exists(), name
        if test:
            text = (page.parent / file).read_text() if file else everywhere
            assert re.search(rf"def {test}\(", text), name
            found += 1
    return found


def check_numbers(page: Path) -> None:
    """Check that the page's entries are numbered from 1."""
    numbers = re.findall(r"^(\d+)\. ", page.read_text(), re.MULTILINE)
    assert [int(each) for each in numbers] == list(range(1, len(numbers) + 1))
