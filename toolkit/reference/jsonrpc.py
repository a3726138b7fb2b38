"""What the services answer over HTTP: their methods, as their own code lists them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Collection, Mapping
from typing import Any, TypeVar

from toolkit.bridge.provider import ProviderService
from toolkit.bridge.provider_api import ProviderApi
from toolkit.channel import control, tower, wire
from toolkit.reference.markdown import code, docstring, page, table
from toolkit.rollup import ethereum_api, jsonrpc
from toolkit.rollup.api import MAX_BODY_BYTES, MAX_CALLS, Method
from toolkit.rollup.ethereum_api import EthereumApi
from toolkit.rollup.proposer import ProposerService
from toolkit.rollup.sequencer_api import SequencerApi
from toolkit.rollup.verifier import VerifierService
from toolkit.rollup.watcher import Watcher

_ABOUT = (
    "Sequencer, proposer, verifier and liquidity provider answer JSON-RPC 2.0 over HTTP, by position or by name, "
    f"{MAX_CALLS} calls in one request and {MAX_BODY_BYTES >> 20} MiB at most; `GET /` gives `l2_status`. Numbers may "
    "be given as such, as decimal text or as hex; amounts are answered as decimal text, since JSON's numbers are not "
    "exact. The watchtower and the channel peers have ways of their own, at the end."
)

T = TypeVar("T")


def services(*, settings: bool = True) -> dict[str, Mapping[str, Method]]:
    """The methods of each service by name; those that only a setting brings are among them where ``settings``."""
    watcher, ethereum = _unstarted(Watcher), _unstarted(EthereumApi)
    provider = _unstarted(ProviderService, watcher=watcher)
    on_demand = {"_seal_on_demand": settings, "_batch_data_on_demand": settings}
    return {
        "sequencer": _unstarted(SequencerApi, _ethereum=ethereum, **on_demand).methods(),
        "verifier": _unstarted(VerifierService, _watcher=watcher, _ethereum=ethereum).methods(),
        "proposer": _unstarted(ProposerService, _watcher=watcher, _on_demand=settings).methods(),
        "provider": _unstarted(ProviderApi, _service=provider).methods(),
    }


def methods() -> str:
    """The page of all methods."""
    found, always = services(), services(settings=False)
    ethereum = {name: method for name, method in found["sequencer"].items() if not name.startswith(("l2_", "lp_"))}
    parts = []
    for role, of in found.items():
        own = {name: method for name, method in of.items() if name not in ethereum}
        parts.append(f"## The {role}\n\n{_table(own, set(own) - set(always[role]))}")
    shown = docstring(ethereum_api.__doc__)
    parts.append(
        f"## Ethereum's methods\n\nThe sequencer and the verifier have these, too. {shown}\n\n{_table(ethereum)}"
    )
    parts.append(_errors())
    for title, module in (("The watchtower", tower), ("A channel peer's owner", control), ("Between two peers", wire)):
        parts.append(f"## {title}\n\n{code(inspect.cleandoc(module.__doc__ or ''))}")
    return page("JSON-RPC", _ABOUT, parts)


def codes() -> dict[str, int]:
    """The codes of JSON-RPC errors by what they mean."""
    return {
        name: value for name, value in vars(jsonrpc).items() if name.isupper() and isinstance(value, int) and value < 0
    }


def _table(of: Mapping[str, Method], on_demand: Collection[str] = ()) -> str:
    rows = []
    for name, method in of.items():
        when = " (Only with the setting that allows it: `SECURITY.md`.)" if name in on_demand else ""
        rows.append([f"`{name}({', '.join(inspect.signature(method).parameters)})`", _said(method) + when])
    return table(["method", "what it answers"], rows)


def _said(method: Method) -> str:
    text = re.sub(r"\b(Args|Raises):", "", inspect.getdoc(method) or "")
    return " ".join(text.split())


def _errors() -> str:
    rows = [
        [str(code), name.lower().replace("_", " ")] for name, code in sorted(codes().items(), key=lambda each: -each[1])
    ]
    about = "Codes of JSON-RPC 2.0 and EIP-1474; the message says what was wrong."
    return f"## Errors\n\n{about}\n\n{table(['code', 'what'], rows)}"


def _unstarted(kind: type[T], **parts: Any) -> T:
    """A service with nothing in it but the parts whose methods it passes on: enough to list them."""
    made = object.__new__(kind)
    for name, part in parts.items():
        setattr(made, name, part)
    return made
