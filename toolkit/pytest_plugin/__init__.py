"""The pytest plugin: every test has a devnet of its own, as far as it can tell; `fixtures` has all of it.

``-p toolkit.pytest_plugin`` brings it, as the entry point does by `entry`, also both at once.
"""

from __future__ import annotations

pytest_plugins = ("toolkit.pytest_plugin.fixtures",)
