"""What the services answer over HTTP: their methods, as their own code lists them."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
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
    f"{MAX_CALLS} calls in one request and {MAX_BODY_BYTES >> 20} MiB at most; `GET /` gives `l2_status`. 32-bit and larger "
    "numbers may be given as numbers, decimal text or hex; amounts are answered as decimal text, since JSON's numbers are "
    "not exact. The watchtower and the channel peers have ways of their own, at the end."
)

T = TypeVar("T")


def services() -> dict[str, Mapping[str, Method]]:
    """The methods of each service by name; those that only a setting brings are among them."""
    watcher, ethereum = _unstarted(Watcher), _unstarted(EthereumApi)
    provider = _unstarted(ProviderService, watcher=watcher)
    return {
        "sequencer": _unstarted(
            SequencerApi, _ethereum=ethereum, _seal_on_demand=True, _batch_data_on_demand=True
        ).methods(),
        "verifier": _unstarted(VerifierService, _watcher=watcher, _ethereum=ethereum).methods(),
        "proposer": _unstarted(ProposerService, _watcher=watcher, _on_demand=True).methods(),
        "provider": _unstarted(ProviderApi, _service=provider).methods(),
    }


def methods() -> str:
    """The page of all methods."""
    found = services()
    ethereum = {name: method for name, method in found["sequencer"].items() if not name.startswith(("l2_", "lp_"))}
    parts = [
        _service(role, {name: each for name, each in of.items() if name not in ethereum}) for role, of in found.items()
    ]
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


def _service(role: str, of: Mapping[str, Method]) -> str:
    return f"## The {role}\n\n{_table(of)}"


def _table(of: Mapping[str, Method]) -> str:
    rows = [
        [f"`{name}({', '.join(inspect.signature(method).parameters)})`", _said(method)] for name, method in of.items()
    ]
    return table(["method", "what it answers"], rows)


def _said(method: Method) -> str:
    text = re.sub(r"\b(Args|Raises):", "", inspect.getdoc(method) or "")
    return " ".join(text.split())


def _errors() -> str:
    rows = [
        [str(code), name.lower().replace("_", " ")] for name, code in sorted(codes().items(), key=lambda each: -each[1])
    ]
    return f"## Errors\n\nCodes of JSON-RPC 2.0 and EIP-1474; the message says what was wrong.\n\n{table(['code', 'what'], rows)}"


def _unstarted(kind: type[T], **parts: Any) -> T:
    """A service with nothing in it but the parts whose methods it passes on: enough to list them."""
    made = object.__new__(kind)
    for name, part in parts.items():
        setattr(made, name, part)
    return made
