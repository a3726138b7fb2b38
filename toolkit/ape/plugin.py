"""Ape with l2kit in it: ``python -m toolkit.ape.plugin WORDS`` is ``ape WORDS``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ape import plugins
from ape._cli import cli
from ape.plugins.pluggy_patch import plugin_manager

from toolkit.ape.provider import HardhatProvider, SessionProvider


@plugins.register(plugins.ProviderPlugin)
def providers() -> Iterator[tuple[str, str, type]]:
    """What ``--network ethereum:local:NAME`` can name beside ape's own and Foundry's."""
    yield "ethereum", "local", HardhatProvider
    yield "ethereum", "local", SessionProvider


def run() -> None:
    """Become ape. It looks for plugins among installed distributions called ``ape-*``, and we are none: we enrol."""
    plugin_manager.register(sys.modules[__name__], name="ape_l2kit")
    sys.argv[0] = "ape"
    cli()


if __name__ == "__main__":
    run()
