"""Every function, event and error of the contracts, with their NatSpec, as the compiler tells them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from toolkit import compile
from toolkit.crypto import keccak256
from toolkit.reference.markdown import page, table

DEPLOYED = {
    "PaymentChannels": "contracts/channel/IPaymentChannels.sol",
    "Inbox": "contracts/rollup/IInbox.sol",
    "Rollup": "contracts/rollup/IRollup.sol",
    "Dispute": "contracts/rollup/IDispute.sol",
    "PaymentsMachine": "contracts/rollup/PaymentsMachine.sol",
    "Bridge": "contracts/bridge/IBridge.sol",
    "BatchPay": "contracts/baseline/BatchPay.sol",
    "Token": "contracts/baseline/Token.sol",
    "SimpleStorage": "contracts/baseline/SimpleStorage.sol",
}
"""The contracts that a devnet or the gas lab deploys, and where each one's documentation is written."""

_ABOUT = (
    "The contracts that a devnet deploys, and those that the gas lab measures against. All are compiled with one solc "
    "and one set of settings (`toolkit/compile.py`). None has an owner, a proxy or a pause. Amounts are in wei or in a "
    "token's base units, times in seconds."
)

Entry = dict[str, Any]


@cache
def documentation() -> dict[str, dict[str, Any]]:
    """What the compiler tells of every contract, asked for once."""
    return compile.documentation()


def contracts() -> str:
    """The page of all contracts."""
    told = documentation()
    index = table(
        ["contract", "what it is"], ([f"[`{name}`](#{name.lower()})", _title(told, name)] for name in DEPLOYED)
    )
    return page("The contracts", _ABOUT, [index, *(_contract(told, name) for name in DEPLOYED)])


def errors() -> list[tuple[str, str, str]]:
    """Every error of the contracts by name: its signature, what it means, and whose it is."""
    told = documentation()
    known = _known(told, "errors")
    found: dict[str, tuple[str, set[str]]] = {}
    for name in DEPLOYED:
        for entry in _entries(told, name, "error"):
            found.setdefault(_declared(entry), (known.get(_signature(entry), ""), set()))[1].add(name)
    return [(declared, notice, ", ".join(sorted(whose))) for declared, (notice, whose) in sorted(found.items())]


def _contract(told: Mapping[str, Any], name: str) -> str:
    parts = [f"## {name}", _notice(told, name), f"Source: [`{DEPLOYED[name]}`](../../{DEPLOYED[name]})"]
    functions = _entries(told, name, "function")
    changing = [each for each in functions if each["stateMutability"] in ("payable", "nonpayable")]
    reading = [each for each in functions if each not in changing]
    if changing:
        parts.append("### Functions that change something")
        parts += [_function(told, name, each) for each in changing]
    if reading:
        rows = [[f"`{_declared(each)}`{_returned(each)}", _said(told, name, each)] for each in reading]
        parts += ["### Functions that only read", table(["function", "what it gives"], rows)]
    for kind, plural in (("event", "events"), ("error", "errors")):
        known = _known(told, plural)
        rows = [[f"`{_declared(each)}`", known.get(_signature(each), "")] for each in _entries(told, name, kind)]
        if rows:
            parts += [f"### {plural.capitalize()}", table([kind, "what it means"], rows)]
    if structs := _structs(_entries(told, name, "function")):
        parts += [
            "### Structs",
            table(["struct", "fields"], ([f"`{each}`", f"`{of}`"] for each, of in structs.items())),
        ]
    return "\n\n".join(part for part in parts if part)


def _function(told: Mapping[str, Any], name: str, entry: Entry) -> str:
    paid = ", payable" if entry["stateMutability"] == "payable" else ""
    parts = [f"#### {entry['name']}", f"`{_declared(entry)}`{_returned(entry)}{paid}, selector `{_selector(entry)}`"]
    parts.append(_said(told, name, entry))
    params = _dev(told, name, entry).get("params", {})
    if params:
        parts.append("\n".join(f"- `{each}`: {_line(text)}" for each, text in params.items()))
    return "\n\n".join(part for part in parts if part)


