"""Reads everybody's funds from L1 alone: wallets, escrow and bonds as they are, and L2 derived from what was posted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from typing import Any

from toolkit.devnet.accounts import checksum
from toolkit.errors import NodeError
from toolkit.rollup.derive import Replica
from toolkit.rollup.machine import deposit_of
from toolkit.scenario.ledger import ETH, Funds, Holdings, Key
from toolkit.technique.meter import CheckFailed
from toolkit.world import Devnet

LOOKS = 50
"""How often it is read again where L1 goes on meanwhile."""
_ZERO = "0x" + 40 * "0"


class Books:
    """The funds of everybody on a devnet.

    Args:
        devnet: where.
        derive: reads L1 and derives the rollup from it.
    """

    def __init__(self, devnet: Devnet, derive: Callable[[], Replica]) -> None:
        self._devnet, self._derive = devnet, derive
        self._token = bytes.fromhex(devnet.contracts["Token"].address[2:])

    @property
    def tokens(self) -> dict[bytes, str]:
        """The tokens whose funds are read, and what they are called."""
        return {ETH: "ETH", self._token: "DEV"}

    def read(self) -> Funds:
        """Everybody's funds at the latest block.

        Raises:
            NodeError: L1 goes on all the time; what moves it must be stopped first.
            CheckFailed: L1 has confirmed a wrong state, and nobody will be paid by the right one.
        """
        chain = self._devnet.l1
        for _ in range(LOOKS):
            block, timestamp = chain.block_number(), chain.now()
            funds = self._read(block, timestamp)
            if chain.block_number() == block:
                return funds
        raise NodeError(f"L1 had a new block each of the {LOOKS} times that everybody's funds were read")

    def gas(self, first: int, last: int) -> dict[bytes, int]:
        """Wei paid for gas in the blocks after ``first`` up to ``last``, by the sender, from the receipts."""
        paid: dict[bytes, int] = defaultdict(int)
        for receipt in self._devnet.l1.mined(first + 1, last):
            price: dict[str, Any] = dict(receipt)
            blobs = price.get("blobGasUsed", 0) * price.get("blobGasPrice", 0)
            paid[bytes.fromhex(receipt["from"][2:])] += receipt["gasUsed"] * receipt["effectiveGasPrice"] + blobs
        return dict(paid)

    def _read(self, block: int, timestamp: int) -> Funds:
        replica, found = self._derive(), Holdings()
        last = replica.assertions.get(replica.confirmed)
        if last is not None and not last.agree:
            raise CheckFailed(
                f"L1 has confirmed a wrong state of batch {last.batch}: what its data gives to the owners is lost"
            )
        self._on_l2(replica, found)
        locked = self._bonds(replica, found)
        owners = {account.address_bytes for account in self._devnet.accounts.values()}
        owners |= {owner for owner, _ in found.all()}
        self._credits(owners, found)
        held = self._devnet.l1.balance(self._devnet.contracts["Dispute"].address)
        for (owner, token), amount in self._wallets(owners).items():
            found.add(owner, token, "wallet", amount)
        bridge = bytes.fromhex(self._devnet.contracts["Bridge"].address[2:])
        escrow = {token: amount for (_, token), amount in self._wallets({bridge}).items()}
        return Funds(block, timestamp, found.all(), escrow, held - locked)

    def _on_l2(self, replica: Replica, found: Holdings) -> None:
        """What the bridge owes, but for credits. Once the rollup is frozen, only its last state counts."""
        bridge, posted = self._devnet.contracts["Bridge"].functions, replica.history.posted
        is_frozen = replica.frozen is not None
        last = replica.batch_of(replica.confirmed) if is_frozen else len(posted)
        state = replica.state_at(last)
        for index, account in enumerate(state.accounts):
            if not (is_frozen and bridge.isEscaped(index).call()):
                found.add(account.owner, account.token, "accounts", account.balance)
        for withdrawal in state.withdrawals:
            if not bridge.isClaimed(withdrawal.index).call():
                provider = bridge.providerOf(withdrawal.leaf()).call()
                payee = withdrawal.owner if provider == _ZERO else bytes.fromhex(provider[2:])
                found.add(payee, withdrawal.token, "withdrawals", withdrawal.amount)
        waiting = [*replica.history.required, *replica.history.arrived]
        for each in posted[last:]:
            waiting += [
                message
                for place, message in enumerate(each.batch.messages)
                if not bridge.isRecovered(each.number, place).call()
            ]
        for message in waiting:
            deposit = deposit_of(state.genesis, message)
            if deposit is not None:
                token, owner, amount = deposit
                found.add(owner, token, "deposits", amount)

    def _bonds(self, replica: Replica, found: Holdings) -> int:
        """Bonds that stand; returns what the Dispute holds of them."""
        locked = 0
        for assertion in replica.pending.values():
            found.add(assertion.proposer, ETH, "bonds", replica.contracts.bond)
        for dispute in replica.disputes.open.values():
            found.add(dispute.state.game.challenger, ETH, "bonds", replica.contracts.rules.bond)
            locked += replica.contracts.rules.bond
        return locked

    def _credits(self, owners: Collection[bytes], found: Holdings) -> None:
        contracts = self._devnet.contracts
        for owner in owners:
            for token in self.tokens:
                owed = contracts["Bridge"].functions.credits(checksum(token), checksum(owner)).call()
                found.add(owner, token, "credits", owed)
            for name in ("Rollup", "Dispute"):
                found.add(owner, ETH, "bonds", contracts[name].functions.credits(checksum(owner)).call())

    def _wallets(self, owners: Collection[bytes]) -> Mapping[Key, int]:
        chain, balance_of = self._devnet.l1, self._devnet.contracts["Token"].functions.balanceOf
        found: dict[Key, int] = {}
        for owner in owners:
            found[owner, ETH] = chain.balance(checksum(owner))
            found[owner, self._token] = int(balance_of(checksum(owner)).call())
        return found
