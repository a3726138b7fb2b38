"""The ``l2kit`` command. Every command is one call of the library; this room only reads words and shows results."""

from __future__ import annotations

from typing import NoReturn

from toolkit.cli.signals import end_with_owner, listen

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command line; errors become one sentence on stderr and a non-zero exit."""
    listen()  # before the rest is imported, which takes a while
    end_with_owner()
    from toolkit.cli.main import run

    run()
