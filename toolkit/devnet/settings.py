"""What a service is told: a JSON file for a dataclass, and its key in the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from toolkit.crypto import SECP256K1_N
from toolkit.devnet.rpc import without_secrets
from toolkit.errors import BadInput

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

KEY_VARIABLE = "L2KIT_KEY"
"""The environment variable with the service's private key (32 bytes of hex)."""

T = TypeVar("T", bound="DataclassInstance")


def load(kind: type[T], path: Path) -> T:
    """Read a configuration file; ``kind`` is as for `parse`.

    Raises:
        BadInput: it cannot be read, or an entry is missing, unknown, or not what it should be.
    """
    try:
        found = json.loads(path.read_text())
    except OSError as error:
        raise BadInput(f"cannot read the configuration {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadInput(f"the configuration {path} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadInput(f"the configuration {path} is not a JSON object")
    return parse(kind, found, path.parent)


def parse(kind: type[T], found: Mapping[str, Any], folder: Path) -> T:
    """Make ``kind`` of a configuration's entries.

    Args:
        kind: a dataclass with fields of the types str, int, float, bool, bytes (an address), Path (relative to
            ``folder``) and dict[str, str]; ``l1_rpc`` and ``port`` are checked for what they are.

    Raises:
        BadInput: an entry is missing, unknown, or not what it should be.
    """
    known = {field.name: field for field in fields(kind)}
    if unknown := sorted(set(found) - set(known)):
        raise BadInput(f"the configuration has an entry {unknown[0]!r} that no service knows")
    values: dict[str, Any] = {}
    for name, field in known.items():
        if name in found:
            value = _value(name, str(field.type), found[name])
            values[name] = folder / value if isinstance(value, Path) else value
        elif field.default is MISSING and field.default_factory is MISSING:
            raise BadInput(f"the configuration lacks {name!r}")
    if not values.get("l1_rpc", "http://").startswith(("http://", "https://")):
        raise BadInput(f"l1_rpc {without_secrets(values['l1_rpc'])!r} is not an http:// or https:// URL")
    if values.get("port", 0) > 65535:
        raise BadInput(f"port {values['port']} is not from 0 to 65535")
    return kind(**values)


def key_from_environment() -> bytes:
    """The service's private key. Raises BadInput where there is none."""
    return parse_key(os.environ.get(KEY_VARIABLE, ""), f"the environment variable {KEY_VARIABLE}")


def parse_key(text: str, where: str) -> bytes:
    """The 32 bytes of a private key in hex. Raises BadInput, with ``where`` and without the text, where it is none."""
    try:
        key = bytes.fromhex(text.strip().removeprefix("0x"))
    except ValueError:
        key = b""
    if len(key) != 32 or not 0 < int.from_bytes(key, "big") < SECP256K1_N:
        raise BadInput(f"{where} does not hold a private key (32 bytes of hex)")
    return key


def _value(name: str, kind: str, value: Any) -> Any:
    if kind == "bytes":
        try:
            address = bytes.fromhex(value[2:]) if value[:2] == "0x" else b""
        except (TypeError, ValueError):
            address = b""
        if len(address) != 20:
            raise BadInput(f"{name} {value!r} is not an address")
        return address
    if kind == "dict[str, str]":
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise BadInput(f"{name} {value!r} is not an object with texts")
        return value
    wanted: dict[str, tuple[type, ...]] = {
        "str": (str,), "Path": (str,), "int": (int,), "float": (int, float), "bool": (bool,),
    }  # fmt: skip
    if not isinstance(value, wanted[kind]) or (isinstance(value, bool) and kind != "bool"):
        raise BadInput(f"{name} {value!r} is not a {'path' if kind == 'Path' else kind}")
    if isinstance(value, (int, float)) and value < 0:
        raise BadInput(f"{name} {value} is negative")
    return Path(str(value)) if kind == "Path" else value
