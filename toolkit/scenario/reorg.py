"""Reorg: L1 forgets its last blocks, and with them a deposit, a batch and a fast exit."""

from __future__ import annotations

from toolkit.bridge.calls import ERRORS
from toolkit.bridge.provider_client import Quote
from toolkit.devnet.l1 import bytes_of, explained, hex_of
from toolkit.devnet.nodes import Node
from toolkit.errors import BadInput, RpcError
from toolkit.scenario.ledger import ETH
from toolkit.scenario.outcome import exact
from toolkit.scenario.stage import Stage
from toolkit.technique.workload import ETHER

WITHDRAWN = 4 * ETHER


def play(stage: Stage) -> None:
    """The services put back what is theirs, users send again what is gone, and nothing is paid twice."""
    check_node(stage.devnet.node)
    story, token, chain = stage.story, stage.token, stage.chain
    alice, bob, carol, provider = stage.people("alice", "bob", "carol", "provider")
    story.section("A deposit, a batch and a fast exit")
    stage.start("sequencer", "proposer", "verifier")
    stage.start("provider", confirmations=1)
    stage.deposit(alice, 10 * ETHER)
    stage.arrive((alice, 10 * ETHER, ETH))
    stage.quiet()
    stage.begin()
    kept = chain.block_number()
    stage.deposit(carol, 5 * ETHER)
    stage.deposit(bob, 100 * ETHER, token)
    stage.arrive((carol, 5 * ETHER, ETH), (bob, 100 * ETHER, token))
    batch = stage.posted(stage.withdraw(alice, WITHDRAWN))
    quote, signature = _agree(stage)
    old = _pay(stage, quote, signature)
    raw = chain.rpc.call("eth_getRawTransactionByHash", "0x" + old.hex())
    stage.quiet()
    _expect_paid(stage, quote.paid)

    story.section("L1 forgets all that")
    depth = chain.block_number() - kept
    chain.rpc.call("anvil_reorg", depth, [])
    stage.forget(kept)
    story.step(f"{depth} blocks are gone; others are in their place, without their transactions")
    _expect_paid(stage, 0)
    for who in (bob, carol, provider):
        stage.expect(chain.balance(who.address), stage.wallet_before(who), f"what {who.name} has on L1")
    story.step("alice is not paid; the provider, carol and bob have in their wallets what they sent")

    story.section("What was promised comes again, what is gone is sent again")
    stage.until(lambda: bool(stage.replica().state.withdrawals), "alice's withdrawal to be posted again")
    stage.expect(stage.replica().state.withdrawals, [quote.withdrawal], "what is withdrawn")
    stage.expect(len(stage.replica().history.posted), batch, "the batch with the withdrawal")
    story.step(f"the sequencer has posted batch {batch} again, with alice's withdrawal as it was")
    _mined_again(stage, raw)
    _pay(stage, quote, signature)
    _expect_paid(stage, quote.paid)
    stage.ledger.cost(alice.address_bytes, provider.address_bytes, ETH, quote.fee, "fee of the fast exit")
    stage.deposit(carol, 5 * ETHER)
    stage.deposit(bob, 100 * ETHER, token)
    stage.arrive((carol, 5 * ETHER, ETH), (bob, 100 * ETHER, token))
    stage.finalise(stage.consumed())
    stage.until(lambda: quote.withdrawal.index in stage.replica().bridge.claimed, "the provider to claim")
    stage.expect(stage.replica().bridge.claimed, {0: provider.address_bytes}, "who was paid for the withdrawal")
    story.step("the provider has claimed the withdrawal that it had paid")
    stage.checked("alice was paid once, the provider has its money back, and every deposit is on L2 once")


def check_node(node: Node) -> None:
    """Raise BadInput where a node cannot forget blocks."""
    if not node.version().startswith("anvil/"):
        raise BadInput(f"{node.version()} at {node.rpc.shown} cannot forget blocks; Anvil can")


def _agree(stage: Stage) -> tuple[Quote, bytes]:
    """Alice asks the provider what it takes, and signs."""
    _wait_for_provider(stage)
    (withdrawal,) = stage.replica().state.withdrawals
    quote = stage.provider().quote(withdrawal)
    stage.story.step(f"the provider asks {exact(quote.fee)} ETH to pay that now; alice signs")
    return quote, stage.provider().sign(stage.accounts["alice"], quote)


def _pay(stage: Stage, quote: Quote, signature: bytes) -> bytes:
    """The provider pays; returns the L1 transaction."""
    _wait_for_provider(stage)
    transaction = stage.provider().send(quote, signature)
    (receipt,) = stage.chain.receipts([transaction])
    stage.story.step("the provider pays alice, and takes the withdrawal over", receipt["gasUsed"])
    return transaction


def _wait_for_provider(stage: Stage) -> None:
    """Until it has derived from L1 what anybody can."""

    def knows() -> bool:
        return bool(stage.provider().status()["machineHash"] == hex_of(stage.replica().derived[-1].machine_hash))

    stage.until(knows, "the provider to see what L1 holds")


def _mined_again(stage: Stage, raw: str) -> None:
    """The payment that L1 has forgotten comes again: it names another history, and pays for nothing."""
    rpc = stage.chain.rpc
    name = rpc.call("eth_sendRawTransaction", raw)
    (receipt,) = stage.chain.receipts([bytes_of(name)])
    stage.expect(receipt["status"], 0, "the status of the old payment")
    sent = rpc.call("eth_getTransactionByHash", name)
    request = {"data": sent["input"], **{field: sent[field] for field in ("from", "to", "value")}}
    try:
        rpc.call("eth_call", request, hex(receipt["blockNumber"]))
    except RpcError as error:
        why = explained(error, ERRORS)
        stage.expect(getattr(why, "error", why), "WrongHistory", "the reason why L1 refuses it")
    stage.story.step("somebody sends the forgotten payment again: L1 refuses", receipt["gasUsed"])
    stage.story.step("it names the history that it was made for, and that is gone")
    _expect_paid(stage, 0)


def _expect_paid(stage: Stage, amount: int) -> None:
    alice = stage.accounts["alice"]
    stage.expect(stage.chain.balance(alice.address), stage.wallet_before(alice) + amount, "what alice has on L1")
