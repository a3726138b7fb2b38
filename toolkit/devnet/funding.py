"""Money for the accounts of a session on somebody else's network: what each needs, how it gets that, how it goes back.

Pure arithmetic first; `fund` and `sweep` send. Both can be interrupted anywhere and done again: what an account has
already is not sent again, and what it has left can be fetched by whoever has the payer's key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from toolkit.crypto import keccak256
from toolkit.devnet.accounts import ROLES, USERS, Account
from toolkit.devnet.chain import TRANSFER_GAS, Call, Chain
from toolkit.devnet.flights import Flight
from toolkit.devnet.replacement import Fees, Price
from toolkit.devnet.transaction import Transaction
from toolkit.errors import BadInput, RpcError

FUND = 10**16
"""Wei that each user gets to work with, where nobody says otherwise."""
GAS = {
    "deployer": 17_000_000,
    "sequencer": 4_000_000,
    "proposer": 2_000_000,
    "verifier": 2_000_000,
    "provider": 1_000_000,
    "watchtower": 1_000_000,
}
"""Gas that each role may use: to deploy everything (15.5 million), else for a day or two of little traffic."""
USER_GAS = 1_000_000
"""Gas that a user may use: ten deposits or claims."""
BONDS = {"proposer": (6, 0), "verifier": (0, 2), "provider": (1, 1)}
"""Bonds that a role may have to lay down: of assertions, of challenges."""
LENT = 2
"""Times what a user gets, that the liquidity provider can lend."""
PRICE_TIMES = 3
"""Times the gas price of now that gas may cost later."""
COVERED_TIMES = 4
"""Times the gas price of now that the bonds of a session cover."""

_ETHER = 10**18


@dataclass(frozen=True)
class Budget:
    """What a session needs on a network. Amounts in wei.

    Attributes:
        gas_price: wei a gas, now.
        needs: what each account should own, by its name.
        owned: what it owns.
        payer: what the payer owns.
        bond, challenge_bond: of an assertion, and of a challenge.
    """

    gas_price: int
    needs: Mapping[str, int]
    owned: Mapping[str, int]
    payer: int
    bond: int
    challenge_bond: int

    @property
    def missing(self) -> dict[str, int]:
        """What each account must get, where it must get anything."""
        return {name: need - self.owned[name] for name, need in self.needs.items() if need > self.owned[name]}

    @property
    def total(self) -> int:
        """What the payer sends, and may pay for sending it."""
        fees = len(self.missing) * TRANSFER_GAS * PRICE_TIMES * self.gas_price
        return sum(self.missing.values()) + fees

    @property
    def spent(self) -> int:
        """About what deploying costs, which nobody gets back."""
        return GAS["deployer"] * self.gas_price

    def told(self) -> str:
        """The same as a clause."""
        return (
            f"at {_gwei(self.gas_price)} gwei a gas {_ether(self.total)} ETH would go from your account to the "
            f"session's ({_ether(self.spent)} ETH of it to deploy), and what is left at the end would come back"
        )

    def check(self, payer: Account, most: int | None = None) -> None:
        """Raise BadInput where the payer cannot pay that, or it is more than ``most`` (wei)."""
        if most is not None and self.total > most:
            raise BadInput(
                f"the session needs {_ether(self.total)} ETH by now, at {_gwei(self.gas_price)} gwei a gas, and "
                f"{_ether(most)} ETH at most was agreed to; nothing was sent"
            )
        if self.payer < self.total:
            raise BadInput(
                f"{payer.address} owns {_ether(self.payer)} ETH, and the session needs {_ether(self.total)} ETH of it "
                f"at {_gwei(self.gas_price)} gwei a gas; --fund says how much of that is for the users"
            )


def budget(
    chain: Chain, accounts: Mapping[str, Account], payer: Account, bond_gas: tuple[int, int], fund: int = FUND
) -> Budget:
    """What a session of these accounts needs now.

    Args:
        bond_gas: gas that the bonds of an assertion and of a challenge are worth, `COVERED_TIMES` the price of now.
        fund: wei that each user gets beside gas.

    Raises:
        NodeError: the node does not answer.
    """
    price = max(1, chain.gas_price())
    bond, challenge_bond = (gas * COVERED_TIMES * price for gas in bond_gas)
    needs = dict.fromkeys(USERS, USER_GAS * PRICE_TIMES * price + fund)
    for name in ROLES:
        of_assertions, of_challenges = BONDS.get(name, (0, 0))
        laid_down = of_assertions * bond + of_challenges * challenge_bond
        needs[name] = GAS[name] * PRICE_TIMES * price + laid_down + (LENT * fund if name == "provider" else 0)
    owns, *owned = chain.balances([payer.address, *(account.address for account in accounts.values())])
    return Budget(price, needs, dict(zip(accounts, owned, strict=True)), owns, bond, challenge_bond)


def fund(chain: Chain, accounts: Mapping[str, Account], payer: Account, asked: Budget) -> int:
    """Give each account what it is missing; returns the wei sent. All is in blocks when this returns.

    What a run before this one has sent and is not in a block yet lands first, so it is not sent twice.

    Raises:
        BadInput: the payer cannot pay.
        NodeError: the node does not answer, or takes too long.
    """
    asked.check(payer)
    chain.settle(payer)
    owned = chain.balances(accounts[name].address for name in asked.needs)
    missing = {name: need - wei for (name, need), wei in zip(asked.needs.items(), owned, strict=True) if need > wei}
    if not missing:
        return 0
    gas = chain.transfer_gas(payer.address, accounts["deployer"].address)
    calls = [Call(payer, accounts[name].address, wei, gas=gas) for name, wei in missing.items()]
    chain.send_many(calls, headroom=PRICE_TIMES)
    return sum(call.value for call in calls)


@dataclass(frozen=True)
class Swept:
    """What went back. Amounts in wei, by the account's name.

    Attributes:
        moved: to the payer.
        on_the_way: sent, and in no block yet.
        left: what stays, because less of it would come home than its fee takes.
    """

    moved: Mapping[str, int]
    on_the_way: Mapping[str, int]
    left: Mapping[str, int]

    def told(self, payer: str) -> str:
        """The same as a sentence."""
        said = f"{_ether(sum(self.moved.values()))} ETH went back to {payer}"
        if self.on_the_way:
            said += f"; {_ether(sum(self.on_the_way.values()))} ETH was sent and is in no block yet"
        if self.left:
            said += f"; {_ether(sum(self.left.values()))} ETH is left with {', '.join(self.left)}"
        return said


def sweep(chain: Chain, accounts: Mapping[str, Account], payer: str, *, seconds: float = 30.0) -> Swept:
    """Send all that accounts own of ETH to the payer, as far as it goes.

    What waits of theirs is replaced. What is on L2, in channels or in bonds is not theirs on L1, and stays where it is.

    Args:
        payer: address (EIP-55 text).
        seconds: to wait until it is in blocks; what is sent by then may land later.

    Raises:
        NodeError: the node does not answer.
    """
    owned = chain.balances(account.address for account in accounts.values())
    held = {name: wei for name, wei in zip(accounts, owned, strict=True) if wei}
    if not held:
        return Swept({}, {}, {})
    calls = [("eth_getTransactionCount", [accounts[name].address, "latest"]) for name in held]
    nonces = dict(zip(held, (int(count, 16) for count in chain.rpc.batch(calls)), strict=True))
    richest = accounts[max(held, key=lambda name: held[name])].address
    price, gas = chain.flights.price(), chain.transfer_gas(richest, payer)
    flights: dict[str, Flight] = {}
    for name, wei in held.items():
        flight = _emptying(chain, accounts[name], nonces[name], wei, payer, gas, price)
        if flight is not None:
            flights[name] = flight
    waiting = chain.flights.await_nonces(list(flights.values()), seconds) if flights else []
    late = {name for name, flight in flights.items() if flight in waiting}
    now = dict(zip(held, chain.balances(accounts[name].address for name in held), strict=True))
    return Swept(
        {name: held[name] - wei for name, wei in now.items() if wei < held[name] and name not in late},
        {name: wei for name, wei in now.items() if name in late},
        {name: wei for name, wei in now.items() if wei and name not in late},
    )


def _emptying(
    chain: Chain, account: Account, nonce: int, balance: int, payer: str, gas: int, price: Price
) -> Flight | None:
    """The transaction that sends all an account owns, sent; None where the node takes none.

    It offers all of its fee to the block's proposer, so that the fee is known and nothing stays behind; never more than
    comes home, whatever the node says of prices. A network that asks for more beside gas (an L2, for its data) gets it
    from what is kept back then.
    """
    for kept in (0, balance // 100, balance // 4):
        dearest = (balance - kept) // (2 * gas)

        def sign(fees: Fees, kept: int = kept, dearest: int = dearest) -> tuple[bytes, bytes]:
            offered = min(fees.most, dearest)
            value = balance - kept - gas * offered
            fields = (bytes.fromhex(payer[2:]), value, b"", gas, offered, offered)
            raw = Transaction(chain.chain_id, nonce, *fields).signed(account.key)
            return raw, keccak256(raw)

        most = price.gas + price.gas // 4 + 1
        if most > dearest:
            return None
        flight = Flight(account, nonce, sign, Fees(most, most))
        try:
            chain.flights.send([flight])
        except RpcError as error:
            if "insufficient" not in str(error).lower():
                return None
        else:
            return flight
    return None


def described(swept: Swept) -> dict[str, Any]:
    """What went back, for programs: wei as decimal text."""
    return {
        which: {name: str(wei) for name, wei in amounts.items()}
        for which, amounts in (("moved", swept.moved), ("on_the_way", swept.on_the_way), ("left", swept.left))
    }


def _ether(wei: int) -> str:
    """Four digits that count, so that little is not told as nothing."""
    return f"{wei / _ETHER:.4g}" if wei < _ETHER else f"{wei / _ETHER:,.4f}"


def _gwei(wei: int) -> str:
    return f"{wei / 10**9:.3g}"
