"""A gateway before a node, as providers have them: it can be busy, silent, ill, and choosy."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests


@dataclass
class Reply:
    """What the gateway says instead of asking the node; a ``status`` of 0 ends the connection without a word."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    after: bool = False  # it has asked the node all the same, and keeps the answer to itself


Rule = Callable[[Any], "Reply | None"]
"""From what is asked to a reply, or None: the node answers."""


@dataclass
class Gateway:
    """A gateway at ``url``; ``asked`` is all that it was asked, ``headers`` those of the last request."""

    url: str
    rule: Rule
    asked: list[Any] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def methods(self) -> list[str]:
        """The methods asked for one at a time, in order; "batch" for a batch."""
        return ["batch" if isinstance(body, list) else str(body["method"]) for body in self.asked]


@contextmanager
def gateway(node: str, rule: Rule, host: str = "127.0.0.1") -> Iterator[Gateway]:
    """A gateway before the node at that URL, which follows a rule."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            here.asked.append(body)
            here.headers = dict(self.headers)
            reply = here.rule(body)
            if reply is None or reply.after:
                answer = requests.post(node, json=body, timeout=10).content
                if reply is None:
                    reply = Reply(200, answer)
            if reply.status == 0:
                self.close_connection = True
                return
            text = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            self.send_response(reply.status)
            for name, value in reply.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer((host, 0), Handler)
    here = Gateway(f"http://{host}:{server.server_address[1]}", rule)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()


def first(times: int, reply: Reply, method: str | None = None) -> Rule:
    """The reply to the first so many requests (for a method)."""
    left = [times]

    def rule(body: Any) -> Reply | None:
        if left[0] and (method is None or (isinstance(body, dict) and body["method"] == method)):
            left[0] -= 1
            return reply
        return None

    return rule
