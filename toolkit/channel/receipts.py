"""Gas of the channels' single transactions, in a steady state.

Steady: parties are used accounts, the contract holds other funds, allowances are infinite, no payout is zero, and
each side has 1 ETH or one token of 18 decimals in the channel.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from web3.contract import Contract
from web3.types import TxReceipt

from toolkit.channel.onchain import OnChain
from toolkit.channel.state import ETHER, Channel, ChannelTerms, Side, Signing, State
from toolkit.devnet.accounts import Account
from toolkit.devnet.chain import Chain

PERIOD = 24 * 3600
UNITS = 10**9
"""On each side: 1 ETH in gwei, or one token in units of 10**9 base units."""
NET = 123_456_789
"""Units that A has paid B when a channel closes."""


def measure(
    chain: Chain, accounts: Mapping[str, Account], contract: str, token: Contract, travel: Callable[[int], int]
) -> dict[str, int]:
    """Gas by name, as the rows of the target table are named."""
    return _Drive(chain, accounts, contract, token, travel).measure()


class _Drive:
    def __init__(
        self,
        chain: Chain,
        accounts: Mapping[str, Account],
        contract: str,
        token: Contract,
        travel: Callable[[int], int],
    ) -> None:
        self._chain, self._travel = chain, travel
        self._a, self._b, self._anyone = accounts["alice"], accounts["bob"], accounts["carol"]
        self._onchain = OnChain(chain, contract)
        self._token = bytes.fromhex(token.address[2:])
        self._salt = 0
        for party in (self._a, self._b):
            chain.send(party, token.functions.approve(contract, 2**256 - 1))
        for asset in (ETHER, self._token):
            self._open(asset)  # stays open: the contract holds other funds

    def measure(self) -> dict[str, int]:
        found = {}
        for asset, name in ((ETHER, "ETH"), (self._token, "ERC20")):
            channel, opened, topped_up = self._open(asset)
            found[f"channel: open and fund ({name})"] = opened
            if asset == ETHER:
                found["channel: top up (ETH)"] = topped_up
            found[f"channel: close by a party ({name})"] = self._close_by_party(channel)
            if asset == ETHER:
                found["channel: close by anyone (ETH)"] = self._close_by_anyone(self._open(asset)[0])
            channel = self._open(asset)[0]
            started, newer, settled = self._close_alone(channel)
            if asset == ETHER:
                found["channel: unilateral start (ETH)"] = started
                found["channel: newer state (ETH)"] = newer
            found[f"channel: settle ({name})"] = settled
        return found

    def _open(self, token: bytes) -> tuple[Channel, int, int]:
        """A channel with one unit of money on each side; gas of the opening and of B's top-up."""
        self._salt += 1
        terms = ChannelTerms(self._b.address_bytes, PERIOD, salt=self._salt)
        channel, opened = self._onchain.open(self._a, terms, UNITS, token)
        return channel, opened["gasUsed"], self._onchain.top_up(self._b, channel, Side.B, UNITS)["gasUsed"]

    def _signing(self, channel: Channel) -> Signing:
        return Signing(self._chain.chain_id, self._onchain.address, channel.id)

    def _close_by_party(self, channel: Channel) -> int:
        expiry = self._chain.now() + PERIOD
        signature = self._signing(channel).sign_close(self._b.key, NET, expiry)
        return self._onchain.close_now(self._a, channel, NET, expiry, signature)["gasUsed"]

    def _close_by_anyone(self, channel: Channel) -> int:
        expiry, signing = self._chain.now() + PERIOD, self._signing(channel)
        by_a, by_b = (signing.sign_close(party.key, NET, expiry) for party in (self._a, self._b))
        return self._onchain.close_now_signed(self._anyone, channel, NET, expiry, by_a, by_b)["gasUsed"]

    def _close_alone(self, channel: Channel) -> tuple[int, int, int]:
        """Gas of A's start with an older state, of B's newer one, and of A settling."""
        signing = self._signing(channel)
        older = signing.sign_state(self._b.key, State(1_000, NET // 2))
        newer = signing.sign_state(self._a.key, State(1_001, NET))
        receipts: list[TxReceipt] = [self._onchain.close_alone(self._a, channel, older)]
        receipts.append(self._onchain.challenge(self._b, channel, newer))
        self._travel(PERIOD + 1)
        receipts.append(self._onchain.settle(self._a, channel))
        started, challenged, settled = (receipt["gasUsed"] for receipt in receipts)
        return started, challenged, settled
