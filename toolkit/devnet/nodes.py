"""Ethereum nodes behind one small interface: start, snapshot, revert, travel, stop.

Anvil is the default, Hardhat the second, and `attach` takes any node that already runs.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Protocol
from urllib.parse import urlsplit

from toolkit.devnet.accounts import DERIVED, DEV_MNEMONIC
from toolkit.devnet.networks import Consent, check
from toolkit.devnet.process import Child, RunFolder
from toolkit.devnet.rpc import Rpc, without_secrets
from toolkit.errors import BadInput, L2KitError, NodeError, RpcError, ServiceError

DEV_CHAIN_ID = 31337
HARDFORK = "osaka"
"""Whose rules a node follows where nobody says otherwise: mainnet's."""
NODE_HARDFORKS = {"anvil": ("prague", "osaka"), "hardhat": ("prague", "osaka", "amsterdam")}
"""The hardforks that each node can run, the oldest first. Hardhat 3.18 knows a part of Amsterdam's EIPs only
(`toolkit.gas.schedule`), and Anvil 1.7.1 panics when asked for it."""
NODES_WITHOUT_BLOBS = ("hardhat",)
"""Those of which no JSON-RPC method gives a transaction's blobs."""
BLOCK_GAS_LIMIT = 60_000_000
_START_SECONDS = 30.0
GENESIS_TIMESTAMP = 1_767_225_600
"""When a chain begins that shall be the same each time: 2026-01-01, 00:00 UTC (seconds)."""
ATTACH_SECONDS = 10.0
"""How long a node that already runs may take for its first answer."""
_ATTACH_PATIENCE_SECONDS = 3.0


class Node(Protocol):
    """A running Ethereum node.

    Attributes:
        kind: "anvil", "hardhat" or "external".
        url: its JSON-RPC URL.
        rpc: a connection to it.
        chain_id: its EIP-155 chain id.
        is_public: whether its chain is others' as well.
        child: its process; None where somebody else has started it.
    """

    kind: str
    url: str
    rpc: Rpc
    chain_id: int
    is_public: bool
    child: Child | None

    def snapshot(self) -> str:
        """Remember the whole state; returns an id that `revert` takes once."""
        ...

    def revert(self, snapshot: str) -> None:
        """Return to a snapshot."""
        ...

    def travel(self, seconds: int) -> int:
        """Move the clock forward and mine a block; returns that block's timestamp (seconds)."""
        ...

    def version(self) -> str:
        """What the node calls itself (web3_clientVersion)."""
        ...

    def check_alive(self) -> None:
        """Raise NodeError where the node has ended."""
        ...

    def check_process(self) -> None:
        """The same, without asking it anything: it may be frozen. Of another's process nothing is known."""
        ...

    def stop(self) -> None:
        """End the node, where it is ours."""
        ...


class _JsonRpcNode:
    kind = "external"
    chain_id: int
    is_public = False

    def __init__(self, url: str) -> None:
        self.url = url
        self.rpc = Rpc(url)
        self.child: Child | None = None

    def snapshot(self) -> str:
        return str(self._cheat("evm_snapshot"))

    def revert(self, snapshot: str) -> None:
        if self._cheat("evm_revert", snapshot) is not True:
            raise NodeError(f"the node at {self.rpc.shown} has no snapshot {snapshot}; each can be reverted to once")

    def travel(self, seconds: int) -> int:
        if seconds < 0:
            raise BadInput(f"time travels forward only, and {seconds} s is backward")
        self._cheat("evm_increaseTime", hex(seconds))
        self._cheat("evm_mine")
        return self._now()

    def _now(self) -> int:
        return int(self.rpc.call("eth_getBlockByNumber", "latest", False)["timestamp"], 16)

    def version(self) -> str:
        return str(self.rpc.call("web3_clientVersion"))

    def check_alive(self) -> None:
        self.check_process()
        if not self.is_public:  # whose node has its bad hours; the services wait for it
            self.rpc.call("eth_chainId")

    def check_process(self) -> None:
        if self.child is not None and not self.child.alive:
            raise NodeError(f"{self.kind} has ended ({self.child.ending()})")

    def stop(self) -> None:
        self.rpc.close()

    def _cheat(self, method: str, *params: Any) -> Any:
        try:
            return self.rpc.call(method, *params)
        except RpcError as error:
            if error.no_method:
                raise NodeError(
                    f"the node at {self.rpc.shown} has no {method}: snapshots and time travel need a development node "
                    "such as Anvil or Hardhat"
                ) from error
            raise


class _ChildNode(_JsonRpcNode):
    """A node that we started and that ends with us."""

    def __init__(self, kind: str, child: Child, url: str, chain_id: int) -> None:
        super().__init__(url)
        self.kind = kind
        self.child = child
        self.chain_id = chain_id
        self._counts_time = False

    def count_time(self, block_seconds: int) -> None:
        """Put so many seconds between each block and the next from now on (Anvil's own)."""
        self._cheat("anvil_setBlockTimestampInterval", block_seconds)
        self._counts_time = True

    def travel(self, seconds: int) -> int:
        if not self._counts_time:
            return super().travel(seconds)
        # Anvil leaves an increase of the time out of account where blocks have a fixed interval.
        now = self._now()
        if seconds > 0:
            self._cheat("evm_setNextBlockTimestamp", now + seconds)
        return super().travel(min(seconds, 0))

    def stop(self) -> None:
        super().stop()
        if self.child is not None:
            self.child.stop()


