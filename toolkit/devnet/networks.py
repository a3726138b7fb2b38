"""Public networks: which there are, and what must be said before anything is sent to one.

Chain ids as in EIP-155's list of chains (https://chainid.network).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from toolkit.devnet.retry import is_here
from toolkit.devnet.rpc import Rpc
from toolkit.errors import BadInput, RpcError

MAINNETS = {
    1: "Ethereum", 10: "OP Mainnet", 14: "Flare", 25: "Cronos", 30: "Rootstock", 56: "BNB Smart Chain",
    61: "Ethereum Classic", 100: "Gnosis", 130: "Unichain", 137: "Polygon", 146: "Sonic", 169: "Manta Pacific",
    204: "opBNB", 250: "Fantom", 252: "Fraxtal", 288: "Boba", 324: "ZKsync Era", 369: "PulseChain",
    480: "World Chain", 1088: "Metis", 1101: "Polygon zkEVM", 1135: "Lisk", 1284: "Moonbeam", 1329: "Sei",
    1868: "Soneium", 2020: "Ronin", 2741: "Abstract", 5000: "Mantle", 7777777: "Zora", 8217: "Kaia", 8453: "Base",
    34443: "Mode", 42161: "Arbitrum One", 42170: "Arbitrum Nova", 42220: "Celo", 43114: "Avalanche", 57073: "Ink",
    59144: "Linea", 80094: "Berachain", 81457: "Blast", 167000: "Taiko", 534352: "Scroll", 1313161554: "Aurora",
}  # fmt: skip
"""Networks whose money is worth something, by chain id."""

TESTNETS = {
    5: "Goerli", 97: "BNB testnet", 300: "ZKsync Sepolia", 10200: "Chiado", 17000: "Holesky", 43113: "Fuji",
    59141: "Linea Sepolia", 80002: "Amoy", 84532: "Base Sepolia", 421614: "Arbitrum Sepolia", 534351: "Scroll Sepolia",
    560048: "Hoodi", 11155111: "Sepolia", 11155420: "OP Sepolia",
}  # fmt: skip
"""Networks that are public, and whose money is worth nothing but the trouble to get it."""

PUBLIC, REAL_MONEY = "--public", "--real-money"
"""The options by which somebody says so."""


@dataclass(frozen=True)
class Consent:
    """What somebody has said.

    Attributes:
        keyed: they pay with a key of their own, not with the development accounts, whose keys everybody knows.
        public: they know that everybody sees the network.
        real_money: they know that its money is worth something.
    """

    keyed: bool = False
    public: bool = False
    real_money: bool = False


def is_development_node(rpc: Rpc) -> bool:
    """Whether a node is one that can be told what to do: Anvil, Hardhat, or another that takes snapshots.

    The last question leaves a snapshot there; a node that is none answers that it knows nothing of the kind.
    """
    for method, kind in (("anvil_nodeInfo", dict), ("hardhat_metadata", dict), ("evm_snapshot", str)):
        try:
            found = rpc.call(method)
        except RpcError:
            continue
        if found and isinstance(found, kind):  # some gateways answer what they do not know with null
            return True
    return False


def is_known(chain_id: int) -> bool:
    """Whether a chain is one of those here, where a block comes after every other by itself."""
    return chain_id in MAINNETS or chain_id in TESTNETS


def told(chain_id: int) -> str:
    """A chain in words: "Sepolia (chain 11155111)"."""
    name = MAINNETS.get(chain_id) or TESTNETS.get(chain_id)
    return f"{name} (chain {chain_id})" if name else f"chain {chain_id}"


def check(rpc: Rpc, chain_id: int, consent: Consent, costs: Callable[[], str] | None = None) -> bool:
    """See whether what was said is enough for the chain; returns whether it is a public one.

    Args:
        costs: says what it would cost there, a clause; is asked where somebody must decide because of it.

    Raises:
        BadInput: it is not; the sentence says what is missing.
    """
    where = f"the node at {rpc.shown} is on {told(chain_id)}"
    development = not is_known(chain_id) and is_development_node(rpc)
    if not consent.keyed:
        if not development:
            raise BadInput(
                f"{where}, {_kind(chain_id)}; l2kit works there with a key of your own only "
                "(--key-file): the development accounts' keys are known to everybody, and what they get is stolen in "
                f"seconds{_if_forked(rpc, chain_id)}"
            )
        return False
    if development:
        return False
    missing = [] if consent.public else [PUBLIC]
    if chain_id in MAINNETS and not consent.real_money:
        missing.append(REAL_MONEY)
    if missing:
        asked = f"; {costs()}" if costs is not None else ""
        asked += _if_forked(rpc, chain_id)
        raise BadInput(f"{where}, {_kind(chain_id)}{asked}; if that is meant, say so with {' and '.join(missing)}")
    return True


def _if_forked(rpc: Rpc, chain_id: int) -> str:
    """A clause for whoever has a fork of a known chain on this machine, which cannot be told from the chain."""
    if not (is_known(chain_id) and is_here(rpc.url) and is_development_node(rpc)):
        return ""
    return "; a fork needs a chain id of its own ('anvil --chain-id 31337'), or what is signed for it is good there too"


def _kind(chain_id: int) -> str:
    if chain_id in MAINNETS:
        return "where money is real"
    return "a public network" if chain_id in TESTNETS else "and that is not known to be a development chain"
