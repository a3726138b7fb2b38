"""Reorg: L1 forgets its last blocks, and with them a deposit, a batch and a fast exit."""

from __future__ import annotations

from dataclasses import dataclass

from web3.types import TxReceipt

from toolkit.bridge.client import fast_exit
from toolkit.bridge.terms import FastExit, bridge_domain
from toolkit.devnet.accounts import Account
from toolkit.devnet.nodes import Node
from toolkit.errors import BadInput, Reverted
from toolkit.rollup.derive import Replica
from toolkit.rollup.machine import Withdrawal
from toolkit.scenario.ledger import ETH
from toolkit.scenario.stage import Stage
from toolkit.technique.meter import CheckFailed
from toolkit.technique.workload import ETHER
from toolkit.world import DAY

WITHDRAWN = 4 * ETHER
FEE = ETHER // 100


def play(stage: Stage) -> None:
    """The sequencer posts its promises again, users send again what is gone, and nothing is paid twice."""
    story, token, chain = stage.story, stage.token, stage.chain
    alice, bob, carol, heidi = stage.people("alice", "bob", "carol", "heidi")
    _check_node(stage.devnet.node)
    story.section("A deposit, a batch and a fast exit")
    stage.start("sequencer", "proposer", "verifier")
    stage.deposit(alice, 10 * ETHER)
    stage.arrive((alice, 10 * ETHER, ETH))
    stage.quiet()
    stage.begin()
    kept = chain.block_number()
    stage.deposit(carol, 5 * ETHER)
    stage.deposit(bob, 100 * ETHER, token)
    stage.arrive((carol, 5 * ETHER, ETH), (bob, 100 * ETHER, token))
    batch = stage.posted(stage.withdraw(alice, WITHDRAWN))
    offer = _offer(stage)
    old = offer.terms(stage.replica())
    receipt = offer.take(stage, old)
    again = chain.rpc.call("eth_getRawTransactionByHash", "0x" + bytes(receipt["transactionHash"]).hex())
    _expect_paid(stage, WITHDRAWN - FEE)
    stage.quiet()

    story.section("L1 forgets all that")
    depth = chain.block_number() - kept
    stage.devnet.node.rpc.call("anvil_reorg", depth, [])
    stage.forget(kept)
    story.step(f"{depth} blocks are gone; others are in their place, without their transactions")
    _expect_paid(stage, 0)
    for who in (bob, carol, heidi):
        stage.expect(chain.balance(who.address), stage.wallet_before(who), f"what {who.name} has on L1")
    story.step("alice is not paid; heidi, carol and bob have in their wallets what they sent")

    story.section("What was promised comes again, what is gone is sent again")
    stage.until(lambda: bool(stage.replica().state.withdrawals), "alice's withdrawal to be posted again")
    stage.expect(stage.replica().state.withdrawals, [offer.withdrawal], "what is withdrawn")
    stage.expect(len(stage.replica().history.posted), batch, "the batch with the withdrawal")
    story.step(f"the sequencer has posted batch {batch} again, with alice's withdrawal as it was")
    _mined_again(stage, offer, old, again)
    offer.take(stage, offer.terms(stage.replica()))
    stage.deposit(carol, 5 * ETHER)
    stage.deposit(bob, 100 * ETHER, token)
    stage.arrive((carol, 5 * ETHER, ETH), (bob, 100 * ETHER, token))
    stage.finalise(stage.consumed())
    stage.ledger.cost(alice.address_bytes, heidi.address_bytes, ETH, FEE, "fee of the fast exit")
    stage.claim(alice, by=heidi)
    stage.checked("alice was paid once, heidi has the withdrawal that she paid, and every deposit is on L2 once")


@dataclass(frozen=True)
class _Offer:
    """What alice signs: heidi may pay her withdrawal early, less the fee."""

    owner: Account
    provider: Account
    withdrawal: Withdrawal
    expiry: int

    def terms(self, replica: Replica) -> FastExit:
        """The offer on the history that the provider sees."""
        last = replica.derived[-1]
        return FastExit(self.provider.address_bytes, FEE, self.expiry, last.batch, last.accumulator)

    def take(self, stage: Stage, terms: FastExit) -> TxReceipt:
        """The provider pays."""
        paid, bridge = stage.amount(self.withdrawal.amount - FEE), stage.devnet.contracts["Bridge"]
        domain = bridge_domain(stage.chain.chain_id, bytes.fromhex(bridge.address[2:]))
        signature = terms.sign(domain, self.withdrawal, self.owner.key)
        sent = (stage.chain, bridge, self.provider, self.withdrawal, terms, signature)
        what = f"pays {self.owner.name} {paid}, and takes the withdrawal over"
        return stage.send(self.provider, what, lambda: fast_exit(*sent))


def _check_node(node: Node) -> None:
    """Raise BadInput where a node cannot forget blocks."""
    if not node.version().startswith("anvil/"):
        raise BadInput(f"{node.version()} at {node.rpc.shown} cannot forget blocks; Anvil can")


def _offer(stage: Stage) -> _Offer:
    alice, heidi = stage.people("alice", "heidi")
    (withdrawal,) = stage.replica().state.withdrawals
    return _Offer(alice, heidi, withdrawal, stage.chain.now() + DAY)


def _mined_again(stage: Stage, offer: _Offer, old: FastExit, raw: str) -> None:
    """The transaction that L1 has forgotten comes again: it is about another history, and pays for nothing."""
    try:
        offer.take(stage, old)
    except Reverted as refused:
        stage.expect(refused.error, "WrongHistory", "the reason why the old fast exit is refused")
    else:
        raise CheckFailed("a fast exit was paid that is about another history")
    name = stage.chain.rpc.call("eth_sendRawTransaction", raw)
    (receipt,) = stage.chain.receipts([bytes.fromhex(name[2:])])
    stage.expect(receipt["status"], 0, "the status of the old fast exit")
    stage.note(offer.provider, "sees the old payment mined after all, and refused", receipt)
    _expect_paid(stage, 0)


def _expect_paid(stage: Stage, amount: int) -> None:
    alice = stage.accounts["alice"]
    stage.expect(stage.chain.balance(alice.address), stage.wallet_before(alice) + amount, "what alice has on L1")
