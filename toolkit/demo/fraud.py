"""Fraud: a proposer claims somebody's balance, the verifier disputes that, and L1 executes the step that decides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from web3.types import TxReceipt

from toolkit.bridge.client import deposit_eth
from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.l1 import bytes_of, hex_of
from toolkit.rollup.dispute.explain import explain
from toolkit.rollup.machine import State
from toolkit.rollup.rebuild import Source, fetch
from toolkit.rollup.rogue import StolenBalance
from toolkit.rollup.technique import PATIENCE_SECONDS
from toolkit.technique.meter import Balances, CheckFailed, Meter
from toolkit.technique.story import Story
from toolkit.technique.workload import ETHER
from toolkit.world import DAY, Devnet

DEPOSIT = 10 * ETHER
PAYMENTS = 300
PAID_EACH = ETHER // 100
THIEF = "grace"

_SIDES = ("defender", "challenger")


def fraud(devnet: Devnet, story: Story) -> None:
    """Grace claims alice's balance, and loses her bond.

    ``story.data`` gets ``moves``, ``winner``, ``gas_total`` and ``final_step``.

    Raises:
        CheckFailed: a balance is not what it must be, or the cheat was not found out.
    """
    _Trial(devnet, story).hold()


class _Trial:
    def __init__(self, devnet: Devnet, story: Story) -> None:
        self._devnet, self._story, self._access = devnet, story, devnet.access
        self._alice, self._bob = devnet.accounts["alice"], devnet.accounts["bob"]
        self._names = {account.address: account.name for account in devnet.accounts.values()}
        self._bond = int(devnet.contracts["Rollup"].functions.BOND().call())
        self._moves: list[dict[str, Any]] = []

    def hold(self) -> None:
        story, devnet = self._story, self._devnet
        story.section("A proposer that cheats, and a verifier that watches")
        self._wait_idle()
        people = [devnet.accounts[name] for name in (THIEF, "verifier", "proposer")]
        meter, first = Meter(devnet.l1), devnet.l1.block_number() + 1
        balances, standing = Balances(meter, people), self._standing()
        escrow, burned = self._held("Bridge"), self._held("Dispute")

        with self._as_calldata():
            batch = self._traffic()
        game = self._play(batch)
        self._tell_step(game, batch)
        self._tell_game(game)
        self._confirm(batch)

        self._wait_idle()
        for receipt in self._receipts(people, first):
            meter.keep(receipt)
        locked = self._bond * (self._standing() - standing)
        facts = balances.check({THIEF: -self._bond, "verifier": self._bond // 2, "proposer": -locked})
        story.checked(f"L1: {', '.join(facts[:2])}")
        story.checked("L1: the honest proposer has its bonds back, to the wei")
        self._expect(self._held("Dispute") - burned, self._bond - self._bond // 2, "the Dispute has burned")
        self._expect(self._held("Bridge") - escrow, DEPOSIT, "the bridge holds more by")
        story.checked(f"L1: {(self._bond - self._bond // 2) / ETHER:g} ETH burned; the bridge's escrow is whole")

    @contextmanager
    def _as_calldata(self) -> Iterator[None]:
        """Batches go to L1 as calldata meanwhile: blobs are cheaper, but seconds of cryptography for every process."""
        before = self._access.sequencer.status()["batchData"]
        self._access.sequencer.call("l2_setBatchData", "calldata")
        try:
            yield
        finally:
            self._access.sequencer.call("l2_setBatchData", before)

    def _traffic(self) -> int:
        """Alice gets money to L2 and pays bob; returns the batch with the last payment."""
        story, alice, bob, client = self._story, self._alice, self._bob, self._access.sequencer
        before = self._l2(alice), self._l2(bob)
        receipt = deposit_eth(self._devnet.l1, self._devnet.contracts["Bridge"], alice, DEPOSIT)
        story.step(f"alice deposits {DEPOSIT // ETHER} ETH", receipt["gasUsed"])
        client.wait_for_balance(alice.address_bytes, before[0] + DEPOSIT, seconds=PATIENCE_SECONDS)
        paid = client.transfers(alice, [(bob.address_bytes, PAID_EACH)] * PAYMENTS)
        batch = client.wait_for_post(paid[-1].hash, seconds=PATIENCE_SECONDS).batch or 0
        total = PAYMENTS * PAID_EACH
        story.step(f"alice pays bob {PAYMENTS} times {PAID_EACH / ETHER:g} ETH; that is in batch {batch} on L1")
        self._expect(self._l2(alice) - before[0], DEPOSIT - total, "alice has gained on L2")
        self._expect(self._l2(bob) - before[1], total, "bob has gained on L2")
        return batch

    def _play(self, batch: int) -> dict[str, Any]:
        """Grace asserts, the verifier disputes, all told as it happens; returns the game in the end."""
        verifier = self._access.verifier
        known = {game["game"] for game in verifier.call("l2_disputes")}
        once = {"cheat": f"stolen-balance:{batch}", "assert_seconds": float(DAY)}
        rogue = self._devnet.process(f"{THIEF}-{batch}", "proposer", self._devnet.accounts[THIEF], **once)
        rogue.wait()
        game: dict[str, Any] = {}

        def is_over() -> bool:
            nonlocal game
            new = [each for each in verifier.call("l2_disputes") if each["game"] not in known]
            if not new:
                return False
            if not self._moves:
                self._tell_assertion(new[0])
            game = new[0]
            for move in game["moves"][len(self._moves) - 1 :]:  # the assertion is told before them
                self._tell_move(game, move)
            return bool(game["status"] == "ended")

        try:
            verifier.wait_until(is_over, "the dispute to end", PATIENCE_SECONDS)
        finally:
            rogue.child.stop()
        if game["winner"] != self._devnet.accounts["verifier"].address:
            raise CheckFailed(f"{THIEF} cheated, and {game['winner']} won the dispute")
        return game

    def _tell_assertion(self, game: dict[str, Any]) -> None:
        asserted = self._devnet.contracts["Rollup"].events.Asserted()
        found = asserted.get_logs(from_block=self._devnet.rollup.block, argument_filters={"id": game["assertion"]})
        said = f"{THIEF} asserts of batch {game['batch']} what is false; bond {self._bond / ETHER:g} ETH"
        self._note("assert", THIEF, said, found[0]["transactionHash"], None)

    def _tell_move(self, game: dict[str, Any], move: dict[str, Any]) -> None:
        names = {side: self._names[game[side]] for side in ("challenger", "defender")}
        said: str = move["said"]
        if move["what"] == "open":
            bond = int(self._devnet.contracts["Dispute"].functions.BOND().call())
            said = f"the challenger disputes that; bond {bond / ETHER:g} ETH"
        for side, name in names.items():
            said = said.replace(f"the {side}", f"the {name}" if name == "verifier" else name)
        self._note(move["what"], self._names[move["by"]], said, bytes_of(move["transaction"]), move["clocks"])

    def _note(self, what: str, who: str, said: str, transaction: bytes, clocks: dict[str, int] | None) -> None:
        named = "0x" + bytes(transaction).hex()
        known = any(each["transaction"] == named for each in self._moves)  # the last move ends the game, too
        gas = None if known else self._devnet.l1.receipts([transaction])[0]["gasUsed"]
        move = {"who": who, "what": what, "said": said, "gas": gas or 0, "clocks": clocks, "transaction": named}
        self._moves.append(move)
        self._story.step(said, gas)

    def _tell_step(self, game: dict[str, Any], batch: int) -> None:
        """What the step was about: the operation, and the balances before, as L1 computed them, and as claimed."""
        devnet, final = self._devnet, game["finalStep"]
        thief = devnet.accounts[THIEF].address_bytes
        source = Source.of(devnet.rollup, devnet.node.url, devnet.l1.chain_id)
        fetched = fetch(source)
        truth = fetched.replica()
        lie = fetched.replica(lambda contracts: StolenBalance(contracts, thief, batch))
        assertion = truth.assertions[bytes_of(game["assertion"])]
        right, wrong = truth.trace(assertion), lie.trace(assertion)
        step = final["step"]
        explained = explain(right, step, lambda owner: self._names.get(checksum(owner), checksum(owner)))
        if explained is None or [
            hex_of(right.hash(step)),
            hex_of(right.hash(step + 1)),
            hex_of(wrong.hash(step + 1)),
        ] != [final["before"], final["computed"], final["claimed"]]:
            raise CheckFailed(f"step {step} is not the one that the game was about: {final}")
        rows = _balances(right.state(step), right.state(step + 1), wrong.state(step + 1))
        self._story.step(
            f"step {step:,} is record {explained.position} of batch {explained.batch}: {explained.operation}"
        )
        shown = [
            [self._names.get(checksum(owner), checksum(owner)), *(f"{each / ETHER:,.4f}" for each in amounts)]
            for owner, _, *amounts in rows
        ]
        self._story.table("ETH on L2", ["", "before", "L1 computes", f"{THIEF} claims"], shown)
        self._story.data["final_step"] = {
            **final,
            "batch": explained.batch,
            "position": explained.position,
            "operation": explained.operation,
            "balances": [
                {"owner": checksum(owner), "name": self._names.get(checksum(owner)), "token": checksum(token),
                 "before": str(before), "computed": str(computed), "claimed": str(claimed)}
                for owner, token, before, computed, claimed in rows
            ],
        }  # fmt: skip

    def _tell_game(self, game: dict[str, Any]) -> None:
        moves = [move for move in self._moves if move["clocks"] is not None and move["gas"]]
        rows = [
            [move["who"], move["what"], f"{move['gas']:,}", *(_clock(move["clocks"][side]) for side in _SIDES)]
            for move in moves
        ]
        total = sum(move["gas"] for move in moves)
        self._story.table("The game", ["", "move", "gas", f"{THIEF}'s clock", "verifier's clock"], rows)
        self._story.step("both sides of the game together", total)
        self._story.data |= {"moves": self._moves, "winner": self._names[game["winner"]], "gas_total": total}

    def _confirm(self, batch: int) -> None:
        story, access = self._story, self._access
        access.wait_asserted(batch)
        story.step("the assertion is rejected; the honest proposer's stands beside it")
        access.travel(access.challenge_window)
        story.step(f"{access.challenge_window // DAY} days pass: the challenge window is over")
        access.wait_confirmed(batch)
        story.step(f"the honest state after batch {batch} is confirmed")

    # --- what is so ---

    def _wait_idle(self) -> None:
        """Wait until the proposer has nothing left to assert."""

        def is_idle() -> bool:
            status = self._access.verified()
            return bool(status["assertedBatch"] == status["batches"] and not status["openDisputes"])

        self._access.verifier.wait_until(is_idle, "the last batch to be asserted", PATIENCE_SECONDS)

    def _standing(self) -> int:
        """The proposer's assertions with a bond in them."""
        address = self._devnet.accounts["proposer"].address
        found = self._access.verifier.call("l2_assertions")
        return sum(each["proposer"] == address and each["status"] == "pending" for each in found)

    def _receipts(self, people: Sequence[Account], first: int) -> list[TxReceipt]:
        """Of everything that these have sent since a block."""
        chain, senders = self._devnet.l1, {account.address for account in people}
        hashes = []
        for number in range(first, chain.block_number() + 1):
            for sent in chain.w3.eth.get_block(number, full_transactions=True)["transactions"]:
                if isinstance(sent, Mapping) and sent["from"] in senders:
                    hashes.append(sent["hash"])
        return chain.receipts(hashes)

    def _held(self, contract: str) -> int:
        return self._devnet.l1.balance(self._devnet.contracts[contract].address)

    def _l2(self, who: Account) -> int:
        return self._access.sequencer.account(who.address_bytes).balance

    def _expect(self, found: int, must: int, what: str) -> None:
        if found != must:
            raise CheckFailed(f"{what} {found} wei, and must be {must}")


def _balances(before: State, computed: State, claimed: State) -> list[tuple[bytes, bytes, int, int, int]]:
    """Owner, token, and the balances in three states, where they are not all the same."""
    found = []
    for index in range(max(len(each.accounts) for each in (before, computed, claimed))):
        known = [each.accounts[index] if index < len(each.accounts) else None for each in (before, computed, claimed)]
        one = next(account for account in known if account is not None)
        amounts = [account.balance if account is not None else 0 for account in known]
        if len(set(amounts)) > 1:
            found.append((one.owner, one.token, amounts[0], amounts[1], amounts[2]))
    return found


def _clock(seconds: int) -> str:
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
