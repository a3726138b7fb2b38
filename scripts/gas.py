"""``ape run gas``: the gas lab (``l2kit gas``), up to 100 payments, on the node that ape is connected to."""

from __future__ import annotations

from ape import networks

from toolkit.cli.gas import gas
from toolkit.toolchain.ape import one_sentence


def main() -> None:
    """Run it; ape starts the node of its configuration, or uses that of ``--network``."""
    with one_sentence():
        gas.main(["--l1-rpc", networks.provider.http_uri, "--n", "1,10,100"], standalone_mode=False)
