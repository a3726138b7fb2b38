"""The rollup as a technique: deposit, transfer, assert, wait for the challenge window, claim."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from web3.types import TxReceipt

from toolkit.bridge.claims import Claim
from toolkit.bridge.client import claim, deposit_eth
from toolkit.devnet.accounts import Account
from toolkit.devnet.chain import Chain
from toolkit.rollup.client import ETH, RollupClient
from toolkit.rollup.codec import WHOLE_BALANCE, round_amount_down
from toolkit.rollup.deploy import RollupContracts
from toolkit.rollup.operations import Transfer
from toolkit.technique.meter import Balances, CheckFailed, Meter
from toolkit.technique.protocol import SINGLES, Cost, cost, timed
from toolkit.technique.workload import MARGIN, Workload

PATIENCE_SECONDS = 60.0


@dataclass(frozen=True)
class RollupAccess:
    """A running rollup, as its users reach it.

    Attributes:
        contracts: on L1.
        sequencer: takes operations.
        verifier: knows the rollup from L1 alone; proves withdrawals.
        travel: moves the one clock by so many seconds.
        challenge_window: seconds.
        proposer: where it and the sequencer wait to be told when to assert and when to seal; None where they decide.
    """

    contracts: RollupContracts
    sequencer: RollupClient
    verifier: RollupClient
    travel: Callable[[int], int]
    challenge_window: int
    proposer: RollupClient | None = None

    def seal(self, block: int) -> None:
        """Ask for a batch of all that the sequencer knows once it has read L1 up to ``block``, if it waits for that."""
        if self.proposer is not None:
            self._wait(lambda: self.sequencer.status()["l1Block"] >= block, f"the sequencer to read block {block}")
            self.sequencer.seal()

    def wait_posted(self) -> None:
        """Wait until every batch that is sealed is on L1: the sequencer shows what is in it before that."""
        self._wait(lambda: self.sequencer.status()["sealed"] is None, "the sealed batch to be posted")

    def verified(self) -> dict[str, Any]:
        """The verifier's status.

        Raises:
            CheckFailed: it disagrees with an assertion.
        """
        status = self.verifier.status()
        if status["disagreed"]:
            raise CheckFailed(f"the verifier disagrees with {status['disagreed']} assertions")
        return status

    def post_as(self, batch_data: str) -> str:
        """Have the sequencer post batches as "auto", "calldata" or "blobs"; returns as what it did before."""
        before: str = self.sequencer.status()["batchData"]
        self.sequencer.call("l2_setBatchData", batch_data)
        return before

    def wait_asserted(self, batch: int) -> None:
        """Wait until the state after ``batch`` is asserted, and the verifier agrees.

        Where the proposer waits to be told, it is; one assertion then speaks of all batches up to this one.
        """
        if (proposer := self.proposer) is not None:
            self._wait(lambda: proposer.status()["batches"] >= batch, f"the proposer to read batch {batch}")
            proposer.call("l2_assert")
        self._wait(lambda: self.verified()["assertedBatch"] >= batch, f"batch {batch} to be asserted")

    def wait_confirmed(self, batch: int) -> None:
        """Wait until the state after ``batch`` is confirmed on L1; the challenge window must be over."""
        self._wait(lambda: self.verified()["confirmedBatch"] >= batch, f"batch {batch} to be confirmed")

    def claims(self, owner: Account) -> list[Claim]:
        """The proofs of the owner's withdrawals that are confirmed and not yet claimed, from the verifier."""
        is_claimed = self.contracts.bridge.functions.isClaimed
        found = []
        for withdrawal in self.verifier.call("l2_withdrawals", owner.address):
            if withdrawal["status"] == "confirmed" and not is_claimed(withdrawal["index"]).call():
                outbox_root, proven, proof = self.verifier.claim_arguments(withdrawal["index"])
                found.append(Claim(outbox_root, proven, tuple(proof)))
        return found

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        self.verifier.wait_until(condition, what, PATIENCE_SECONDS)


