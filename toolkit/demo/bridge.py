"""Deposits and withdrawals: to the rollup, payments there, and back: at once for a fee, or after the window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from toolkit.bridge.client import claim, deposit_erc20, deposit_eth
from toolkit.devnet.accounts import Account
from toolkit.devnet.l1 import bytes_of
from toolkit.rollup.client import ETH
from toolkit.rollup.technique import PATIENCE_SECONDS
from toolkit.technique.meter import Balances, CheckFailed, Meter
from toolkit.technique.story import Story
from toolkit.technique.workload import ETHER
from toolkit.world import DAY, Devnet

DEPOSIT_ETH = 10 * ETHER
DEPOSIT_TOKENS = 100 * ETHER
PAID_ETH = 25 * ETHER // 10
PAID_TOKENS = 40 * ETHER
HURRIED_ETH = 1 * ETHER
"""What carol gets on L2 and cannot wait for."""


def deposit(devnet: Devnet, story: Story) -> None:
    """Alice deposits ETH and tokens.

    Raises:
        CheckFailed: a balance is not what it must be.
    """
    _Trip(devnet, story).deposit()


def withdraw(devnet: Devnet, story: Story) -> None:
    """Alice deposits and pays bob and carol on L2; all withdraw, carol through the provider. Raises as `deposit`."""
    trip = _Trip(devnet, story)
    trip.deposit()
    trip.pay()
    trip.exit_early()
    trip.withdraw()


class _Trip:
    def __init__(self, devnet: Devnet, story: Story) -> None:
        self._devnet, self._story = devnet, story
        self._access = devnet.access
        names = ("alice", "bob", "carol", "provider")
        self._alice, self._bob, self._carol, self._provider = self._people = [devnet.accounts[name] for name in names]
        self._token = devnet.contracts["Token"]
        self._token_bytes = bytes.fromhex(self._token.address[2:])
        self._meter = Meter(devnet.l1)
        self._ether = Balances(self._meter, self._people)
        self._tokens = Balances(self._meter, self._people, self._token)
        self._before = {
            (each.name, token): self._l2(each, token) for each in self._people for token in (ETH, self._token_bytes)
        }
        self._fee = self._early = 0

    def deposit(self) -> None:
        story, chain, alice = self._story, self._devnet.l1, self._alice
        bridge = self._devnet.contracts["Bridge"]
        story.section("Deposit: L1 to the rollup")
        self._show("before", (self._alice, self._bob))
        receipt = self._meter.keep(deposit_eth(chain, bridge, alice, DEPOSIT_ETH))
        story.step("alice deposits 10 ETH with the bridge", receipt["gasUsed"])
        approval = self._meter.send(alice, self._token.functions.approve(bridge.address, DEPOSIT_TOKENS))
        story.step("alice lets the bridge take 100 DEV", approval["gasUsed"])
        receipt = self._meter.keep(deposit_erc20(chain, bridge, alice, self._token.address, DEPOSIT_TOKENS))
        story.step("alice deposits 100 DEV with the bridge", receipt["gasUsed"])
        for token, amount in ((ETH, DEPOSIT_ETH), (self._token_bytes, DEPOSIT_TOKENS)):
            wanted = self._before["alice", token] + amount
            self._access.sequencer.wait_for_balance(alice.address_bytes, wanted, token, seconds=PATIENCE_SECONDS)
        story.step("the sequencer has consumed both messages; alice owns them on L2")
        self._show("after", (self._alice, self._bob))
        self._check_l2({"alice": (DEPOSIT_ETH, DEPOSIT_TOKENS)})
        self._check_l1({"alice": -DEPOSIT_ETH}, {"alice": -DEPOSIT_TOKENS})

    def pay(self) -> None:
        story, client = self._story, self._access.sequencer
        story.section("Pay on the rollup")
        client.transfer(self._alice, self._bob.address_bytes, PAID_ETH)
        client.transfer(self._alice, self._bob.address_bytes, PAID_TOKENS, self._token_bytes)
        story.step("alice pays bob 2.5 ETH and 40 DEV; the sequencer has it on disk and confirms")
        client.transfer(self._alice, self._carol.address_bytes, HURRIED_ETH)
        story.step("alice pays carol 1 ETH")
        self._check_l2(
            {
                "alice": (DEPOSIT_ETH - PAID_ETH - HURRIED_ETH, DEPOSIT_TOKENS - PAID_TOKENS),
                "bob": (PAID_ETH, PAID_TOKENS),
                "carol": (HURRIED_ETH, 0),
            }
        )

    def exit_early(self) -> None:
        story, access, carol = self._story, self._access, self._carol
        story.section("Withdraw at once: a liquidity provider")
        had = len(self._withdrawals(carol))
        name = access.sequencer.withdraw(carol, HURRIED_ETH).hash
        batch = access.sequencer.wait_for_post(name, seconds=PATIENCE_SECONDS).batch or 0
        story.step(f"carol signs a withdrawal of 1 ETH; it is in batch {batch} on L1")
        provider, block = self._devnet.provider(), self._devnet.l1.block_number()

        def seen() -> bool:
            return len(self._withdrawals(carol)) > had and provider.status()["l1Block"] >= block

        access.verifier.wait_until(seen, "verifier and provider to see the withdrawal", PATIENCE_SECONDS)
        self._early = self._withdrawals(carol)[-1]["index"]
        quote = provider.quote(self._early)
        self._fee = quote.fee
        story.step(f"the provider would pay it now for a fee of {quote.fee / HURRIED_ETH:.2%}; carol signs that")
        (receipt,) = self._devnet.l1.receipts([provider.exit(carol, quote)])
        self._meter.keep(receipt)
        story.step(f"the provider pays carol {quote.paid / ETHER:.4f} ETH on L1", receipt["gasUsed"])

    def withdraw(self) -> None:
        story, chain, access = self._story, self._devnet.l1, self._access
        story.section("Withdraw: the rollup to L1, after the challenge window")
        last = b""
        for who, ether, tokens in (
            (self._alice, DEPOSIT_ETH - PAID_ETH - HURRIED_ETH, DEPOSIT_TOKENS - PAID_TOKENS),
            (self._bob, PAID_ETH, PAID_TOKENS),
        ):
            access.sequencer.withdraw(who, ether)
            last = access.sequencer.withdraw(who, tokens, self._token_bytes).hash
            story.step(f"{who.name} signs withdrawals of {ether / ETHER:g} ETH and {tokens / ETHER:g} DEV")
        batch = access.sequencer.wait_for_post(last, seconds=PATIENCE_SECONDS).batch or 0
        story.step(f"the sequencer has posted batch {batch} to L1")
        access.wait_asserted(batch)
        story.step(f"the proposer has asserted the state after batch {batch}; the verifier agrees")
        access.travel(access.challenge_window)
        story.step(f"{access.challenge_window // DAY} days pass: the challenge window is over")
        access.wait_confirmed(batch)
        story.step("the assertion is confirmed")
        for who in (self._alice, self._bob):
            for proven in access.claims(who):
                receipt = self._meter.keep(claim(chain, access.contracts.bridge, who, proven))
                unit = "ETH" if proven.withdrawal.token == ETH else "DEV"
                amount = f"{proven.withdrawal.amount / ETHER:g} {unit}"
                story.step(f"{who.name} claims {amount} with a proof from the verifier", receipt["gasUsed"])
        self._claim_of_provider()
        self._show("after", self._people)
        self._check_l2({})
        waited = {"alice": -PAID_ETH - HURRIED_ETH, "bob": PAID_ETH}
        early = {"carol": HURRIED_ETH - self._fee, "provider": self._fee}
        self._check_l1(waited, {"alice": -PAID_TOKENS, "bob": PAID_TOKENS}, early)
        story.checked("L1: carol +1 ETH less the fee, the provider + that fee less its gas")

    def _claim_of_provider(self) -> None:
        """The provider claims what it has paid for by itself."""

        def claimed() -> bool:
            return bool(self._early_withdrawal()["status"] == "claimed")

        self._access.verifier.wait_until(claimed, "the provider's claim", PATIENCE_SECONDS)
        (receipt,) = self._devnet.l1.receipts([bytes_of(self._early_withdrawal()["transaction"])])
        self._meter.keep(receipt)
        self._story.step("the provider claims the 1 ETH that carol had from it", receipt["gasUsed"])

    def _early_withdrawal(self) -> dict[str, Any]:
        return next(each for each in self._withdrawals(self._carol) if each["index"] == self._early)

    def _withdrawals(self, who: Account) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._access.verifier.call("l2_withdrawals", who.address)
        return found

    def _l2(self, who: Account, token: bytes) -> int:
        return self._access.sequencer.account(who.address_bytes, token).balance

    def _show(self, when: str, people: Sequence[Account]) -> None:
        rows = []
        for who in people:
            own = (
                self._devnet.l1.balance(who.address),
                self._l2(who, ETH),
                self._token.functions.balanceOf(who.address).call(),
                self._l2(who, self._token_bytes),
            )
            rows.append([who.name, *(f"{each / ETHER:,.4f}" for each in own)])
        self._story.table(f"Balances {when}", ["", "ETH on L1", "ETH on L2", "DEV on L1", "DEV on L2"], rows)

    def _check_l1(self, ether: dict[str, int], tokens: dict[str, int], early: dict[str, int] | None = None) -> None:
        """Check all balances; of the changes told in ``early`` somebody else tells."""
        told = set(ether)
        for balances, changes in ((self._ether, ether | (early or {})), (self._tokens, tokens)):
            facts = [fact for fact in balances.check(changes) if fact.split()[0] in told]
            self._story.checked("L1: " + ", ".join(facts))

    def _check_l2(self, changes: dict[str, tuple[int, int]]) -> None:
        for who in self._people:
            for token, change in zip((ETH, self._token_bytes), changes.get(who.name, (0, 0)), strict=True):
                owns, must = self._l2(who, token), self._before[who.name, token] + change
                if owns != must:
                    raise CheckFailed(f"{who.name} owns {owns} base units on L2, and must own {must}")
        self._story.checked("L2: every balance to the last wei")