def check_hardfork(kind: str, hardfork: str) -> None:
    """Raise BadInput where a node of this kind ("anvil", "hardhat") cannot run the hardfork."""
    if hardfork in NODE_HARDFORKS[kind]:
        return
    runs = f"{kind} runs {', '.join(NODE_HARDFORKS[kind])}, not {hardfork!r}"
    others = [other for other, hardforks in NODE_HARDFORKS.items() if hardfork in hardforks]
    raise BadInput(f"{runs}; {others[0]} does" if others else runs)


def check_blobs(kind: str) -> None:
    """Raise BadInput where a node of this kind ("anvil", "hardhat") does not give back the blobs that it takes."""
    if kind in NODES_WITHOUT_BLOBS:
        raise BadInput(no_blobs(kind))


def no_blobs(node: str) -> str:
    """Why a node is refused that does not give blobs back; ``node`` is what the sentence calls it."""
    return f"{node} does not give blobs back, and the rollup's batches could not be read; Anvil does, or use calldata"


_OURS = {
    "anvil": {
        "--port": "--port", "-p": "--port", "--chain-id": "--chain-id", "--hardfork": "--hardfork",
        "--host": "", "--gas-limit": "", "--enable-tx-gas-limit": "", "--mnemonic": "", "-m": "", "--accounts": "",
        "-a": "", "--balance": "", "--timestamp": "", "--no-request-size-limit": "", "--cache-path": "",
        "--mnemonic-random": "", "--mnemonic-seed-unsafe": "", "--derivation-path": "",
        "--disable-block-gas-limit": "", "--no-mining": "", "--help": "", "-h": "", "--version": "", "-V": "",
    },
    "hardhat": {
        "--port": "--port", "--chain-id": "--chain-id", "--hostname": "", "--config": "",
        "--help": "", "-h": "", "--version": "", "--init": "",
    },
}  # fmt: skip
"""Flags of each node that are not for others to set, and the option of `l2kit up` that does, where there is one."""


def check_flags(kind: str, flags: Sequence[str]) -> None:
    """Raise BadInput where one of further flags for a node ("anvil", "hardhat") is set here, or the first is none."""
    if flags and not flags[0].startswith("-"):
        raise BadInput(f"{flags[0]!r} is no flag of {kind}: what follows '--' goes to the node, as '-- --block-time 2'")
    for flag in flags:
        name = flag.partition("=")[0]
        name = name if name.startswith("--") else name[:2]  # "-p8545"
        if name in _OURS[kind]:
            ours = _OURS[kind][name]
            instead = f"use {ours} of 'l2kit up'" if ours else "it cannot be passed through"
            raise BadInput(f"{name} of {kind} is set by l2kit; {instead}")


def start_anvil(
    folder: RunFolder,
    *,
    port: int | None = None,
    chain_id: int = DEV_CHAIN_ID,
    timestamp: int | None = None,
    hardfork: str = HARDFORK,
    block_seconds: int | None = None,
    flags: Sequence[str] = (),
) -> Node:
    """Start Anvil, from Osaka on with the transaction gas cap of EIP-7825.

    Args:
        folder: where its log and cache go, and whose end is its end.
        port: on 127.0.0.1; a free one where None.
        chain_id: its EIP-155 chain id.
        timestamp: of the genesis block (seconds); now where None.
        hardfork: whose rules it follows, one of `NODE_HARDFORKS`.
        block_seconds: from each block to the next, whatever our clock shows; our clock's where None.
        flags: further flags of its own.

    Raises:
        BadInput: the port is in use, Anvil cannot run the hardfork, or a flag is one that is set here.
        NodeError: Anvil did not start.
    """
    from toolkit.toolchain import anvil_path

    check_hardfork("anvil", hardfork)
    check_flags("anvil", flags)
    capped = ["--enable-tx-gas-limit"] if hardfork != "prague" else []

    def command(free: int) -> list[str]:
        return [
            str(anvil_path()),
            *("--host", "127.0.0.1", "--port", str(free), "--chain-id", str(chain_id)),
            *("--hardfork", hardfork, *capped, "--gas-limit", str(BLOCK_GAS_LIMIT)),
            *("--mnemonic", DEV_MNEMONIC, "--accounts", str(len(DERIVED)), "--balance", "10000"),
            *("--timestamp", str(int(time.time()) if timestamp is None else timestamp)),
            *("--no-request-size-limit", "--cache-path", str(folder.path / "anvil")),
            *flags,
        ]

    node = _start("anvil", folder, command, port, chain_id)
    if block_seconds is not None:
        node.count_time(block_seconds)
    return node


