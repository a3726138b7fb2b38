"""ape with l2kit in it: ``python -m toolkit.ape.plugin WORDS`` is ``ape WORDS``."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import ape
from ape import plugins
from ape._cli import cli
from ape.plugins.network import ProviderPlugin
from ape.plugins.pluggy_patch import plugin_manager

from toolkit.ape.provider import SESSION, HardhatProvider, SessionProvider, description
from toolkit.devnet.running import running_sessions
from toolkit.errors import BadInput
from toolkit.toolchain.folders import say, write_atomically

_EXTRAS = '''"""Written by l2kit: what ape's console knows by name."""

from toolkit.ape.console import at_hand


def ape_init_extras():
    return at_hand()
'''


@plugins.register(ProviderPlugin)
def providers() -> Iterator[tuple[str, str, type]]:
    """What ``--network ethereum:local:NAME`` can name beside ape's own and Foundry's."""
    yield "ethereum", "local", HardhatProvider
    yield "ethereum", "local", SessionProvider


def run(words: Sequence[str]) -> None:
    """Become ape. It looks for plugins among installed distributions called ``ape-*``, and we are none: we enrol."""
    plugin_manager.register(sys.modules[__name__], name="ape_l2kit")
    _write_extras(Path(ape.config.DATA_FOLDER) / "ape_console_extras.py")
    try:
        sys.argv = ["ape", *on_session(words)]
    except BadInput as error:
        say(f"l2kit: {error}")
        sys.exit(1)
    cli(prog_name="ape")


def on_session(words: Sequence[str]) -> list[str]:
    """The words of a command, by which its console is on the session that runs, unless they name a network.

    Raises:
        BadInput: several sessions run and none is named, or there is none of that name.
    """
    if words[:1] != ["console"] or any(word.split("=")[0] in ("--network", "--help", "-h") for word in words):
        return list(words)
    if not running_sessions() and not os.environ.get(SESSION):
        say("no session runs ('l2kit up' starts one): on a node of its own, with alice and the other accounts")
        return list(words)
    found = json.loads(description().read_text())
    names = ", ".join([*found["contracts"], *(each["name"] for each in found["accounts"]), "devnet"])
    say(f"on L1 of the session {found['session']!r}, with {names}")
    return ["console", "--network", f"ethereum:local:{SessionProvider.NAME}", *words[1:]]


def _write_extras(path: Path) -> None:
    if not path.is_file() or path.read_text("utf-8") != _EXTRAS:
        write_atomically(path, _EXTRAS.encode())


if __name__ == "__main__":
    run(sys.argv[1:])
