"""What ``l2kit scenario`` says where one of several plays fails; no play is played."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest

from toolkit.cli.main import cli
from toolkit.errors import BadInput, L2KitError, NodeError
from toolkit.scenario import SCENARIOS, program
from toolkit.world import Options


def test_what_there_is_is_printed_where_one_play_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(name: str, **_: Any) -> object:
        if name == "withhold":
            raise L2KitError("the books are wet")
        return SimpleNamespace(ok=True, as_json=lambda: {"scenario": name}, wrong=lambda: [])

    monkeypatch.setattr(program, "run", run)
    with pytest.raises(L2KitError, match="withhold: the books are wet"):
        cli.main(["scenario", "all", "--json"], standalone_mode=False)
    found = json.loads(capsys.readouterr().out)
    assert (found["ok"], found["failed"]) == (False, ["withhold: the books are wet"])
    assert [each["scenario"] for each in found["scenarios"]] == [name for name in SCENARIOS if name != "withhold"]


def test_a_node_that_does_not_do_is_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[str] = []
    monkeypatch.setattr(program, "run", lambda name, **_: played.append(name))
    with pytest.raises(BadInput, match="hardhat cannot forget blocks; Anvil can"):
        cli.main(["scenario", "all", "--node", "hardhat"], standalone_mode=False)
    with pytest.raises(NodeError, match=r"127\.0\.0\.1:1"):
        cli.main(["scenario", "all", "--l1-rpc", "http://127.0.0.1:1"], standalone_mode=False)
    assert played == []
    program.check(["vanish"], Options(node="hardhat"))