def _said(told: Mapping[str, Any], name: str, entry: Entry) -> str:
    """A function's notice, its details, and what it returns."""
    user = told[name]["userdoc"].get("methods", {}).get(_signature(entry), {})
    dev = _dev(told, name, entry)
    returned = [f"Returns {each if each != '_0' else ''} {text}".replace("  ", " ") for each, text in _gives(dev)]
    return " ".join(_line(text) for text in (user.get("notice", ""), dev.get("details", ""), *returned) if text)


def _gives(dev: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    found: Mapping[str, str] = dev.get("returns", {})
    return found.items()


def _dev(told: Mapping[str, Any], name: str, entry: Entry) -> dict[str, Any]:
    """What the developers' documentation says of a function, or of the constant that it reads."""
    dev = told[name]["devdoc"]
    found = dev.get("methods", {}).get(_signature(entry)) or dev.get("stateVariables", {}).get(entry["name"], {})
    return dict(found)


def _known(told: Mapping[str, Any], plural: str) -> dict[str, str]:
    """The notices of events or errors, by signature; also of those that a contract has from another one's file."""
    found: dict[str, str] = {}
    for each in told.values():
        for signature, said in each["userdoc"].get(plural, {}).items():
            for one in said if isinstance(said, list) else [said]:
                found.setdefault(signature, _line(one.get("notice", "")))
    return found


def _entries(told: Mapping[str, Any], name: str, kind: str) -> list[Entry]:
    found = [each for each in told[name]["abi"] if each["type"] == kind]
    unique = {_signature(each): each for each in found}
    return sorted(unique.values(), key=lambda each: (each["name"].lower(), _signature(each)))


def _title(told: Mapping[str, Any], name: str) -> str:
    notice = _notice(told, name)
    return re.split(r"(?<=[.;:])\s", _line(notice))[0].rstrip(";:.")


def _notice(told: Mapping[str, Any], name: str) -> str:
    """The notice and details of a contract's interface, or where there is none its own."""
    for each in (f"I{name}", name):
        if each in told:
            parts = [told[each]["userdoc"].get("notice", ""), told[each]["devdoc"].get("details", "")]
            if text := " ".join(_line(part) for part in parts if part):
                return text
    return ""


def _declared(entry: Entry) -> str:
    inside = ", ".join(f"{_type(each)} {each['name']}".strip() for each in entry["inputs"])
    return f"{entry['name']}({inside})"


def _returned(entry: Entry) -> str:
    inside = ", ".join(f"{_type(each)} {each['name']}".strip() for each in entry.get("outputs", ()))
    return f" returns `({inside})`" if inside else ""


def _type(given: Entry) -> str:
    """A type as Solidity has it: a struct by its name, an interface as the address that it is."""
    internal = re.sub(r"^(struct|enum) ", "", str(given.get("internalType", given["type"])))
    return str(given["type"]) if internal.startswith("contract ") else internal.rpartition(".")[2]


def _structs(entries: Iterable[Entry]) -> dict[str, str]:
    found: dict[str, str] = {}

    def look(given: Entry) -> None:
        if given["type"].startswith("tuple"):
            fields = ", ".join(f"{_type(each)} {each['name']}" for each in given["components"])
            found.setdefault(re.sub(r"(\[\d*\])+$", "", _type(given)), fields)
            for each in given["components"]:
                look(each)

    for entry in entries:
        for each in (*entry["inputs"], *entry.get("outputs", ())):
            look(each)
    return dict(sorted(found.items()))


def _signature(entry: Entry) -> str:
    return f"{entry['name']}({','.join(map(_canonical, entry['inputs']))})"


def _canonical(given: Entry) -> str:
    if not given["type"].startswith("tuple"):
        return str(given["type"])
    return f"({','.join(map(_canonical, given['components']))}){given['type'][len('tuple') :]}"


def _selector(entry: Entry) -> str:
    return f"0x{keccak256(_signature(entry).encode())[:4].hex()}"


def _line(text: str) -> str:
    return " ".join(text.split())
