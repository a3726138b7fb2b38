"""Single transactions at several hardforks: measured where a node runs the fork, derived where none does.

Anvil runs Prague and Osaka. Amsterdam runs on Hardhat only, which charges a part of its prices; so Amsterdam has two
columns: what Hardhat's receipts say, and the transactions of an Osaka run recounted at all of Amsterdam's prices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from toolkit.devnet.nodes import NODE_HARDFORKS
from toolkit.errors import BadInput
from toolkit.gas import eips, lab
from toolkit.gas.figure import Figure, derived, measured
from toolkit.gas.recount import Recounting
from toolkit.gas.roomy import Roomy
from toolkit.gas.schedule import AMSTERDAM, AMSTERDAM_PART, OSAKA, Schedule
from toolkit.gas.sheet import CellValue, Column, Sheet
from toolkit.world import Devnet, Options

BASE = "osaka"
"""The fork that the others are compared with: mainnet's."""
INCOMPLETE: Mapping[str, Schedule] = {"amsterdam": AMSTERDAM_PART}
"""Forks that the nodes run in part, and by which prices."""
DERIVED: Mapping[str, Schedule] = {"amsterdam": AMSTERDAM}
"""Forks that no node runs whole, and all of their prices."""


@dataclass(frozen=True)
class ForkReceipts:
    """Single transactions at one hardfork.

    Attributes:
        key: of the column: the fork's name, with ``_part`` where the node charges a part of its prices.
        header: of the column.
        kind: "measured" or "derived".
        source: the command or the equation.
        gas: by the transactions' plain names.
        missing: why others are not there.
    """

    key: str
    header: str
    kind: str
    source: str
    gas: Mapping[str, int]
    missing: str = ""

    def as_json(self) -> dict[str, Any]:
        """All of it, by name."""
        return {**vars(self), "gas": dict(self.gas)}


def node_of(hardfork: str, wanted: str = "anvil") -> str:
    """The node that runs a hardfork: the wanted one where it can.

    Raises:
        BadInput: none runs it.
    """
    runs = [node for node, hardforks in NODE_HARDFORKS.items() if hardfork in hardforks]
    if not runs:
        raise BadInput(f"no node runs the hardfork {hardfork!r}")
    return wanted if wanted in runs else runs[0]


def measure(
    hardforks: Iterable[str], options: Options | None = None, step: Callable[[str], None] = lambda _: None
) -> list[ForkReceipts]:
    """Single transactions at each of these hardforks, each on a devnet of its own; some 10 s a fork.

    Args:
        hardforks: their names, of `NODE_HARDFORKS`.
        options: of the devnets, but for node, hardfork and services.
        step: is told what goes on.

    Raises:
        BadInput: no node runs a hardfork, or the options name a node that already runs.
        CheckFailed: what a transaction did does not explain its receipt.
    """
    options = replace(options or Options(), services=False, l2_port=None)
    names = list(hardforks)
    if options.l1_rpc is not None:
        raise BadInput("a node that already runs has one hardfork: leave --l1-rpc out to compare several")
    nodes = {name: node_of(name, options.node) for name in names}  # before anything starts
    found = []
    for name in names:
        step(f"single transactions at {name} on {nodes[name]}")
        found.append(_measured(replace(options, node=nodes[name], hardfork=name)))
        if name in DERIVED:
            step(f"single transactions recounted at {name}'s prices")
            found.append(_derived(replace(options, node="anvil", hardfork=BASE), DERIVED[name]))
    return found


def measured_at(devnet: Devnet, gas: Mapping[str, int], missing: str = "") -> ForkReceipts:
    """What was measured on a devnet whose node runs its hardfork whole.

    Args:
        missing: why other transactions are not there.
    """
    name = devnet.hardfork
    source = f"receipts of l2kit gas --node {devnet.options.node} --hardfork {name}"
    if devnet.options.l1_rpc is not None:
        source = f"receipts of l2kit gas --l1-rpc, {devnet.node.version()}"
    return ForkReceipts(name, name, "measured", source, gas, missing)


