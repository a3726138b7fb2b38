"""``ape run demo``: the demonstration (``l2kit demo all``) on the node that ape is connected to."""

from __future__ import annotations

from ape import networks

from toolkit.cli.demo import demo
from toolkit.toolchain.ape import one_sentence


def main() -> None:
    """Run it; ape starts the node of its configuration, or uses that of ``--network``."""
    with one_sentence():
        demo.main(["all", "--l1-rpc", networks.provider.http_uri], standalone_mode=False)