class RollupTechnique:
    """Payments as transfers of ETH on the optimistic rollup, posted to L1 as calldata or in blobs."""

    def __init__(self, meter: Meter, workload: Workload, access: RollupAccess, batch_data: str = "calldata") -> None:
        """``batch_data``: "calldata" or "blobs"; the sequencer must allow to choose."""
        self.name = f"Rollup ({batch_data})"
        self.confirmations_ms: list[float] = []
        self._meter, self._workload, self._access, self._batch_data = meter, workload, access, batch_data

    @property
    def _deposits(self) -> dict[str, int]:
        payers = {payment.payer for payment in self._workload.payments}
        return {name: self._workload.need(name) + MARGIN for name in self._workload.accounts if name in payers}

    def open(self) -> Sequence[Cost]:
        """Every payer deposits what it needs and a little more, and waits until it is on L2."""
        self._was = self._access.post_as(self._batch_data)
        accounts, bridge = self._workload.accounts, self._access.contracts.bridge
        self._balances = Balances(self._meter, accounts.values())
        self._held = {name: self._on_l2(name) for name in accounts}
        self._seen = _L1Transactions(self._meter.chain, self._access.contracts)
        receipts = [
            self._meter.keep(deposit_eth(self._meter.chain, bridge, accounts[name], amount))
            for name, amount in self._deposits.items()
        ]
        self._access.seal(self._meter.chain.block_number())
        for name, amount in self._deposits.items():
            self._access.sequencer.wait_for_balance(accounts[name].address_bytes, amount, ETH, seconds=PATIENCE_SECONDS)
        self._access.wait_posted()
        return [cost("deposits", *receipts), cost("batches that carry them", *self._seen.batches())]

    def pay(self) -> Sequence[Cost]:
        """All payments, signed by their payers, confirmed by the sequencer, and posted to L1."""
        client, accounts = self._access.sequencer, self._workload.accounts
        held = {name: client.account(accounts[name].address_bytes) for name in self._deposits}
        nonces = {name: account.nonce for name, account in held.items()}
        signed = []
        for payment in self._workload.payments:
            payer, payee = accounts[payment.payer], accounts[payment.payee]
            index = held[payment.payer].account
            if index is None:
                raise CheckFailed(f"{payment.payer} has no account on L2 after its deposit")
            for part in parts(payment.amount):
                transfer = Transfer(index, payee.address_bytes, ETH, part, 0, nonces[payment.payer])
                nonces[payment.payer] += 1
                signed.append(client.signed(transfer, payer))
        for single in signed[:SINGLES]:
            with timed(self.confirmations_ms):
                confirmed = client.send("l2_sendTransfers", [single])
        confirmed += client.send("l2_sendTransfers", signed[SINGLES:])
        self._access.seal(0)
        client.wait_for_post(confirmed[-1].hash, seconds=PATIENCE_SECONDS)
        return [cost("batches", *self._seen.batches())]

    def settle(self) -> Sequence[Cost]:
        """Everybody withdraws what it has on L2 beyond what it had before; the assertion of it is confirmed in the end.

        Raises:
            CheckFailed: the verifier, who knows L1 alone, disagrees with an assertion.
        """
        client = self._access.sequencer
        last = b""
        for name, account in self._workload.accounts.items():
            held, balance = self._held[name], self._on_l2(name)
            for amount in parts(balance - held) if held or not balance else [WHOLE_BALANCE]:
                last = client.withdraw(account, amount).hash
        self._access.seal(0)
        batch = client.wait_for_post(last, seconds=PATIENCE_SECONDS).batch or 0
        self._access.wait_asserted(batch)
        self._access.travel(self._access.challenge_window)
        self._access.wait_confirmed(batch)
        return [
            cost("batches with withdrawals", *self._seen.batches()),
            cost("assertions", *self._seen.assertions()),
            cost("confirmations", *self._seen.confirmations()),
        ]

    def exit(self) -> Sequence[Cost]:
        """Everybody claims on L1, with proofs from the verifier."""
        chain, bridge = self._meter.chain, self._access.contracts.bridge
        receipts = [
            self._meter.keep(claim(chain, bridge, account, proven))
            for account in self._workload.accounts.values()
            for proven in self._access.claims(account)
        ]
        return [cost("claims", *receipts)]

    def check(self) -> Sequence[str]:
        """Nothing of it is left on L2, everybody's ETH is right on L1, and the verifier agrees with every assertion."""
        self._access.post_as(self._was)
        for name, held in self._held.items():
            if (owns := self._on_l2(name)) != held:
                raise CheckFailed(f"{name} owns {owns} wei on L2, and must own {held}")
        status = self._access.verified()
        facts = self._balances.check({name: self._workload.net(name) for name in self._workload.accounts})
        return [*facts, f"the verifier agrees with all {status['agreed']} assertions, from L1 data alone"]

    def _on_l2(self, name: str) -> int:
        return self._access.sequencer.account(self._workload.accounts[name].address_bytes).balance


def parts(amount: int) -> list[int]:
    """An amount in base units as the fewest amounts that a record can carry, greatest first."""
    found = []
    while amount:
        found.append(round_amount_down(amount))
        amount -= found[-1]
    return found


class _L1Transactions:
    """Receipts of what the services have sent to L1, each told once."""

    def __init__(self, chain: Chain, contracts: RollupContracts) -> None:
        self._chain = chain
        self._events = {
            "batches": contracts.inbox.events.BatchPosted(),
            "assertions": contracts.rollup.events.Asserted(),
            "confirmations": contracts.rollup.events.Confirmed(),
        }
        self._told = dict.fromkeys(self._events, chain.block_number() + 1)

    def batches(self) -> list[TxReceipt]:
        """Of batches posted since the last call."""
        return self._new("batches")

    def assertions(self) -> list[TxReceipt]:
        """Of assertions made since the last call."""
        return self._new("assertions")

    def confirmations(self) -> list[TxReceipt]:
        """Of assertions confirmed since the last call."""
        return self._new("confirmations")

    def _new(self, kind: str) -> list[TxReceipt]:
        last = self._chain.block_number()
        logs = self._events[kind].get_logs(from_block=self._told[kind], to_block=last)
        self._told[kind] = last + 1
        return self._chain.receipts([log["transactionHash"] for log in logs])
