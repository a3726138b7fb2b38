"""What an owner breaks and mends, without processes: what is refused, what is remembered, how faults combine."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from toolkit.devnet.faults import FAULTS, standing_faults
from toolkit.devnet.owner import Work
from toolkit.devnet.standstill import lock, standstill
from toolkit.errors import BadInput, NodeError, ServiceError
from toolkit.session import breaker
from toolkit.session.breaker import FINAL_DEPTH, Breaker
from toolkit.session.snapshots import Snapshot

ALICE, BOB = "0x" + "ab" * 20, "0x" + "12" * 20
NAMES = ("sequencer", "verifier")


class Rpc:
    """An L1 of so many blocks, with one transaction in each."""

    shown = "http://127.0.0.1:1"

    def __init__(self, head: int) -> None:
        self.head, self.time, self.called = head, 1000, list[tuple[Any, ...]]()

    def quantity(self, *_: Any) -> int:
        return self.head

    def call(self, method: str, *params: Any) -> Any:
        self.called.append((method, *params))
        if method == "anvil_reorg":
            self.time -= 100
        return {"timestamp": hex(self.time)}

    def batch(self, calls: Sequence[tuple[str, list[Any]]]) -> list[Any]:
        return [{"transactions": [f"0x{int(params[0], 16):064x}"]} for _, params in calls]


class Process:
    def __init__(self) -> None:
        self.frozen = False

    def freeze(self) -> None:
        self.frozen = True

    def thaw(self) -> None:
        self.frozen = False


class Node:
    def __init__(self, head: int = 1000, *, version: str = "anvil/v1.7.1", ours: bool = True) -> None:
        self.rpc, self.child, self.travelled = Rpc(head), Process() if ours else None, list[int]()
        self._version = version

    def version(self) -> str:
        return self._version

    def travel(self, seconds: int) -> int:
        self.travelled.append(seconds)
        return self.rpc.time + seconds


class Services:
    """Whose changes are noted; what is started runs at the next look."""

    def __init__(self, *names: str) -> None:
        self.names, self.did = list(names), list[str]()
        self.states = dict.fromkeys(names, "running")

    def state(self, name: str) -> str:
        found = self.states[name]
        if found == "starting":
            self.states[name] = "running"
        return found

    def vanish(self, name: str) -> None:
        self._change(name, "vanished")

    def take_offline(self, name: str) -> None:
        self._change(name, "offline")

    def bring_back(self, name: str) -> None:
        self.did.append(f"{name} back")
        self.states[name] = "running" if self.states[name] == "offline" else "starting"

    def start_anew(self, name: str) -> None:
        self.did.append(f"{name} anew")
        self.states[name] = "starting"

    def _change(self, name: str, state: str) -> None:
        self.did.append(f"{name} {state}")
        self.states[name] = state


class Bench:
    def __init__(self, folder: Path, node: Node | None = None, names: Sequence[str] = NAMES) -> None:
        self.folder, self.node, self.services = folder, node or Node(), Services(*names)
        self.cheats, self.said = list[str](), list[str]()
        self.now = 1_000_000.0
        parts: Any = (folder, self.node, self.services, self.cheats.append, 16, self.said.append, lambda: self.now)
        self.breaker = Breaker(*parts)

    def do(self, do: str, *words: Any) -> dict[str, Any]:
        given = dict(zip(("what", "how", "detail"), words, strict=False))
        return finished(self.breaker.obey({"do": do, **given}))

    def standing(self) -> list[tuple[str, str]]:
        return [(each.what, each.how) for each in standing_faults(self.folder)]


def finished(work: Work) -> dict[str, Any]:
    while True:
        try:
            next(work)
        except StopIteration as done:
            found: dict[str, Any] = done.value
            return found


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_cheats_of_the_sequencer_add_up_and_are_taken_back_one_by_one(bench: Bench) -> None:
    bench.do("fault", "tx", "censor", ALICE)
    bench.do("fault", "tx", "censor", BOB)
    bench.do("fault", "tx", "censor", BOB.upper().replace("0X", "0x"))  # is so already
    bench.do("fault", "batch", "withhold")
    both = f"{ALICE.lower()},{BOB.lower()}"
    assert bench.cheats == [f"censor:{ALICE.lower()}", f"censor:{both}", f"withhold-censor:{both}"]
    assert bench.services.did == ["sequencer anew"] * 3
    assert bench.standing() == [("tx", "censor"), ("tx", "censor"), ("batch", "withhold")]
    assert [each["how"] for each in bench.do("heal", "tx")["healed"]] == ["censor", "censor"]
    assert bench.do("heal")["services"] == ["sequencer"]
    assert bench.cheats[3:] == ["withhold", ""]
    assert bench.standing() == []


def test_a_sequencer_that_is_away_is_not_told_to_cheat_and_comes_back_honest(bench: Bench) -> None:
    bench.do("fault", "batch", "withhold")
    for how, back in (("vanish", ["sequencer back"]), ("offline", ["sequencer back", "sequencer anew"])):
        bench.do("fault", "sequencer", how)
        with pytest.raises(BadInput, match=r"the sequencer (has vanished|is offline), so that it cannot censor"):
            bench.do("fault", "tx", "censor", BOB)
        with pytest.raises(
            BadInput, match=r"the sequencer (has vanished|is offline), so that it cannot be made honest"
        ):
            bench.do("heal", "batch")
        assert bench.standing() == [("batch", "withhold"), ("sequencer", how)]
        bench.services.did.clear()
        assert bench.do("heal")["services"] == ["sequencer"]
        assert bench.services.did == back
        assert bench.cheats[-1] == ""
        bench.do("fault", "batch", "withhold")


def test_healing_a_service_leaves_it_dishonest_where_it_was(bench: Bench) -> None:
    bench.do("fault", "batch", "withhold")
    bench.do("fault", "sequencer", "vanish")
    bench.do("heal", "sequencer")
    assert bench.standing() == [("batch", "withhold")]
    assert bench.cheats == ["withhold"]


def test_one_absence_takes_the_place_of_another(bench: Bench) -> None:
    bench.do("fault", "verifier", "offline")
    bench.do("fault", "verifier", "offline")
    bench.do("fault", "verifier", "vanish")
    assert bench.standing() == [("verifier", "vanish")]
    assert bench.services.did == ["verifier offline", "verifier vanished"]
    with pytest.raises(BadInput, match="verifier has vanished, so that it cannot be offline"):
        bench.do("fault", "verifier", "offline")


def test_who_has_ended_by_itself_is_started_with_the_rest(bench: Bench) -> None:
    bench.services.states["verifier"] = "ended"
    assert bench.do("heal") == {"healed": [], "services": ["verifier"]}
    assert bench.services.did == ["verifier back"]


@pytest.mark.parametrize("state", ["waiting", "ended"])
def test_who_is_made_honest_while_it_does_not_run_is_started(bench: Bench, state: str) -> None:
    bench.do("fault", "batch", "withhold")
    bench.services.states["sequencer"] = state
    bench.services.did.clear()
    assert bench.do("heal", "batch")["services"] == ["sequencer"]
    assert (bench.services.did, bench.cheats[-1]) == (["sequencer anew"], "")


def test_a_service_that_does_not_come_back_is_told_of(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "_BACK_SECONDS", 0.0)
    monkeypatch.setattr(bench.services, "start_anew", lambda name: bench.services.states.update({name: "waiting"}))
    with pytest.raises(ServiceError, match="after 0 s sequencer is waiting; 'l2kit logs sequencer' may say why"):
        bench.do("fault", "batch", "withhold")
    assert bench.standing() == [("batch", "withhold")], "it is what it would be if it ran"


def test_the_clock_does_not_run_backwards_when_l1_forgets_what_moved_it(bench: Bench) -> None:
    fault = bench.do("fault", "l1", "reorg", 3)["fault"]
    assert ("anvil_reorg", 3, []) in bench.node.rpc.called
    assert bench.node.travelled == [100]
    assert fault["transactions"] == [f"0x{number:064x}" for number in (998, 999, 1000)]
    assert bench.said == [
        "L1 has reorganised: the blocks 998 to 1000 are gone, with 3 transactions: services send again what is theirs, "
        "and users must do so themselves"
    ]
    assert bench.standing() == []


@pytest.mark.parametrize(
    ("head", "depth", "why"),
    [
        (1000, FINAL_DEPTH + 1, "1 to 64 blocks can be taken back, not 65: .* what is 64 blocks deep is final"),
        (
            20,
            5,
            "1 to 4 blocks can be taken back, not 5: L1 is at block 20, and what the devnet began with, up to",
        ),
        (16, 1, "no block can be taken back, not 1: "),
        (20, 0, "not 0: "),
        (20, -1, "not -1: "),
        (20, "3", "the depth of a reorganisation is a whole number, not '3'"),
        (20, True, "the depth of a reorganisation is a whole number, not True"),
    ],
)
def test_l1_forgets_neither_the_contracts_nor_what_is_final(tmp_path: Path, head: int, depth: Any, why: str) -> None:
    bench = Bench(tmp_path, Node(head))
    with pytest.raises(BadInput, match=why):
        bench.do("fault", "l1", "reorg", depth)
    assert all(method != "anvil_reorg" for method, *_ in bench.node.rpc.called)


def test_l1_does_not_forget_where_a_snapshot_returns_to(bench: Bench) -> None:
    for number, (name, block) in enumerate([("deep", 940), ("newest", 990), (".3", 995)]):
        about = Snapshot(name, number, block, "0x", 0, 0.0, "0x1", for_anchor=name.startswith("."))
        place = bench.folder / "snapshots" / f"{number:06}"
        place.mkdir(parents=True)
        (place / "snapshot.json").write_text(json.dumps(asdict(about)))
    (place / "holder").write_text(str(os.getpid()))
    with pytest.raises(BadInput, match=r"1 to 5 blocks can .* a test's anchor, of block 995, could"):
        bench.do("fault", "l1", "reorg", 6)
    (place / "holder").unlink()
    with pytest.raises(BadInput, match=r"1 to 10 blocks .* the snapshot 'newest', of block 990, could"):
        bench.do("fault", "l1", "reorg", 11)
    assert bench.do("fault", "l1", "reorg", 10)["fault"]["detail"] == 10


def test_nothing_is_broken_while_a_snapshot_is_taken(bench: Bench) -> None:
    held = lock(bench.folder)
    assert held is not None
    work = bench.breaker.obey({"do": "fault", "what": "verifier", "how": "vanish"})
    for _ in range(3):
        next(work)
    assert bench.services.did == []
    held.close()
    assert finished(work)["fault"]["what"] == "verifier"
    assert bench.services.did == ["verifier vanished"]
    again = lock(bench.folder)
    assert again is not None, "it is free again"
    again.close()


@pytest.mark.parametrize("words", [["verifier", "offline"], ["l1", "down", 100]])
def test_no_snapshot_is_waited_for_that_cannot_be_taken(bench: Bench, words: list[Any]) -> None:
    bench.do("fault", *words)
    why = f"not all can stand still: .*'l2kit heal {words[0]}' brings it back"
    with pytest.raises(ServiceError, match=why), standstill(bench.folder):
        pytest.fail("it stands still")
    bench.do("heal")
    with standstill(bench.folder) as found:
        assert found == []


def test_what_a_node_cannot_do_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path, Node(version="HardhatNetwork/3.18", ours=False))
    with pytest.raises(BadInput, match=r"HardhatNetwork/3\.18 at \S+ cannot take blocks back; Anvil can"):
        bench.do("fault", "l1", "reorg", 1)
    with pytest.raises(BadInput, match="is not one that l2kit has started, so that it cannot take it down"):
        bench.do("fault", "l1", "down", 5)
    with pytest.raises(BadInput, match="the time that L1 is down is a whole number, not"):
        bench.do("fault", "l1", "down", 0.5)


def test_while_l1_is_down_nothing_else_is_done_that_needs_it(bench: Bench) -> None:
    bench.do("fault", "verifier", "vanish")
    bench.services.states["sequencer"] = "waiting"
    bench.do("fault", "l1", "down", 100)
    assert bench.node.child is not None and bench.node.child.frozen
    assert bench.breaker.l1_is_down
    for words in (["fault", "batch", "withhold"], ["fault", "l1", "reorg", 1], ["heal", "verifier"]):
        with pytest.raises(NodeError, match="L1 is down, on purpose, for another 1 min 40 s: wait, or 'l2kit heal l1'"):
            bench.do(*words)
    bench.do("fault", "l1", "down", 200)  # it is down for longer
    assert bench.standing() == [("verifier", "vanish"), ("l1", "down")]
    bench.breaker.tick()
    assert bench.breaker.l1_is_down
    assert [each["what"] for each in bench.do("heal", "l1")["healed"]] == ["l1"]
    assert not bench.node.child.frozen
    assert bench.services.did == ["verifier vanished", "sequencer back"], (
        "who had ended for want of L1 is tried at once"
    )


def test_l1_comes_back_when_its_time_is_over(bench: Bench) -> None:
    assert bench.do("fault", "l1", "down", 100)["fault"]["until"] == bench.now + 100
    bench.now += 99.9
    bench.breaker.tick()
    assert bench.breaker.l1_is_down
    bench.now += 0.1
    bench.breaker.tick()
    assert not bench.breaker.l1_is_down
    assert bench.said[-1] == "L1 is back: its node answers again"


def test_what_a_devnet_without_services_cannot_break_is_said(tmp_path: Path) -> None:
    bench = Bench(tmp_path, names=())
    with pytest.raises(BadInput, match="'verifier' cannot be broken here; there are l1, batch, tx"):
        bench.do("fault", "verifier", "vanish")
    with pytest.raises(BadInput, match="this devnet has no sequencer that could withhold"):
        bench.do("fault", "batch", "withhold")
    with pytest.raises(BadInput, match="there is no 'verifier' to be healed; there are l1, batch, tx"):
        bench.do("heal", "verifier")
    assert bench.do("heal") == {"healed": [], "services": []}


@pytest.mark.parametrize("detail", [7, "bob", "0x12", ""])
def test_who_is_to_be_censored_is_an_address(bench: Bench, detail: Any) -> None:
    with pytest.raises(BadInput):
        bench.do("fault", "tx", "censor", detail)
    assert bench.services.did == []


def test_what_stands_is_told_and_begins_empty(bench: Bench, tmp_path: Path) -> None:
    assert json.loads((tmp_path / FAULTS).read_text()) == bench.do("faults")["faults"] == []
    told = bench.do("fault", "verifier", "vanish")["fault"]
    assert bench.do("faults") == {"faults": [told]}
    with pytest.raises(BadInput, match="there is no command 'mend'"):
        bench.do("mend")
