"""JSON-RPC 2.0 over HTTP: the server that every rollup service answers with.

Whatever arrives, the answer is a JSON-RPC object with a reason. Error codes are those of JSON-RPC 2.0 and EIP-1474.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import typedefs as web_types
from aiohttp import web

from toolkit.devnet.hold import Gate, StandsStill
from toolkit.devnet.web import foreign, listen, may_read
from toolkit.errors import BadInput
from toolkit.rollup.jsonrpc import (
    BUSY,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNAVAILABLE,
    ApiError,
)

MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_CALLS = 100
"""Calls in one JSON-RPC batch."""
MAX_ANSWER_BYTES = 25 * 1024 * 1024
"""Of a JSON-RPC batch's answers, beyond which its further calls are not made (as many as geth gives)."""

Method = Callable[..., Awaitable[Any]]
log = logging.getLogger(__name__)


class Server:
    """Serves JSON-RPC at ``/`` (POST), and the status for people (GET).

    Attributes:
        host, port: where it listens; the port is known after `start` where 0 was asked for.
        gate: through which every call goes.
    """

    def __init__(self, methods: Mapping[str, Method], host: str, port: int, *, max_body: int = MAX_BODY_BYTES) -> None:
        self.host, self.port = host, port
        self.gate = Gate()
        self._methods = dict(methods)
        self._signatures: dict[str, inspect.Signature] = {}
        self._max_body = max_body
        self._runner: web.AppRunner | None = None

    def answer_with(self, methods: Mapping[str, Method]) -> None:
        """Answer with other methods from now on, of the same names."""
        self._methods = dict(methods)

    async def start(self) -> None:
        """Listen.

        Raises:
            ServiceError: the port is in use or may not be used.
        """
        app = web.Application(client_max_size=self._max_body, middlewares=[self._from_here])
        app.router.add_post("/", self._post)
        app.router.add_options("/", self._options)
        if "l2_status" in self._methods:
            app.router.add_get("/", self._get)
        self._runner, self.port = await listen(app, self.host, self.port)

    async def stop(self) -> None:
        """Stop listening; calls under way are answered first."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _get(self, _request: web.Request) -> web.Response:
        answer = await self._one({"jsonrpc": "2.0", "id": 0, "method": "l2_status", "params": []})
        return _respond(answer.get("result", answer))

    async def _options(self, _request: web.Request) -> web.StreamResponse:
        """What a browser asks before it lets a page ask (CORS); the headers say."""
        return web.Response(status=204)

    @web.middleware
    async def _from_here(self, request: web.Request, handler: web_types.Handler) -> web.StreamResponse:
        """Refuse what a web page of somebody else may have sent."""
        if refused := foreign(request, self.host):
            status, why = refused
            return _respond(_failure(None, ApiError(INVALID_REQUEST, why)), status=status)
        response = await handler(request)
        response.headers.update(may_read(request))
        return response

    async def _post(self, request: web.Request) -> web.Response:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            too_large = ApiError(INVALID_REQUEST, f"the request is larger than {self._max_body} bytes")
            return _respond(_failure(None, too_large), status=413)
        try:
            call = json.loads(body)
        except (ValueError, RecursionError):
            return _respond(_failure(None, ApiError(PARSE_ERROR, "the request is not JSON")))
        if not isinstance(call, list):
            return _respond(await self._one(call))
        if not 0 < len(call) <= MAX_CALLS:
            wrong = ApiError(INVALID_REQUEST, f"a batch holds 1 to {MAX_CALLS} calls, this one {len(call)}")
            return _respond(_failure(None, wrong))
        return _send(b"[" + b", ".join(await self._each(call)) + b"]")

    async def _each(self, calls: list[Any]) -> list[bytes]:
        """The answers to a batch's calls; others' calls and the service's own work go on between them."""
        answers, size = list[bytes](), 0
        for call in calls:
            if size <= MAX_ANSWER_BYTES:
                answer = await self._one(call)
            else:
                why = f"not called: the answers before this are more than {MAX_ANSWER_BYTES} bytes"
                answer = _failure(call.get("id") if isinstance(call, dict) else None, ApiError(BUSY, why))
            answers.append(_text(answer))
            size += len(answers[-1])
            await asyncio.sleep(0)
        return answers

    async def _one(self, call: Any) -> dict[str, Any]:
        if not isinstance(call, dict) or not isinstance(call.get("method"), str):
            return _failure(None, ApiError(INVALID_REQUEST, "a call is an object with a method"))
        number, name, params = call.get("id"), call["method"], call.get("params", [])
        if name not in self._methods:
            return _failure(number, ApiError(METHOD_NOT_FOUND, f"there is no method {name[:100]}"))
        if name not in self._signatures:
            self._signatures[name] = inspect.signature(self._methods[name])
        signature = self._signatures[name]
        try:
            bound = signature.bind(**params) if isinstance(params, dict) else signature.bind(*params)
        except TypeError as error:
            usage = f"{name}({', '.join(signature.parameters)}): {error}"
            return _failure(number, ApiError(INVALID_PARAMS, usage))
        try:
            # The method is looked up when its turn comes: while it waited, the service may have been built anew.
            found = await self.gate.through(lambda: self._methods[name](*bound.args, **bound.kwargs))
            return {"jsonrpc": "2.0", "id": number, "result": found}
        except ApiError as error:
            return _failure(number, error)
        except StandsStill as error:
            return _failure(number, ApiError(UNAVAILABLE if error.begun else BUSY, str(error)))
        except BadInput as error:
            return _failure(number, ApiError(INVALID_PARAMS, str(error)))
        except Exception:
            log.exception("%s failed", name)
            return _failure(number, ApiError(INTERNAL_ERROR, f"{name} failed; the service's log says why"))


def _failure(number: Any, error: ApiError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "error": error.as_json()}


def _respond(answer: Any, status: int = 200) -> web.Response:
    return _send(_text(answer), status)


def _text(answer: Any) -> bytes:
    return json.dumps(answer).encode()


def _send(body: bytes, status: int = 200) -> web.Response:
    return web.Response(body=body, status=status, content_type="application/json")
