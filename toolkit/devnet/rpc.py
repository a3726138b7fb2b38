"""Ethereum's JSON-RPC over one kept-alive HTTP connection: calls and batches, made again where that may help."""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from collections.abc import Iterable, Sequence
from typing import Any

import requests

from toolkit.devnet.retry import BUSY, PATIENCE_SECONDS, Backoff, is_here, is_rate_limit, may_repeat, retry_after
from toolkit.errors import BadInput, NodeError, RpcError

BATCH = 200
"""Calls in one JSON-RPC batch."""
MOST_BYTES = 1 << 28
"""That a node which is not on this machine may answer with at once."""
HEADER_VARIABLE = "L2KIT_RPC_HEADER"
"""The environment variable with a header, "Authorization: Bearer ...", for nodes that are not on this machine."""

_PLAIN = re.compile(
    r"[a-z]{1,12}([-_.][a-z]{1,12}){0,3}|[A-Za-z]|v?\d{1,5}"
)  # of a path: a word, a version, a chain id
_HOST_TOKEN = re.compile(r"(?=[^.]*\d)[0-9a-zA-Z_-]{20,}(?=\.)")
_REFUSED = (401, 403)


def without_secrets(url: str) -> str:
    """``url`` as messages show it: without what may be a secret, which providers put anywhere.

    Gone are the user and password before the host, the query, the fragment, a long part of the host's name with a
    digit in it, and of the path all that is no plain word.

    >>> without_secrets("https://user:password@example.org/v3/0123456789abcdef?key=1")
    'https://***@example.org/v3/***?***'
    """
    head = re.sub(r"^(\w+://)?.*@", r"\1***@", url)
    head = re.sub(r"#.*", "#***", re.sub(r"\?.*", "?***", head))
    parts = re.fullmatch(r"(\w+://)?([^/?#]*)([^?#]*)(.*)", head, re.DOTALL)
    if parts is None:
        return "***"
    scheme, host, path, rest = (part or "" for part in parts.groups())
    shown = "/".join(part if not part or _PLAIN.fullmatch(part) else "***" for part in path.split("/"))
    return scheme + _HOST_TOKEN.sub("***", host) + shown + rest


