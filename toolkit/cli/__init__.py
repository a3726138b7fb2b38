"""The ``l2kit`` command. Every command is one call of the library; this room only reads words and shows results."""

from toolkit.cli.main import main

__all__ = ["main"]
