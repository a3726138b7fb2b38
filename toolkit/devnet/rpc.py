"""Ethereum's JSON-RPC over one kept-alive HTTP connection: calls and batches."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import requests

from toolkit.errors import NodeError, RpcError

BATCH = 200
"""Calls in one JSON-RPC batch; Anvil's automine slows down when about 1,000 transactions are pending at once."""


class Rpc:
    """A JSON-RPC connection.

    Raises (every call):
        NodeError: nobody answers at the URL.
        RpcError: the node answered with an error.
    """

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        self.url = url
        self._timeout = timeout
        self._ids = itertools.count(1)
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy must not stand between us and a local node

    def call(self, method: str, *params: Any) -> Any:
        """Call one method and return its result."""
        return self._result(method, self._post(self._request(method, params)))

    def response(self, method: str, params: Iterable[Any]) -> dict[str, Any]:
        """Call one method and return the whole answer, its error included."""
        answer: dict[str, Any] = self._post(self._request(method, params))
        return answer

    def batch(self, calls: Iterable[tuple[str, list[Any]]]) -> list[Any]:
        """Call many methods in order; returns their results in order.

        Raises RpcError for the first call that failed, after all of its batch were carried out.
        """
        results: list[Any] = []
        pending = list(calls)
        for start in range(0, len(pending), BATCH):
            part = pending[start : start + BATCH]
            requests_ = [self._request(method, params) for method, params in part]
            answers = self._post(requests_)
            if not isinstance(answers, list):
                raise RpcError(part[0][0], -32603, f"the node refused a batch of {len(part)} calls")
            by_id = {answer["id"]: answer for answer in answers}
            results += [self._result(request["method"], by_id[request["id"]]) for request in requests_]
        return results

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
                f"what answers at {self.url} does not speak JSON-RPC (HTTP {response.status_code})"
            ) from error
        except requests.RequestException as error:
            raise NodeError(f"no Ethereum node answers at {self.url} ({type(error).__name__})") from error

    @staticmethod
    def _result(method: str, answer: Any) -> Any:
        if not isinstance(answer, dict) or ("result" not in answer and "error" not in answer):
            raise NodeError(f"the node's answer to {method} is not JSON-RPC")
        if error := answer.get("error"):
            raise RpcError(method, error.get("code", 0), error.get("message", ""), error.get("data"))
        return answer["result"]
