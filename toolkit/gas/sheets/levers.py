"""The levers of a chain as tables: a model throughout."""

from __future__ import annotations

from toolkit.gas.levers import Lever
from toolkit.gas.levers import levers as all_levers
from toolkit.gas.sheet import Column, Sheet

_UNITS = {"seconds to them": "s", "block seconds": "s", "stale rate": "share", "attacker's share": "share"}
_NETWORK = "Blocks spread as in Bitcoin's network of 2012, the only one with a published fit: today's is quicker."
_NOTES = {
    "block size": _NETWORK,
    "block time": _NETWORK,
    "consensus": "PBFT, HotStuff, longest chain: all messages of a decision. Ethereum: what one node hears in a slot.",
    "energy": "Each chain's transactions a second are part of the setting.",
}


def levers() -> list[Sheet]:
    """One table a lever: what is turned, and what that does."""
    return [_sheet(each) for each in all_levers()]


def _sheet(lever: Lever) -> Sheet:
    names = list(dict.fromkeys(name for row in lever.rows for name in row))
    keys = {name: "_".join("".join(c if c.isalnum() else " " for c in name.replace("'", "")).split()) for name in names}
    columns = [Column(keys[name], name, _UNITS.get(name, "")) for name in names]
    rows = [{keys[name]: figure for name, figure in row.items()} for row in lever.rows]
    notes = [f"Pays: {lever.pays}.", *([_NOTES[lever.name]] if lever.name in _NOTES else [])]
    notes.append("A model: nothing of it is measured here; each figure names its equation.")
    return Sheet(f"lever-{lever.name.replace(' ', '-')}", f"Lever: {lever.name}", columns, rows, notes)
