"""A network of others: an Anvil on which the development accounts own nothing, and one account of ours something."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eth_account import Account as EthAccount

from devnet.gateway import Reply
from toolkit.devnet import Account, Rpc, RunFolder, free_port
from toolkit.devnet.keys import Payer, Whereabouts
from toolkit.toolchain import anvil_path

CHAIN_ID = 424_242
KEY = bytes(range(101, 133))
PASSWORD = "correct horse battery staple"
ETHER = 10**18
_MNEMONIC = "legal winner thank year wave sausage worth useful legal winner thank yellow"


@dataclass(frozen=True)
class Foreign:
    """Such a network.

    Attributes:
        rpc: a connection to its node.
        payer: our account.
        file: its key file, which `PASSWORD` opens.
    """

    rpc: Rpc
    payer: Account
    file: Path

    def balance(self, address: str) -> int:
        return self.rpc.quantity("eth_getBalance", address, "latest")

    def owner(self) -> Payer:
        return Payer(self.payer, Whereabouts(self.file))

    @contextmanager
    def on_chain(self, chain_id: int) -> Iterator[None]:
        """The node says that it is on another chain for as long as this lasts."""
        self.rpc.call("anvil_setChainId", chain_id)
        try:
            yield
        finally:
            self.rpc.call("anvil_setChainId", CHAIN_ID)


@contextmanager
def foreign(folder: RunFolder) -> Iterator[Foreign]:
    """Start one."""
    port = free_port()
    words = [str(anvil_path()), "--port", str(port), "--chain-id", str(CHAIN_ID), "--mnemonic", _MNEMONIC]
    words += ["--accounts", "1", "--balance", "0", "--quiet", "--cache-path", str(folder.path / "foreign")]
    child, rpc = folder.start("foreign", words), Rpc(f"http://127.0.0.1:{port}")
    child.wait_until(rpc.answers, 30, "answer")
    payer, file = Account("payer", KEY), folder.path / "key.json"
    file.write_text(json.dumps(EthAccount.encrypt(KEY, PASSWORD, kdf="pbkdf2", iterations=100)))
    rpc.call("anvil_setBalance", payer.address, hex(10 * ETHER))
    yield Foreign(rpc, payer, file)
    rpc.close()
    child.stop()


def plain(body: Any) -> Reply | None:
    """The rule of a gateway before a node that is no development node: what only those know is unknown."""
    if isinstance(body, dict) and str(body["method"]).startswith(("anvil_", "hardhat_", "evm_")):
        unknown = {"code": -32601, "message": f"the method {body['method']} does not exist"}
        return Reply(200, {"jsonrpc": "2.0", "id": body["id"], "error": unknown})
    return None
