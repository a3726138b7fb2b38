"""``ape run deploy``: deploy every contract to the node that ape is connected to, and print the addresses."""

from __future__ import annotations

import json
import sys

from ape import networks

from toolkit.toolchain.ape import one_sentence
from toolkit.world import Devnet, Options


def main() -> None:
    """Deploy; the contracts stay on a node that goes on, such as ``--network ethereum:local:http://127.0.0.1:8545``."""
    with one_sentence(), Devnet(Options(l1_rpc=networks.provider.http_uri, services=False)) as devnet:
        addresses = {name: contract.address for name, contract in devnet.contracts.items()}
    sys.stdout.write(json.dumps(addresses, indent=2) + "\n")