def start_hardhat(
    folder: RunFolder,
    *,
    port: int | None = None,
    chain_id: int = DEV_CHAIN_ID,
    hardfork: str = HARDFORK,
    flags: Sequence[str] = (),
) -> Node:
    """Start Hardhat's node; arguments and errors as `start_anvil`."""
    from toolkit.toolchain import hardhat_command, hardhat_modules

    check_hardfork("hardhat", hardfork)
    check_flags("hardhat", flags)
    project = Path(mkdtemp(prefix="hardhat-", dir=folder.path))
    (project / "node_modules").symlink_to(
        hardhat_modules()
    )  # Hardhat insists on being installed beside its configuration
    network = {
        "type": "edr-simulated",
        "chainId": chain_id,
        "hardfork": hardfork,
        "blockGasLimit": BLOCK_GAS_LIMIT,
        # EIP-8037 exempts state gas from EIP-7825's cap; Hardhat 3.18 applies the cap to all gas, and no contract of
        # more than 10 kB could be deployed.
        **({"transactionGasCap": False} if hardfork == "amsterdam" else {}),
        "mining": {"auto": True},
        "throwOnTransactionFailures": False,  # what is mined was sent, as every other node says
        "accounts": {"mnemonic": DEV_MNEMONIC, "count": len(DERIVED), "accountsBalance": str(10_000 * 10**18)},
    }
    config = json.dumps({"networks": {"node": network}})
    (project / "package.json").write_text('{"type": "module", "private": true}')
    (project / "hardhat.config.js").write_text(f"export default {config};\n")

    def command(free: int) -> list[str]:
        return [
            *hardhat_command(),
            "--config",
            str(project / "hardhat.config.js"),
            "node",
            "--port",
            str(free),
            "--hostname",
            "127.0.0.1",
            *flags,
        ]

    return _start("hardhat", folder, command, port, chain_id, project)


def attach(
    url: str,
    *,
    chain_id: int | None = None,
    consent: Consent | None = None,
    costs: Callable[[Node], str] | None = None,
) -> Node:
    """Use a node that already runs.

    Args:
        chain_id: that it must be on.
        consent: what somebody has said about the network; nothing where None.
        costs: says, where the chain is refused, what it would cost there (`networks.check`).

    Raises:
        BadInput: the URL is not one, the chain id is not ``chain_id``, or the chain is one for which more must be said.
        NodeError: nobody answers there in `ATTACH_SECONDS`, or it is no Ethereum node.
    """
    node = connect(url)
    if chain_id is not None and node.chain_id != chain_id:
        raise BadInput(f"the node at {node.rpc.shown} is on chain {node.chain_id}, not on chain {chain_id}")
    told = None if costs is None else partial(costs, node)
    node.is_public = check(node.rpc, node.chain_id, consent or Consent(), told)
    return node


def connect(url: str) -> _JsonRpcNode:
    """A node that already runs, whatever chain it is on: for who has been let in before. Raises as `attach`."""
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is no number, or a bracket that is not closed
        usable = False
    if not usable:
        raise BadInput(f"{without_secrets(url)!r} is not an http:// or https:// URL")
    probe = Rpc(url, ATTACH_SECONDS, patience=_ATTACH_PATIENCE_SECONDS)
    try:
        chain_id = probe.quantity("eth_chainId")
    finally:
        probe.close()
    node = _JsonRpcNode(url)
    node.chain_id = chain_id
    return node


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def check_port(port: int) -> None:
    """Raise BadInput where ``port`` of 127.0.0.1 cannot be listened on."""
    if not 0 < port < 65536:
        raise BadInput(f"port {port} is not between 1 and 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise BadInput(
                f"port {port} cannot be used ({error.strerror}); stop what uses it or name another"
            ) from error


def _start(
    kind: str, folder: RunFolder, command: Any, port: int | None, chain_id: int, cwd: Path | None = None
) -> _ChildNode:
    if port is not None:
        check_port(port)
    for attempt in range(3):
        chosen = port if port is not None else free_port()
        url = f"http://127.0.0.1:{chosen}"
        child = folder.start(kind, command(chosen), cwd=cwd)
        rpc = Rpc(url)
        try:
            child.wait_until(rpc.answers, _START_SECONDS, "answer")
            if child.alive and rpc.quantity("eth_chainId") == chain_id:
                return _ChildNode(kind, child, url, chain_id)
            raise ServiceError(f"somebody else answers on port {chosen}")
        except L2KitError as error:
            child.stop()
            # Between finding a free port and using it somebody else may have taken it: try another.
            said = _complaint(child)
            if port is not None or attempt == 2 or (said and "in use" not in said):
                raise NodeError(said or str(error)) from error
        finally:
            rpc.close()
    raise AssertionError("unreachable")


def _complaint(child: Child) -> str:
    """What a node says of its flags, which its last words are not; "" where it says nothing of the kind."""
    lines = child.log.read_text(errors="replace").splitlines()
    first = next((place for place, line in enumerate(lines) if line.lower().startswith("error")), len(lines))
    said = [line.strip() for line in lines[first : first + 1]]
    if said and said[0].endswith(":"):  # Hardhat says what is wrong in a list below
        said += [line.strip(" \t*") for line in takewhile(str.strip, lines[first + 1 :])]
    return f"{child.name} does not start: {' '.join(said)}" if said else ""
