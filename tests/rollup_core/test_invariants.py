"""INVARIANTS.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_test_it_names_exists() -> None:
    folders = (HERE, HERE.parent / "bridge", HERE.parent / "rollup_services")
    everywhere = "".join(file.read_text() for folder in folders for file in folder.glob("test_*.py"))
    found = 0
    for name in re.findall(r"`([^`]+)`", (HERE / "INVARIANTS.md").read_text()):
        file, _, test = name.rpartition("::") if "::" in name else (name, "", "")
        if file.rsplit("/", 1)[-1].startswith("test_"):
            assert (HERE / file).exists(), name
        if test:
            text = (HERE / file).read_text() if file else everywhere
            assert re.search(rf"def {test}\(", text), name
            found += 1
    assert found > 60


def test_they_are_numbered() -> None:
    numbers = re.findall(r"^(\d+)\. ", (HERE / "INVARIANTS.md").read_text(), re.MULTILINE)
    assert [int(each) for each in numbers] == list(range(1, len(numbers) + 1))
