"""Single transactions on plain L1, the measure of everything else."""

from __future__ import annotations

from web3.contract import Contract

from toolkit.devnet.accounts import Account
from toolkit.devnet.chain import Chain


def measure(chain: Chain, sender: Account, receiver: Account, token: Contract) -> dict[str, int]:
    """Gas by name: ETH and ERC20 transfers between used accounts, and SimpleStorage deployed and set."""
    storage, deployed = chain.deploy(sender, "SimpleStorage")
    set_value = storage.functions.set
    return {
        "L1: ETH transfer": chain.send(sender, to=receiver.address, value=1)["gasUsed"],
        "L1: ERC20 transfer": chain.send(sender, token.functions.transfer(receiver.address, 10**15))["gasUsed"],
        "L1: SimpleStorage deploy": deployed["gasUsed"],
        "L1: SimpleStorage set (first value)": chain.send(sender, set_value(1))["gasUsed"],
        "L1: SimpleStorage set (another value)": chain.send(sender, set_value(2))["gasUsed"],
        "L1: SimpleStorage set (same value)": chain.send(sender, set_value(2))["gasUsed"],
    }
