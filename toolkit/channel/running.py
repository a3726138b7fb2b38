"""What the processes of the channels' protocol share: how they start, say that they answer, and end."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from toolkit.devnet.hold import settle
from toolkit.devnet.settings import key_from_environment
from toolkit.errors import L2KitError

Announce = Callable[[dict[str, Any]], None]


class Runs(Protocol):
    """A service that runs until it is stopped."""

    async def run(self, announce: Announce) -> None:
        """Serve; tell ``announce`` where it answers."""

    def stop(self) -> None:
        """Let `run` end."""


def write_ready(file: Path, what: dict[str, Any]) -> None:
    """Write ``what`` to a file that is there whole or not at all."""
    written = file.with_suffix(".new")
    written.write_text(json.dumps(what))
    written.replace(file)


def say_ready(what: dict[str, Any]) -> None:
    """One line of JSON on standard output."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


async def serve(service: Runs, announce: Announce = say_ready) -> None:
    """Run a service until SIGTERM or SIGINT; ``announce`` is told where it answers."""
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, service.stop)

    def works(what: dict[str, Any]) -> None:
        settle()
        announce(what)

    await service.run(works)


def main(module: str, description: str, make: Callable[[Path, bytes], Runs], arguments: list[str] | None) -> int:
    """``python -m module --config FILE`` with the key in the environment; returns the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--config", type=Path, required=True, help="the JSON file")
    options = parser.parse_args(arguments)
    try:
        asyncio.run(serve(make(options.config, key_from_environment())))
    except L2KitError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0