class Rpc:
    """A JSON-RPC connection.

    What may be repeated (`toolkit.devnet.retry.may_repeat`) is, with pauses that grow, where the connection breaks, the
    node is silent, or says that it is busy (HTTP 429, 502, 503, 504, or a JSON-RPC error about its rate limit), for
    ``patience`` seconds at most. But a node of this machine that does not answer is told of at once.

    A node that takes no batches gets one call at a time.

    Attributes:
        url: of the node.
        shown: the same `without_secrets`.

    Raises (every call):
        NodeError: nobody answers at the URL, or not in JSON-RPC.
        RpcError: the node answered with an error.
    """

    def __init__(self, url: str, timeout: float = 60.0, *, patience: float = PATIENCE_SECONDS) -> None:
        """
        Args:
            timeout: how long the node may be silent (seconds).
            patience: how long to wait in all before a call is not tried again (seconds).

        Raises:
            BadInput: the variable `HEADER_VARIABLE` holds no header.
        """
        self.url, self.shown = url, without_secrets(url)
        self._timeout, self._patience = timeout, patience
        self._ids = itertools.count(1)
        self._is_here = is_here(url)
        self._takes_batches = True
        self._session = requests.Session()
        self._session.trust_env = False  # a proxy must not stand between us and a local node
        if not self._is_here:
            self._session.headers.update(_header())

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
        request = self._request(method, params)
        backoff = Backoff(self._patience)
        while True:
            answer = self._answer(method, self._post(request, may_repeat(method), backoff))
            if not self._is_to_repeat(method, answer, backoff):
                return answer

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
        if not self._takes_batches:
            return [self.response(method, params) for method, params in calls]
        requests_ = [self._request(method, params) for method, params in calls]
        backoff = Backoff(self._patience)
        repeats = all(may_repeat(method) for method, _ in calls)
        while True:
            answers = self._post(requests_, repeats, backoff)
            if isinstance(answers, list):
                break
            error = answers.get("error") if isinstance(answers, dict) else None
            limited = isinstance(error, dict) and is_rate_limit(error)
            if limited and repeats and (pause := backoff.pause()) is not None:
                time.sleep(pause)
                continue
            # It has carried out none of them: one error, or another answer, for all.
            self._takes_batches = False
            return [self.response(method, params) for method, params in calls]
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        found = [self._answer(request["method"], by_id.get(request["id"])) for request in requests_]
        # Some of a batch may be one too many for a node that counts what is asked of it.
        return [
            self.response(method, params) if may_repeat(method) and _is_limited(answer) else answer
            for (method, params), answer in zip(calls, found, strict=True)
        ]

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

    def _is_to_repeat(self, method: str, answer: dict[str, Any], backoff: Backoff) -> bool:
        """Whether to ask again because of a rate limit, after a pause that is over when this returns."""
        if not (may_repeat(method) and _is_limited(answer)):
            return False
        pause = backoff.pause()
        if pause is not None:
            time.sleep(pause)
        return pause is not None

    def _post(self, body: Any, repeats: bool, backoff: Backoff) -> Any:
        """What the node answers, in JSON; asked again, if that ``repeats`` no harm, as long as ``backoff`` lets us."""
        while True:
            asked = None
            try:
                # Nobody sends us elsewhere: what goes along (a header's token, a signed transaction) is for this node.
                response = self._session.post(
                    self.url, json=body, timeout=self._timeout, allow_redirects=False, stream=not self._is_here
                )
                if response.status_code not in BUSY:
                    return self._json(response, isinstance(body, list))
                asked = retry_after(response.headers.get("Retry-After"))
                response.close()
                trouble = NodeError(f"what answers at {self.shown} has no time for us (HTTP {response.status_code})")
            except requests.Timeout:
                trouble = NodeError(f"no Ethereum node answers at {self.shown} within {self._timeout:g} s")
                repeats = repeats and not self._is_here
            except requests.RequestException as error:
                trouble = NodeError(f"no Ethereum node answers at {self.shown}")
                repeats = repeats and (not self._is_here or _broke_off(error))
            pause = backoff.pause(asked) if repeats else None
            if pause is None:
                raise trouble
            time.sleep(pause)

    def _json(self, response: requests.Response, is_batch: bool) -> Any:
        if response.is_redirect:
            there = without_secrets(response.headers.get("Location", ""))
            raise NodeError(
                f"what answers at {self.shown} sends us to {there} (HTTP {response.status_code}), where we do not go"
            )
        try:
            return json.loads(response.content if self._is_here else self._bounded(response))
        except (ValueError, RecursionError):
            if is_batch and response.status_code >= 400 and response.status_code not in _REFUSED:
                return None  # it takes no batches, or none as large
            why = ": it wants another key, or none of ours" if response.status_code in _REFUSED else ""
            raise NodeError(
                f"what answers at {self.shown} does not speak JSON-RPC (HTTP {response.status_code}){why}"
            ) from None

    def _bounded(self, response: requests.Response) -> bytes:
        """The body; raises NodeError where it has no end in sight."""
        found = bytearray()
        for part in response.iter_content(1 << 16):
            found += part
            if len(found) > MOST_BYTES:
                response.close()
                raise NodeError(f"the answer of {self.shown} is longer than {MOST_BYTES:,} bytes")
        return bytes(found)

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


def _is_limited(answer: dict[str, Any]) -> bool:
    error = answer.get("error")
    return isinstance(error, dict) and is_rate_limit(error)


def _broke_off(error: requests.RequestException) -> bool:
    """Whether somebody was there, and ended the connection: kept alive for too long, perhaps."""
    return any(word in str(error) for word in ("RemoteDisconnected", "Connection aborted", "reset by peer"))


def _header() -> dict[str, str]:
    text = os.environ.get(HEADER_VARIABLE, "")
    name, colon, value = text.partition(":")
    if text and (not colon or not re.fullmatch(r"[A-Za-z0-9-]+", name.strip()) or not value.strip().isprintable()):
        raise BadInput(f"the environment variable {HEADER_VARIABLE} does not hold a header, as 'Name: value'")
    return {name.strip(): value.strip()} if text else {}
