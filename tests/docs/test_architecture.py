"""The pictures of the architecture page are true: rooms, arrows, processes, and what is called on the way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from toolkit.compile import artifact
from toolkit.devnet.accounts import USERS
from toolkit.reference import house, jsonrpc, pictures
from toolkit.reference.contracts import DEPLOYED
from toolkit.reference.house import LAYERS, ROOMS, Import, Room
from toolkit.reference.made import CHECKOUT, DOCS
from toolkit.reference.svg import Arrow, Box, diagram
from toolkit.world import SERVICES, WATCHTOWER

PAGE = (DOCS / "architecture.md").read_text()


@pytest.fixture(scope="module")
def real() -> list[Import]:
    return house.imports()


def test_the_rooms_and_arrows_are_those_of_the_imports(real: list[Import], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "imports", lambda: real)
    assert not house.faults(), "\n".join(house.faults())


def test_an_arrow_leads_down_or_to_a_room_that_belongs_to_it() -> None:
    for room in ROOMS.values():
        for other in room.uses:
            same = house.depth(other) == house.depth(room.name)
            assert house.depth(other) > house.depth(room.name) or same, (room.name, other)
    sideways = {
        frozenset((room.name, other))
        for room in ROOMS.values()
        for other in room.uses
        if house.depth(other) == house.depth(room.name)
    }
    # no technique uses another, but that the bridge is the rollup's; and the compiler is one of the tools
    assert sideways == {frozenset(("rollup", "bridge")), frozenset(("compile", "toolchain"))}


@pytest.mark.parametrize(
    ("file", "room", "used", "sentence"),
    [
        (
            "toolkit/channel/new.py",
            "channel",
            "rollup",
            "toolkit/channel/new.py imports toolkit.rollup: channel may use ",
        ),
        ("toolkit/devnet/new.py", "devnet", "cli", "toolkit/devnet/new.py imports toolkit.cli: devnet may use "),
    ],
)
def test_a_new_import_that_is_not_drawn_is_named(
    real: list[Import], monkeypatch: pytest.MonkeyPatch, file: str, room: str, used: str, sentence: str
) -> None:
    monkeypatch.setattr(house, "imports", lambda: [*real, Import(file, room, used)])
    (fault,) = house.faults()
    assert fault.startswith(sentence) and fault.endswith(f"and not {used}")


def test_an_arrow_that_no_file_imports_is_named(real: list[Import], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "imports", lambda: [each for each in real if (each.room, each.used) != ("demo", "gas")])
    assert "the arrow from demo to gas is drawn, and no file of demo imports it" in house.faults()


def test_a_room_that_is_not_drawn_is_named(real: list[Import], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(house, "imports", lambda: real)
    monkeypatch.setattr(house, "ROOMS", {name: room for name, room in ROOMS.items() if name != "demo"})
    assert "toolkit/demo is no room of toolkit/reference/house.py: give it a layer" in house.faults()


def test_an_import_is_found_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gas").mkdir()
    (tmp_path / "gas" / "new.py").write_text(
        "import toolkit.cli.show\nfrom toolkit import Devnet, errors\ndef f():\n    from toolkit.demo.fraud import x\n"
    )
    monkeypatch.setattr(house, "PACKAGE", tmp_path)
    assert [each.used for each in house.imports()] == ["cli", "demo", "errors", "world"]


def test_each_technique_is_a_room_of_the_same_name_in_solidity() -> None:
    twins = {room.name: room.twin for room in ROOMS.values() if room.twin}
    folders = {path.name for path in (CHECKOUT / "contracts").iterdir() if path.is_dir() and path.name[0] != "."}
    assert set(twins.values()) == folders
    assert all(twins[name] == name for name in ("channel", "rollup", "bridge"))


def test_the_picture_of_the_rooms_shows_each_of_them() -> None:
    drawn = re.findall(r'<text class="name"[^>]*>([^<]+)<', (DOCS / "pictures" / "rooms.svg").read_text())
    assert sorted(drawn) == sorted(ROOMS)
    assert "(pictures/rooms.svg)" in PAGE


def test_the_processes_are_those_that_a_session_runs() -> None:
    drawn = {box.name for box in pictures.PROCESSES}
    assert {*SERVICES, WATCHTOWER} <= drawn
    people = {"l2kit, the library, wallets", "l2kit up", "peer", "another peer", "L1"}
    assert drawn == {*SERVICES, WATCHTOWER, *people}
    # the verifier and the proposer hear nothing of each other: each follows from L1 what it must do
    talk = {frozenset((arrow.start, arrow.end)) for arrow in pictures.TALK}
    assert not [pair for pair in talk if pair <= {*SERVICES, WATCHTOWER}]
    assert {name for name in (*SERVICES, WATCHTOWER) if frozenset((name, "L1")) in talk} == {*SERVICES, WATCHTOWER}


def named() -> Iterator[tuple[str, str]]:
    for picture, flow in pictures.FLOWS.items():
        for step in flow.steps:
            if step.named:
                yield picture, step.named


@pytest.mark.parametrize(("picture", "name"), list(named()))
def test_what_a_flow_names_is_there(picture: str, name: str) -> None:
    contract, _, function = name.rpartition(".")
    if contract:
        assert function in {entry.get("name") for entry in artifact(contract).abi}, picture
    elif name.startswith(("l2_", "lp_")):
        assert any(name in methods for methods in jsonrpc.services().values()), picture
    else:
        events = {entry["name"] for each in DEPLOYED for entry in artifact(each).abi if entry["type"] == "event"}
        assert name in events, picture


def test_who_takes_part_in_a_flow_is_somebody() -> None:
    known = {*USERS, *SERVICES, WATCHTOWER, *DEPLOYED}
    for name, flow in pictures.FLOWS.items():
        actors = [actor for actor, _ in flow.actors]
        assert set(actors) <= known, name
        assert {step.start for step in flow.steps} | {step.end for step in flow.steps if step.end} == set(actors), name
        assert f"(pictures/{name}.svg)" in PAGE


def test_no_arrow_crosses_a_room() -> None:
    boxes = [
        Box(room.name, room.job, number, *pictures._PLACES[room.name])
        for number, layer in enumerate(LAYERS)
        for room in layer
    ]
    for layer in LAYERS:
        row = sorted((box for box in boxes if box.name in {room.name for room in layer}), key=lambda box: box.left)
        assert all(left.left + left.width <= right.left for left, right in pairwise(row))
    wall = [Box("top", "", 0, 0, 3), Box("between", "", 1, 0, 3), Box("end", "", 2, 0, 3)]
    with pytest.raises(ValueError, match="no way from top to end"):
        diagram("", wall, [Arrow("top", "end")])
    assert isinstance(ROOMS["channel"], Room)
