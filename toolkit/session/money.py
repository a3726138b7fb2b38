"""What the accounts of a session own on somebody else's network goes back, when there is nobody left to send it."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from toolkit.devnet.keys import Payer
from toolkit.devnet.networks import Consent
from toolkit.devnet.nodes import attach
from toolkit.devnet.running import DEFAULT_SESSION, check_name, running_sessions
from toolkit.errors import BadInput

if TYPE_CHECKING:
    from toolkit.devnet.funding import Swept


def sweep(
    l1_rpc: str, payer: Payer, name: str = DEFAULT_SESSION, *, public: bool = False, real_money: bool = False
) -> Swept:
    """Send what the accounts of a session that has ended own of ETH on L1 back to who paid for it.

    Args:
        l1_rpc: URL of a node of the network.
        payer: who paid; the accounts are found again by that key, the chain and the session's name.
        name: of the session; "" is that of a devnet that a program had for itself.
        public, real_money: it is known that the network is a public one, and that its money is real.

    Raises:
        BadInput: the session runs, or the network is one for which more must be said.
        NodeError: its node does not answer.
    """
    from toolkit.devnet import funding  # web3 takes its time
    from toolkit.devnet.chain import Chain

    if name:
        check_name(name)
    if name and any(each.name == name for each in running_sessions()):
        raise BadInput(f"the session {name!r} runs; 'l2kit down --session {name}' ends it, and sweeps")
    node = attach(l1_rpc, consent=Consent(True, public, real_money))
    node.stop()
    chain = Chain(l1_rpc, chain_id=node.chain_id)
    with closing(chain.rpc):
        return funding.sweep(chain, payer.accounts(chain.chain_id, name), payer.account.address)
