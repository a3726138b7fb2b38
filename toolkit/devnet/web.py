"""The services' HTTP: where it listens, and whom it answers.

As geth does, a service takes application/json alone, which no web page may send elsewhere unasked, and answers under
its own names alone, so that a web page cannot reach it by rebinding a name of its own (DNS) to this machine. A page
that this machine itself serves may ask in a browser (CORS), for example one that is being written.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web

from toolkit.errors import ServiceError


def foreign(request: web.Request, *names: str) -> tuple[int, str] | None:
    """Why a request may come from somebody else's web page: the HTTP status and a sentence. None: it does not.

    Args:
        names: of this service, beside localhost and any address of IP: no name that is rebound looks like one.
    """
    try:
        name = urlsplit(f"//{request.host}").hostname or ""
    except ValueError:
        name = ""
    if name != "localhost" and name not in map(str.lower, names) and not _is_address(name):
        return 403, f"this is {names[0]}, not {request.host[:100]!r} (the Host header)"
    if request.method == "POST" and request.content_type != "application/json":
        return 415, f"the content type is {request.content_type}, not application/json"
    return None


def may_read(request: web.Request) -> dict[str, str]:
    """The headers by which a browser lets the asking page read the answer: where that page is of this machine."""
    origin = request.headers.get("Origin", "")
    try:
        name = urlsplit(origin).hostname or ""
    except ValueError:
        name = ""
    if name != "localhost" and not (_is_address(name) and ip_address(name).is_loopback):
        return {}
    return {
        "Access-Control-Allow-Origin": origin,
        "Access-Control-Allow-Methods": "GET, POST",
        "Access-Control-Allow-Headers": "Content-Type",
        "Vary": "Origin",
    }


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


async def listen(app: web.Application, host: str, port: int) -> tuple[web.AppRunner, int]:
    """Serve ``app``; returns what is to be cleaned up in the end, and the port (a free one where 0 was asked for).

    Raises:
        ServiceError: the port is in use or may not be used.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise ServiceError(f"cannot listen on {host}:{port}: {error.strerror or error}") from error
    return runner, int(runner.addresses[0][1])
