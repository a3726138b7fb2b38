"""What the entry point names: pytest does not take the same module under two names, as ``-p`` would be the second."""

from __future__ import annotations

pytest_plugins = ("toolkit.pytest_plugin.fixtures",)
