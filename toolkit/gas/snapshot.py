"""What the lab measured, kept: the committed snapshot, and what has moved since.

    {"receipts": {name: gas}, "cells": [a cell without its timing, ...], "workload": {what names the payments}}

Single transactions by their plain name, and the matrix's cells. Times differ from run to run and are not kept. Any JSON
with these two keys is read, so also the output of ``l2kit gas --json``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from toolkit.errors import BadInput
from toolkit.gas.cell import TECHNIQUES, Cell
from toolkit.technique.protocol import PHASES

NAME = "gas.json"
PATH = Path(__file__).parent / NAME
"""Where the committed snapshot is; ``make gas-snapshot`` writes it anew."""
TOLERANCE = 0.001
"""Timestamps and hashes have more zero bytes one time than another, and calldata costs accordingly."""
WHOLE_GAME = "dispute: whole game, 1,000-transfer assertion, both sides"
TOLERANCES: Mapping[str, float] = {WHOLE_GAME: 0.005}
"""Eight transactions that are full of hashes, most of them sent twice."""


@dataclass(frozen=True)
class Snapshot:
    """What was measured.

    Attributes:
        receipts: gas of single transactions by their plain name, in a steady state.
        cells: of the matrix; as many as were run.
        workload: what names the payments that the cells carried.
    """

    receipts: Mapping[str, int]
    cells: Sequence[Cell] = field(default_factory=tuple)
    workload: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """All; the cells without their timing, so that the same seed gives the same."""
        cells = [untimed(each) for each in self.cells]
        return {"receipts": dict(self.receipts), "workload": dict(self.workload), "cells": cells}

    def text(self) -> str:
        """The file's text."""
        return json.dumps(self.as_json(), indent=2) + "\n"

    @classmethod
    def from_json(cls, data: Any, where: str = "the snapshot") -> Snapshot:
        """What `as_json` wrote; cells may be missing, and so may their timing.

        Raises:
            BadInput: it is something else.
        """
        try:
            receipts = {str(name): int(gas) for name, gas in data["receipts"].items()}
            cells = tuple(Cell.from_json({"timing": {"soft_confirmation_ms": 0.0}, **each}) for each in _cells(data))
            workload = dict(data.get("workload") or data.get("meta", {}).get("workload") or {})
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise BadInput(f"{where} is not what l2kit gas --json prints: {type(error).__name__} {error}") from None
        for each in cells:
            _check(each, where)
        return cls(receipts, cells, workload)


def untimed(cell: Cell) -> dict[str, Any]:
    """A cell as JSON without what differs from run to run."""
    found = cell.as_json()
    del found["timing"]
    return found


def committed() -> Snapshot:
    """The snapshot that comes with this package."""
    return Snapshot.from_json(json.loads(files("toolkit.gas").joinpath(NAME).read_text("utf-8")))


def read(path: Path) -> Snapshot:
    """The snapshot in a file.

    Raises:
        BadInput: it cannot be read, or is something else.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}") from None
    return Snapshot.from_json(data, str(path))


@dataclass(frozen=True)
class Moved:
    """A figure that is not what it was.

    Attributes:
        name: of the row; of a cell its hardfork, technique and payments, then the figure.
        was: None where it was not there.
        now: None where it is not there any more.
        unit: "gas", or what else it counts.
    """

    name: str
    was: int | None
    now: int | None
    unit: str = "gas"

    def __str__(self) -> str:
        if self.was is None:
            return f"{self.name}: new, {self.now:,} {self.unit}"
        if self.now is None:
            return f"{self.name}: gone, was {self.was:,} {self.unit}"
        moved = self.now - self.was
        share = f", {moved / self.was:+.2%}" if self.was else ""
        return f"{self.name}: {self.was:,} -> {self.now:,} {self.unit} ({moved:+,}{share})"


def compare(known: Snapshot, measured: Snapshot) -> list[Moved]:
    """What moved beyond the tolerance, was added, or is gone.

    Every row of the receipts must be there. Of the cells only those count that were run: a cell of ``known`` that was
    not is no change; one that ``known`` does not have is, unless it has none at all.

    Raises:
        BadInput: they carried different payments.
    """
    if known.cells and measured.cells and known.workload != measured.workload:
        raise BadInput(
            f"the snapshot is of the workload {json.dumps(dict(known.workload))}, not of "
            f"{json.dumps(dict(measured.workload))}: the two cannot be compared"
        )
    found = [
        Moved(name, known.receipts.get(name), measured.receipts.get(name))
        for name in dict.fromkeys((*known.receipts, *measured.receipts))
        if _differ(known.receipts.get(name), measured.receipts.get(name), TOLERANCES.get(name, TOLERANCE))
    ]
    before = {_key(each): each for each in known.cells}
    for cell in measured.cells if before else ():
        was = before.get(_key(cell))
        if was is None:
            found.append(Moved(_named(cell), None, cell.total.gas))
        else:
            found += _moved(was, cell)
    return found


def _moved(was: Cell, now: Cell) -> Iterator[Moved]:
    old = {name: value for name, value, _ in _figures(was)}
    for name, value, unit in _figures(now):
        before = old[name]
        exact = unit in {"blocks", "seconds", "transactions", "accounts"}
        if _differ(before, value, 0 if exact else TOLERANCE):
            yield Moved(f"{_named(now)}: {name}", before, value, unit)


def _figures(cell: Cell) -> Iterator[tuple[str, int, str]]:
    for phase in PHASES:
        used = cell.phases.get(phase)
        yield f"{phase}", used.gas if used else 0, "gas"
        yield f"{phase}, blobs", used.blob_gas if used else 0, "blob gas"
        yield f"{phase}, calldata", used.calldata_bytes if used else 0, "bytes"
        yield f"{phase}, transactions", used.transactions if used else 0, "transactions"
    yield "value", cell.value, "wei"
    yield "capital", cell.capital, "wei"
    yield "parties", cell.parties, "accounts"
    yield "blocks to leave", cell.exit_blocks, "blocks"
    yield "seconds to leave", cell.exit_seconds, "seconds"


def _differ(was: int | None, now: int | None, tolerance: float) -> bool:
    if was is None or now is None:
        return was is not now
    return abs(now - was) > tolerance * abs(was)


def _key(cell: Cell) -> tuple[str, str, int]:
    return cell.hardfork, cell.technique, cell.payments


def _named(cell: Cell) -> str:
    return f"{cell.hardfork}: {TECHNIQUES[cell.technique]}, n = {cell.payments:,}"


def _cells(data: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = data.get("cells", [])
    return found


def _check(cell: Cell, where: str) -> None:
    if cell.technique not in TECHNIQUES:
        raise BadInput(f"{where} has a cell of {cell.technique!r}; techniques are {', '.join(TECHNIQUES)}")
    if cell.payments < 1 or cell.parties < 1:
        raise BadInput(f"{where} has a cell of {cell.payments} payments between {cell.parties} parties")
