"""What the entry point names, so that the plugin may be named by ``-p toolkit.pytest_plugin`` as well.

pytest does not take the same module under two names; this one has it loaded under its own, once.
"""

from __future__ import annotations

pytest_plugins = ("toolkit.pytest_plugin",)
