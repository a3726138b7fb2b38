"""Deposits and withdrawals: ETH and tokens to the rollup, a payment there, and back after the challenge window."""

from __future__ import annotations

from toolkit.bridge.client import claim, deposit_erc20, deposit_eth
from toolkit.demo.story import Story
from toolkit.devnet.accounts import Account
from toolkit.rollup.client import ETH
from toolkit.rollup.technique import PATIENCE_SECONDS
from toolkit.technique.meter import Balances, CheckFailed, Meter
from toolkit.technique.workload import ETHER
from toolkit.world import DAY, Devnet

DEPOSIT_ETH = 10 * ETHER
DEPOSIT_TOKENS = 100 * ETHER
PAID_ETH = 25 * ETHER // 10
PAID_TOKENS = 40 * ETHER


def deposit(devnet: Devnet, story: Story) -> None:
    """Alice deposits ETH and tokens.

    Raises:
        CheckFailed: a balance is not what it must be.
    """
    _Trip(devnet, story).deposit()


def withdraw(devnet: Devnet, story: Story) -> None:
    """Alice deposits, pays bob on L2, and both withdraw to L1. Raises as `deposit`."""
    trip = _Trip(devnet, story)
    trip.deposit()
    trip.pay()
    trip.withdraw()


class _Trip:
    def __init__(self, devnet: Devnet, story: Story) -> None:
        self._devnet, self._story = devnet, story
        self._access = devnet.access
        self._alice, self._bob = devnet.accounts["alice"], devnet.accounts["bob"]
        self._token = devnet.contracts["Token"]
        self._token_bytes = bytes.fromhex(self._token.address[2:])
        self._meter = Meter(devnet.l1)
        both = (self._alice, self._bob)
        self._ether = Balances(self._meter, both)
        self._tokens = Balances(self._meter, both, self._token)
        self._before = {
            (each.name, token): self._l2(each, token) for each in both for token in (ETH, self._token_bytes)
        }

    def deposit(self) -> None:
        story, chain, alice = self._story, self._devnet.l1, self._alice
        bridge = self._devnet.contracts["Bridge"]
        story.section("Deposit: L1 to the rollup")
        self._show("before")
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
        self._show("after")
        self._check_l2({"alice": (DEPOSIT_ETH, DEPOSIT_TOKENS)})
        self._check_l1({"alice": -DEPOSIT_ETH}, {"alice": -DEPOSIT_TOKENS})

    def pay(self) -> None:
        story, client = self._story, self._access.sequencer
        story.section("Pay on the rollup")
        client.transfer(self._alice, self._bob.address_bytes, PAID_ETH)
        client.transfer(self._alice, self._bob.address_bytes, PAID_TOKENS, self._token_bytes)
        story.step("alice pays bob 2.5 ETH and 40 DEV; the sequencer has it on disk and confirms")
        self._check_l2(
            {
                "alice": (DEPOSIT_ETH - PAID_ETH, DEPOSIT_TOKENS - PAID_TOKENS),
                "bob": (PAID_ETH, PAID_TOKENS),
            }
        )

    def withdraw(self) -> None:
        story, chain, access = self._story, self._devnet.l1, self._access
        story.section("Withdraw: the rollup to L1")
        last = b""
        for who, ether, tokens in (
            (self._alice, DEPOSIT_ETH - PAID_ETH, DEPOSIT_TOKENS - PAID_TOKENS),
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
        self._show("after")
        self._check_l2({})
        self._check_l1({"alice": -PAID_ETH, "bob": PAID_ETH}, {"alice": -PAID_TOKENS, "bob": PAID_TOKENS})

    def _l2(self, who: Account, token: bytes) -> int:
        return self._access.sequencer.account(who.address_bytes, token).balance

    def _show(self, when: str) -> None:
        rows = []
        for who in (self._alice, self._bob):
            own = (
                self._devnet.l1.balance(who.address),
                self._l2(who, ETH),
                self._token.functions.balanceOf(who.address).call(),
                self._l2(who, self._token_bytes),
            )
            rows.append([who.name, *(f"{each / ETHER:,.4f}" for each in own)])
        self._story.table(f"Balances {when}", ["", "ETH on L1", "ETH on L2", "DEV on L1", "DEV on L2"], rows)

    def _check_l1(self, ether: dict[str, int], tokens: dict[str, int]) -> None:
        for balances, changes in ((self._ether, ether), (self._tokens, tokens)):
            self._story.checked("L1: " + ", ".join(balances.check(changes)))

    def _check_l2(self, changes: dict[str, tuple[int, int]]) -> None:
        for who in (self._alice, self._bob):
            for token, change in zip((ETH, self._token_bytes), changes.get(who.name, (0, 0)), strict=True):
                owns, must = self._l2(who, token), self._before[who.name, token] + change
                if owns != must:
                    raise CheckFailed(f"{who.name} owns {owns} base units on L2, and must own {must}")
        self._story.checked("L2: every balance to the last wei")
