"""Ethereum's JSON-RPC over one kept-alive HTTP connection: calls and batches."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any

import requests

from toolkit.errors import NodeError, RpcError

BATCH = 200
"""Calls in one JSON-RPC batch."""


def without_secrets(url: str) -> str:
    """``url`` as messages show it: without the user and password before its host, and without its query."""
    return re.sub(r"\?.*", "?***", re.sub(r"^(\w+://)?.*@", r"\1***@", url))


class Rpc:
    """A JSON-RPC connection.

    Attributes:
        url: of the node.
        shown: the same `without_secrets`.

    Raises (every call):
        NodeError: nobody answers at the URL, or not in JSON-RPC.
        RpcError: the node answered with an error.
    """

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        """``timeout`` is how long the node may be silent (seconds)."""
        self.url, self.shown = url, without_secrets(url)
        self._timeout = timeout
        self._ids = itertools.count(1)
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy must not stand between us and a local node

    def call(self, method: str, *params: Any) -> Any:
        """Call one method and return its result."""
        return self._result(method, self.response(method, params))

    def quantity(self, method: str, *params: Any) -> int:
        """Call one method whose result is a number in 0x-hex."""
        found = self.call(method, *params)
        try:
            return int(found, 16)
        except (TypeError, ValueError) as error:
            raise NodeError(f"the answer of {self.shown} to {method} is not a number: {found!r:.100}") from error

    def response(self, method: str, params: Iterable[Any]) -> dict[str, Any]:
        """Call one method and return the whole answer, its error included."""
        return self._answer(method, self._post(self._request(method, params)))

    def batch(self, calls: Iterable[tuple[str, list[Any]]]) -> list[Any]:
        """Call many methods in order; returns their results in order.

        Raises RpcError for the first call that failed, after all of its batch were carried out.
        """
        results: list[Any] = []
        pending = list(calls)
        for start in range(0, len(pending), BATCH):
            part = pending[start : start + BATCH]
            answers = self.responses(part)
            results += [self._result(method, answer) for (method, _), answer in zip(part, answers, strict=True)]
        return results

    def responses(self, calls: Sequence[tuple[str, Any]]) -> list[dict[str, Any]]:
        """Call at most `BATCH` methods at once; returns their whole answers in order, errors included."""
        requests_ = [self._request(method, params) for method, params in calls]
        answers = self._post(requests_)
        if not isinstance(answers, list):
            raise RpcError(calls[0][0], -32603, f"the node refused a batch of {len(calls)} calls")
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        return [self._answer(request["method"], by_id.get(request["id"])) for request in requests_]

    def answers(self) -> bool:
        """Whether a node answers at the URL."""
        try:
            self.call("eth_chainId")
        except NodeError:
            return False
        return True

    def close(self) -> None:
        """Close the connection."""
        self._session.close()

    def _request(self, method: str, params: Iterable[Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _post(self, body: Any) -> Any:
        try:
            response = self._session.post(self.url, json=body, timeout=self._timeout)
            return response.json()
        except requests.exceptions.JSONDecodeError as error:
            raise NodeError(
                f"what answers at {self.shown} does not speak JSON-RPC (HTTP {response.status_code})"
            ) from error
        except requests.Timeout as error:
            raise NodeError(f"no Ethereum node answers at {self.shown} within {self._timeout:g} s") from error
        except requests.RequestException as error:
            raise NodeError(f"no Ethereum node answers at {self.shown}") from error

    def _answer(self, method: str, answer: Any) -> dict[str, Any]:
        if isinstance(answer, dict):
            error = answer.get("error")
            if isinstance(error, dict) or (error is None and "result" in answer):
                return answer
        raise NodeError(f"the answer of {self.shown} to {method} is not JSON-RPC")

    @staticmethod
    def _result(method: str, answer: dict[str, Any]) -> Any:
        if error := answer.get("error"):
            raise RpcError(method, error.get("code", 0), error.get("message", ""), error.get("data"))
        return answer["result"]
