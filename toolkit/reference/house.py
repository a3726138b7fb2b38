"""The rooms of the house and the arrows between them: what the picture shows, held against what the code imports."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from toolkit.reference import markdown

PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Room:
    """A folder of the library, or a module that stands beside the folders.

    Attributes:
        name: in ``toolkit``.
        job: what it does, in a few words.
        uses: the rooms that its arrows lead to. What these use it may use, too, and nothing else.
        twin: the folder of the same technique in ``contracts``.
    """

    name: str
    job: str
    uses: tuple[str, ...] = ()
    twin: str = ""


LAYERS: tuple[tuple[Room, ...], ...] = (
    (Room("reference", "makes docs/reference and these pictures", ("cli",)),),
    (
        Room("cli", "the l2kit command: words in, sentences and JSON out", ("demo", "isolation")),
        Room("pytest_plugin", "a fresh devnet for every test", ("world",)),
        Room("ape", "ape's providers and console", ("session",)),
    ),
    (
        Room("demo", "the demonstrations", ("gas",)),
        Room("isolation", "what a fresh devnet takes", ("world",)),
    ),
    (Room("gas", "the gas lab: one workload, every technique", ("scenario",), "baseline"),),
    (Room("scenario", "operators that vanish, censor or cheat", ("world",)),),
    (Room("world", "Devnet: node, contracts, services, one clock", ("session", "description")),),
    (
        Room("session", "a devnet that runs: every verb as a call", ("channel", "rollup", "overview")),
        Room("description", "a devnet as JSON"),
    ),
    (
        Room("channel", "payment channels, peers, watchtower", ("technique",), "channel"),
        Room("rollup", "machine, sequencer, proposer, verifier", ("bridge", "technique"), "rollup"),
        Room("bridge", "deposits, withdrawals, provider, escape", ("rollup",), "bridge"),
    ),
    (
        Room("technique", "the workload, the phases, the meter", ("devnet",)),
        Room("overview", "how a session is", ("devnet",)),
    ),
    (Room("devnet", "nodes, guarded processes, accounts, L1's client", ("compile", "crypto"), "lib"),),
    (
        Room("compile", "solc, artifacts by content", ("toolchain", "errors")),
        Room("toolchain", "Python packages, npm tools, compiler", ("compile",)),
        Room("crypto", "keccak, signatures"),
    ),
    (Room("errors", "what may go wrong"),),
)
"""From the top down. An arrow leads down, or to a room of the same layer that belongs to it."""

ROOMS = {room.name: room for layer in LAYERS for room in layer}


@dataclass(frozen=True)
class Import:
    """A file of one room that imports another."""

    file: str
    room: str
    used: str


def imports() -> list[Import]:
    """Every import of one room by another in the library, inside functions, too; but not for types alone."""
    found = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        file = path.relative_to(PACKAGE)
        room = file.parts[0].removesuffix(".py")
        if room.startswith("__"):  # the package's own doors: toolkit/__init__.py and __main__.py
            continue
        for used in _used(ast.parse(path.read_text("utf-8"))):
            if used != room:
                found.add(Import(f"toolkit/{file.as_posix()}", room, used))
    return sorted(found, key=lambda each: (each.file, each.used))


def faults() -> list[str]:
    """Where the picture and the imports differ, a sentence each; none where it is true."""
    real = imports()
    rooms = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if _is_room(path)}
    found = [
        f"toolkit/{name} is no room of toolkit/reference/house.py: give it a layer" for name in rooms - ROOMS.keys()
    ]
    found += [f"toolkit/reference/house.py has a room {name!r}, which is not there" for name in ROOMS.keys() - rooms]
    found += [
        f"{each.file} imports toolkit.{each.used}: {each.room} may use {_listed(reach(each.room))}, and not {each.used}"
        for each in real
        if each.room in ROOMS and each.used in ROOMS and each.used not in reach(each.room)
    ]
    used = {(each.room, each.used) for each in real}
    for room in ROOMS.values():
        for other in room.uses:
            if (room.name, other) not in used:
                found.append(f"the arrow from {room.name} to {other} is drawn, and no file of {room.name} imports it")
            elif other in reach(room.name, without=other):
                found.append(f"the arrow from {room.name} to {other} says nothing: others lead there already")
            elif depth(other) < depth(room.name):
                found.append(f"the arrow from {room.name} to {other} points up")
    return found


def reach(room: str, *, without: str = "") -> set[str]:
    """The rooms that the arrows of a room lead to, also over others; but for its own arrow to ``without``."""
    waiting, found = [each for each in ROOMS[room].uses if each != without], set[str]()
    while waiting:
        name = waiting.pop()
        if name in ROOMS and name not in found and name != room:
            found.add(name)
            waiting += ROOMS[name].uses
    return found


def depth(room: str) -> int:
    """The layer of a room, from 0 at the top."""
    return next(number for number, layer in enumerate(LAYERS) if any(each.name == room for each in layer))


def rooms() -> str:
    """The rooms as a table, from the top down."""
    rows = []
    for room in ROOMS.values():
        place = PACKAGE / room.name
        path = f"toolkit/{room.name}" if place.is_dir() else f"toolkit/{room.name}.py"
        twin = f"[`contracts/{room.twin}`](../contracts/{room.twin})" if room.twin else ""
        arrows = ", ".join(room.uses) or "nothing"
        rows.append([f"[`{path}`](../{path})", room.job, twin, arrows])
    return markdown.table(["room", "what it does", "in Solidity", "its arrows lead to"], rows)


def table() -> str:
    """Who imports whom, by the number of files: nothing above the diagonal but the two pairs."""
    count = Counter((each.room, each.used) for each in imports())
    names = [name for name in ROOMS if name != "reference"]
    rows = [[name, *(str(count[name, other] or "") for other in names[1:])] for name in names]
    return markdown.table(["files of ... that import", *names[1:]], rows[:-1])


def _used(tree: ast.Module) -> Iterator[str]:
    """The rooms that a source imports."""
    for node in _statements(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module] if node.module != "toolkit" else [f"toolkit.{each.name}" for each in node.names]
        elif isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        else:
            continue
        for name in names:
            package, _, rest = name.partition(".")
            if package == "toolkit" and rest:
                yield "world" if rest in ("Devnet", "Options") else rest.partition(".")[0]


def _statements(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below a node, but for what only type checkers see."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            for each in child.orelse:
                yield each
                yield from _statements(each)
        else:
            yield child
            yield from _statements(child)


def _is_room(path: Path) -> bool:
    if path.name.startswith(("_", ".")):
        return False
    return path.suffix == ".py" or (path.is_dir() and any(path.glob("*.py")))


def _listed(names: set[str]) -> str:
    return ", ".join(name for name in ROOMS if name in names) or "no room"