def _measured(options: Options) -> ForkReceipts:
    name, part = options.hardfork, INCOMPLETE.get(options.hardfork)
    with Devnet(options) as devnet:
        version, blobs = devnet.node.version(), devnet.l1.gives_blobs()
        gas = _receipts(devnet, Roomy(devnet.node.url) if part else None)
        found = measured_at(devnet, gas, "" if blobs else f"{options.node} takes no blobs")
    if part is None:
        return found
    source = found.source + f", which charges {_list(part)} of {_list(DERIVED[name])}"
    kind = version.split("/")[0].removesuffix("Network")
    return replace(found, key=f"{name}_part", header=f"{name}, as {kind} has it", source=source)


def _derived(options: Options, prices: Schedule) -> ForkReceipts:
    with Devnet(options) as devnet:
        gas = _receipts(devnet, Recounting(devnet.node.url, prices))
    source = f"max(regular + state - refund, floor) of the transactions at {BASE}, by the prices of {_list(prices)}"
    return ForkReceipts(prices.name, prices.name, "derived", source, gas)


def _receipts(devnet: Devnet, chain: Recounting | Roomy | None) -> dict[str, int]:
    try:
        return lab.receipts(devnet, chain)
    finally:
        if chain is not None:
            chain.rpc.close()


def _list(prices: Schedule) -> str:
    return ", ".join(f"EIP-{number}" for number in prices.eips)


def sheets(found: Sequence[ForkReceipts]) -> list[Sheet]:
    """The transactions by hardfork, and what the forks' EIPs change."""
    forks = dict.fromkeys(each.key.removesuffix("_part") for each in found)
    schedules = [OSAKA, *(DERIVED[name] for name in forks if name in DERIVED)]
    return [sheet(found), eips.sheet(forks), eips.calldata_sheet(schedules)]


def sheet(found: Sequence[ForkReceipts]) -> Sheet:
    """Rows: transactions. Columns: hardforks, each with its change against Osaka where that is among them."""
    base = next((each for each in found if each.key == BASE), None)
    columns = [Column("transaction", "transaction")]
    for each in found:
        columns.append(Column(each.key, each.header, "gas"))
        if base is not None and each is not base:
            columns.append(Column(f"{each.key}_change", f"{each.header} against {BASE}", "gas"))
    names = dict.fromkeys(name for each in found for name in each.gas)
    rows = []
    for name in names:
        row: dict[str, CellValue] = {"transaction": name}
        for each in found:
            row[each.key] = _figure(each, name)
            if base is not None and each is not base and name in each.gas and name in base.gas:
                change = each.gas[name] - base.gas[name]
                row[f"{each.key}_change"] = derived(change, f"{each.header} - {BASE}")
        rows.append(row)
    return Sheet("hardforks", "One transaction at each hardfork", columns, rows, _notes(found))


def _figure(found: ForkReceipts, name: str) -> Figure:
    if name not in found.gas:
        return Figure(None, "measured", found.missing or "not measured at this hardfork")
    return (measured if found.kind == "measured" else derived)(found.gas[name], found.source)


def _notes(found: Sequence[ForkReceipts]) -> list[str]:
    notes = []
    gas = {each.key: each.gas for each in found}
    if "prague" in gas and BASE in gas:
        both = gas["prague"].keys() & gas[BASE].keys()
        most = max((abs(gas["prague"][name] - gas[BASE][name]) for name in both), default=0)
        notes.append(
            f"Between Prague and Osaka no transaction's gas moves by more than {most:,}: their prices are the same, "
            "and a hash has a zero byte more one time than another (12 gas)."
        )
    for each in found:
        if each.key.endswith("_part"):
            notes.append(f"{each.header}: {each.source}.")
        elif each.kind == "derived":
            notes.append(
                f"{each.header}: derived, not run. {each.source}; the fork is not final, and so are its prices. "
                "Transactions that only prepare a row may be above EIP-7825's cap there."
            )
    return notes
