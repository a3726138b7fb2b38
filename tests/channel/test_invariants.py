"""INVARIANTS.md names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_test_it_names_exists() -> None:
    file, found = "", 0
    for line in (HERE / "INVARIANTS.md").read_text().splitlines():
        if re.match(r"\d+\. ", line):
            file = "test_contract_machine.py"
        for name in re.findall(r"`([^`]+)`", line):
            if name.endswith(".py"):
                assert (HERE / name).exists(), name
                continue
            named, _, test = name.rpartition("::")
            file = named or file if "::" in name else "test_contract_machine.py"
            assert re.search(rf"def {test}\(", (HERE / file).read_text()), f"{file} has no {test}"
            found += 1
    assert found > 20
