"""What a party is told where its tower does not answer as a tower does."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from toolkit.channel.tower_client import TowerClient
from toolkit.devnet import free_port
from toolkit.devnet.web import listen
from toolkit.errors import ServiceError


async def trouble_with(page: web.Response | None) -> str:
    """What is said of a tower, behind a proxy with a password, that answers with a page; None: of nobody."""

    async def answer(_: web.Request) -> web.StreamResponse:
        assert page is not None
        return page

    app = web.Application()
    app.router.add_get("/v1/status", answer)
    runner, port = await listen(app, "127.0.0.1", 0)
    client = TowerClient(f"http://me:password@127.0.0.1:{port if page is not None else free_port()}")
    try:
        with pytest.raises(ServiceError) as error:
            await client.status()
        return str(error.value)
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("page", "why"),
    [
        (None, "Cannot connect to host"),
        (web.Response(text="<html>", content_type="text/html", status=401), "HTTP 401"),
        (web.Response(text="{", content_type="application/json"), "Expecting property name"),
    ],
)
def test_trouble_with_a_tower_is_told_without_the_password(page: web.Response | None, why: str) -> None:
    told = asyncio.run(trouble_with(page))
    assert told.startswith("the tower at http://***@127.0.0.1:")
    assert why in told
    for secret in ("password", "me:", "bWU6cGFzc3dvcmQ="):
        assert secret not in told
