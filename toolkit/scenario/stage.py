"""The stage of a scenario: a devnet, its services as processes, and users who can do what any user can.

What users need to know they derive from L1 themselves, but for what they are told by the service that they use.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from web3.contract.contract import ContractFunction
from web3.types import TxReceipt

from toolkit.bridge.amounts import span
from toolkit.bridge.claims import withdrawal_claim
from toolkit.bridge.client import claim, deposit_erc20, deposit_eth
from toolkit.devnet.accounts import Account, checksum
from toolkit.rollup.codec import WHOLE_BALANCE
from toolkit.rollup.derive import Replica
from toolkit.rollup.dispute.moves import Move
from toolkit.rollup.late import post_late_batch
from toolkit.rollup.machine import Withdrawal, forced_data
from toolkit.rollup.operations import Withdraw
from toolkit.rollup.proposer import assert_moves, confirm_moves
from toolkit.rollup.rebuild import Source, fetch
from toolkit.scenario.books import Books
from toolkit.scenario.crew import Crew, Pace
from toolkit.scenario.ledger import ETH, Funds, Ledger
from toolkit.scenario.outcome import Deed, Outcome, exact
from toolkit.technique.meter import CheckFailed
from toolkit.technique.story import Story
from toolkit.world import Devnet


class Stage(Crew):
    """A devnet without services, and the means to play a scenario on it.

    Attributes:
        chain, accounts: the devnet's.
        story: is told everything.
        ledger: of what moves between owners.
        token: the DEV token, 20 bytes.
        reasons, facts: as of `Outcome`.
    """

    def __init__(self, devnet: Devnet, story: Story, pace: Pace | None = None) -> None:
        super().__init__(devnet, pace)
        self.story, self.chain, self.accounts = story, devnet.l1, devnet.accounts
        self.token = bytes.fromhex(devnet.contracts["Token"].address[2:])
        self._books = Books(devnet, self.replica)
        self.ledger = Ledger({each.address_bytes: each.name for each in devnet.accounts.values()})
        self.reasons: list[str] = []
        self.facts: list[str] = []
        self._source = Source.of(devnet.rollup, devnet.node.url, devnet.l1.chain_id)
        self._before: Funds | None = None
        self._deeds: list[Deed] = []
        self._began = time.monotonic()

    def people(self, *names: str) -> list[Account]:
        """Accounts by their names."""
        return [self.accounts[name] for name in names]

    # --- what is so ---

    def replica(self) -> Replica:
        """The rollup as anybody derives it from L1 alone."""
        return fetch(self._source).replica()

    def on_l2(self, who: Account, token: bytes = ETH) -> int:
        """What somebody owns on L2 by what is posted to L1 (base units)."""
        state = self.replica().state
        index = state.index_of(who.address_bytes, token)
        return 0 if index is None else state.accounts[index].balance

    def bond(self, contract: str) -> int:
        """The bond that the Rollup or the Dispute takes (wei)."""
        return int(self.devnet.contracts[contract].functions.BOND().call())

    @property
    def sequencer_window(self) -> int:
        """Seconds without a batch after which anybody may post one."""
        return int(self.devnet.contracts["Inbox"].functions.SEQUENCER_WINDOW().call())

    def expect(self, found: Any, must: Any, what: str) -> None:
        """Raise CheckFailed where something is not what it must be."""
        if found != must:
            raise CheckFailed(f"{what} is {found}, and must be {must}")

    def checked(self, fact: str) -> None:
        """Tell a fact that was checked."""
        self.facts.append(fact)
        self.story.checked(fact)

    def because(self, reason: str) -> None:
        """State why something did not come that was promised or wanted; what it says was checked."""
        if not self.reasons:
            self.story.section("What did not come, and why")
        self.reasons.append(reason)
        self.story.step(reason)

    # --- waiting ---

    def quiet(self) -> None:
        """Wait until no message waits, and the proposer has asserted the last batch."""
        self.consumed()
        self.wait(lambda status: bool(status["assertedBatch"] == status["batches"]), "the last batch to be asserted")

    def wait_confirmed(self, batch: int) -> None:
        """Wait until the proposer has confirmed the state after a batch, whose window is over."""
        self.wait(lambda status: status["confirmedBatch"] >= batch, f"batch {batch} to be confirmed")

    def wait_asserted(self, batch: int) -> None:
        """Wait until the proposer has asserted the state after a batch."""
        self.wait(lambda status: status["assertedBatch"] >= batch, f"batch {batch} to be asserted")

    def finalise(self, batch: int) -> None:
        """Have the proposer assert and confirm the state after a batch."""
        self.wait_asserted(batch)
        self.travel(self.devnet.options.challenge_window, "the challenge window is over")
        self.wait_confirmed(batch)
        self.story.step(f"the proposer has confirmed the state after batch {batch}")

    def travel(self, seconds: int, why: str) -> None:
        """Let time pass on L1."""
        self.devnet.travel(seconds=seconds)
        self.story.step(f"{span(seconds)} pass: {why}")

    # --- users ---

    def send(self, who: Account, what: str, call: ContractFunction | Move | Callable[[], TxReceipt]) -> TxReceipt:
        """A transaction of a user's own on L1, told with its gas.

        Args:
            what: it does, after the user's name.
            call: a function of a contract, a move, or what sends it itself.
        """
        if isinstance(call, Move):
            receipt = self.chain.send(who, to=checksum(call.to), data=call.data, value=call.value)
        elif isinstance(call, ContractFunction):
            receipt = self.chain.send(who, call)
        else:
            receipt = call()
        self.story.step(f"{who.name} {what}", receipt["gasUsed"])
        if self._before is not None:
            transaction = "0x" + bytes(receipt["transactionHash"]).hex()
            self._deeds.append(Deed(who.name, what, receipt["gasUsed"], receipt["blockNumber"], transaction))
        return receipt

    def forget(self, block: int) -> None:
        """L1 has forgotten all blocks after this one, and what users did there."""
        self._deeds = [deed for deed in self._deeds if deed.block <= block]

    def deposit(self, who: Account, amount: int, token: bytes = ETH) -> TxReceipt:
        """Deposit with the bridge, which a user allows what it takes of a token."""
        bridge, what = self.devnet.contracts["Bridge"], f"deposits {self.amount(amount, token)}"
        self.ledger.touched.add((who.address_bytes, token))
        if token == ETH:
            return self.send(who, what, lambda: deposit_eth(self.chain, bridge, who, amount))
        allow = self.devnet.contracts["Token"].functions.approve(bridge.address, amount)
        self.send(who, f"lets the bridge take {self.amount(amount, token)}", allow)
        return self.send(who, what, lambda: deposit_erc20(self.chain, bridge, who, checksum(token), amount))

    def arrive(self, *owners: tuple[Account, int, bytes]) -> None:
        """Wait until owners have at least so much on L2 by what is posted to L1: owner, amount, token."""
        client = self.client("verifier")
        for who, amount, token in owners:
            what = f"{who.name} to have {self.amount(amount, token)} on L2"
            self.until(lambda: client.account(who.address_bytes, token).balance >= amount, what)  # noqa: B023

    def withdraw(self, who: Account, amount: int, token: bytes = ETH) -> bytes:
        """Withdraw through the sequencer; returns the operation's hash."""
        done = self.client("sequencer").withdraw(who, amount, token)
        self.ledger.touched.add((who.address_bytes, token))
        self.story.step(f"{who.name} withdraws {self.amount(amount, token)}, signed for the sequencer")
        return done.hash

    def pay(self, payer: Account, payee: Account, amount: int, token: bytes = ETH) -> bytes:
        """Pay on L2 through the sequencer; returns the operation's hash."""
        done = self.client("sequencer").transfer(payer, payee.address_bytes, amount, token)
        self.story.step(f"{payer.name} pays {payee.name} {self.amount(amount, token)} on L2; the sequencer confirms")
        return done.hash

    def posted(self, operation: bytes) -> int:
        """Wait until the verifier has the batch with an operation; returns its number."""
        client = self.client("sequencer")
        self.until(lambda: client.receipt(operation).status == "posted", "an operation to be posted")
        batch = client.receipt(operation).batch or 0
        self.wait(lambda status: status["batches"] >= batch, f"batch {batch}")
        return batch

    def force_withdrawal(self, who: Account, token: bytes = ETH) -> None:
        """Withdraw all of a token through L1, asking no sequencer."""
        state = self.replica().state
        index = state.index_of(who.address_bytes, token)
        if index is None:
            raise CheckFailed(f"{who.name} has no account of {self.unit(token)} on L2")
        operation = Withdraw(index, token, WHOLE_BALANCE, 0, state.accounts[index].nonce)
        record = operation.record(operation.sign(state.genesis.domain, who.key)).encode()
        message = self.devnet.contracts["Inbox"].functions.send(forced_data(record))
        self.send(who, f"sends a withdrawal of all {self.unit(token)} to the Inbox", message)

    def consumed(self) -> int:
        """Wait until batches have consumed all messages; returns the last batch's number."""
        batch = 0

        def nothing_waits() -> bool:
            nonlocal batch
            history = self.replica().history
            batch = len(history.posted)
            return not history.required and not history.arrived

        self.until(nothing_waits, "all messages to be consumed")
        self.wait(lambda status: status["batches"] >= batch, f"batch {batch}")
        return batch

    def post_late(self, who: Account) -> int:
        """Post the next batch in the sequencer's stead, its window being over; returns its number."""
        replica, inbox = self.replica(), self.devnet.contracts["Inbox"]
        number, messages = len(replica.history.posted) + 1, len(replica.history.required)
        what = f"posts batch {number} in the sequencer's stead: {messages} message{'' if messages == 1 else 's'}"
        self.send(who, what, lambda: post_late_batch(self.chain, inbox, who, replica))
        return number

    def assert_state(self, who: Account) -> int:
        """Assert the newest state with a bond, as anybody may; returns its batch."""
        replica = self.replica()
        (move,) = assert_moves(replica)
        batch = len(replica.history.posted)
        self.send(who, f"asserts the state after batch {batch}; bond {self.amount(move.value)}", move)
        return batch

    def confirm(self, who: Account) -> None:
        """Confirm the next assertion, its window being over, as anybody may."""
        replica = self.replica()
        (move,) = confirm_moves(replica, self.chain.now())
        batch = replica.chosen()[replica.confirmed].batch
        self.send(who, f"confirms the state after batch {batch}; the bond goes back", move)

    def claim(self, *owners: Account, by: Account | None = None) -> None:
        """Claim what owners have withdrawn, and is confirmed and not claimed, with proofs from L1's data alone.

        Args:
            by: who sends it, as anybody may; each owner itself where None.
        """
        replica, bridge = self.replica(), self.devnet.contracts["Bridge"]
        confirmed = replica.state.withdrawals[: replica.confirmed_outbox().withdrawals]
        for who in owners:
            for each in confirmed:
                if each.owner == who.address_bytes and not bridge.functions.isClaimed(each.index).call():
                    self._claim(by or who, confirmed, each)

    def _claim(self, who: Account, confirmed: list[Withdrawal], each: Withdrawal) -> None:
        proven = withdrawal_claim(confirmed, each.index)
        what = f"claims {self.amount(each.amount, each.token)}"
        self.send(who, what, lambda: claim(self.chain, self.devnet.contracts["Bridge"], who, proven))

    def amount(self, amount: int, token: bytes = ETH) -> str:
        """An amount in words."""
        return f"{exact(amount)} {self.unit(token)}"

    def unit(self, token: bytes) -> str:
        """A token's name."""
        return self._books.tokens[token]

    # --- the books ---

    def wallet_before(self, who: Account) -> int:
        """What somebody had in the wallet on L1 when the scenario began (wei)."""
        return self._counted.of(who.address_bytes, ETH).wallet

    @property
    def _counted(self) -> Funds:
        if self._before is None:
            raise CheckFailed("nobody's funds were counted before")
        return self._before

    def begin(self, *cheats: Account) -> None:
        """Count everybody's funds: what comes now is the scenario. All but these are honest."""
        self.ledger.cheats = {each.address_bytes for each in cheats}
        self._before = self._books.read()

    def end(self, name: str, summary: str) -> Outcome:
        """End the services, and count everybody's funds again."""
        before = self._counted
        self.stop()
        after = self._books.read()
        gas = self._books.gas(before.block, after.block)
        lines = self.ledger.lines(before, after, gas)
        units = self._books.tokens
        names = self.ledger.names
        costs = [
            {"payer": names[each.payer], "payee": names[each.payee], "unit": units[each.token],
             "amount": str(each.amount), "why": each.why}
            for each in self.ledger.costs
        ]  # fmt: skip
        seconds = time.monotonic() - self._began
        return Outcome(
            *(name, summary, lines, units, before, after, self._deeds, costs, self.reasons, self.facts),
            *(seconds, self.story.events),
            {each: contract.address for each, contract in self.devnet.contracts.items()},
            self.devnet.rollup.block,
        )
