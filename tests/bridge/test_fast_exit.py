"""Fast exits: a provider pays a withdrawal early, with its own money, and takes the claim over."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rollup_core.evm import Contract, pyrevm, refusal
from rollup_core.worlds import KEYS, OWNERS

from toolkit.bridge.terms import FastExit, bridge_domain
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted
from toolkit.rollup.machine import Withdrawal

from .test_bridge import ETH, ZERO, World

OWNER, KEY = OWNERS[0], KEYS[0]
PROVIDER, OTHER = (checksum(bytes([number]) * 20) for number in (0x71, 0x72))
AMOUNT, FEE = 1_000, 30
REVERTS = bytes.fromhex("5f5ffd")
SIGNS_ANYTHING = bytes.fromhex("631626ba7e60e01b5f5260205ff3")
"""Returns ERC-1271's magic value, whatever it is called with."""


class Scene:
    """A withdrawal of each asset, and the terms of a provider for it."""

    def __init__(self) -> None:
        self.world = world = World()
        self.token: Contract = world.token
        world.call("depositETH", checksum(OWNER), value=10 * AMOUNT)
        world.call("depositERC20", self.token.address, checksum(OWNER), 10 * AMOUNT)
        for provider in (PROVIDER, OTHER):
            world.evm.call(self.token, "transfer", provider, 10 * AMOUNT)
            world.evm.call(self.token, "approve", world.bridge.address, 2**256 - 1, sender=provider)
        self.ether = Withdrawal(0, OWNER, ETH, AMOUNT)
        self.tokens = Withdrawal(1, OWNER, self.token.address_bytes, AMOUNT)
        accumulator = world.evm.call(world.inbox, "accumulator", 0)
        self.terms = FastExit(bytes.fromhex(PROVIDER[2:]), FEE, world.evm.now + 100, 0, accumulator)
        self.domain = bridge_domain(1, world.bridge.address_bytes)

    def exit(
        self,
        withdrawal: Withdrawal,
        terms: FastExit | None = None,
        signature: bytes | None = None,
        *,
        sender: str = PROVIDER,
        value: int | None = None,
    ) -> None:
        terms = terms or self.terms
        signature = signature or terms.sign(self.domain, withdrawal, KEY)
        words = (withdrawal.index, checksum(withdrawal.owner), checksum(withdrawal.token), withdrawal.amount)
        agreed = (terms.fee, terms.expiry, terms.batch, terms.accumulator)
        due = 0 if any(withdrawal.token) else max(0, withdrawal.amount - terms.fee)
        halves = (signature[:32], signature[32:])
        sent = due if value is None else value
        self.world.call("fastExit", words, agreed, halves, sender=sender, value=sent)

    def held(self, who: str) -> tuple[int, int]:
        return self.world.balance(who), self.world.tokens(who)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_owner_has_its_money_less_the_fee_and_the_provider_the_claim(scene: Scene) -> None:
    owner = scene.held(checksum(OWNER))
    scene.exit(scene.ether)
    scene.exit(scene.tokens)
    assert scene.held(checksum(OWNER)) == (owner[0] + AMOUNT - FEE, owner[1] + AMOUNT - FEE)
    leaf = scene.tokens.leaf()
    assert scene.world.call("providerOf", leaf) == PROVIDER.lower()
    before = scene.held(PROVIDER)
    for claim in scene.world.confirm(scene.ether, scene.tokens):
        scene.world.claim(claim)
    assert scene.held(PROVIDER) == (before[0] + AMOUNT, before[1] + AMOUNT)
    assert scene.held(checksum(OWNER)) == (owner[0] + AMOUNT - FEE, owner[1] + AMOUNT - FEE)


def test_a_withdrawal_is_taken_over_once(scene: Scene) -> None:
    scene.exit(scene.ether)
    terms = replace(scene.terms, provider=bytes.fromhex(OTHER[2:]), fee=0)
    refused = refusal("AlreadyTaken", lambda: scene.exit(scene.ether, terms, sender=OTHER))
    assert refused == (0, PROVIDER.lower())
    refusal("AlreadyTaken", lambda: scene.exit(scene.ether))


def test_what_was_claimed_is_not_paid_again(scene: Scene) -> None:
    claims = scene.world.confirm(scene.ether, scene.tokens)
    scene.world.claim(claims[0])
    assert refusal("AlreadyClaimed", lambda: scene.exit(scene.ether)) == (0,)
    scene.exit(scene.tokens)  # confirmed, and not claimed yet
    before = scene.world.tokens(PROVIDER)
    scene.world.claim(claims[1])
    assert scene.world.tokens(PROVIDER) - before == AMOUNT


def test_terms_other_than_those_signed_are_refused(scene: Scene) -> None:
    signature = scene.terms.sign(scene.domain, scene.ether, KEY)
    changed: list[tuple[Withdrawal, FastExit, str]] = [
        (scene.ether, replace(scene.terms, fee=FEE + 1), PROVIDER),
        (scene.ether, replace(scene.terms, expiry=scene.terms.expiry + 1), PROVIDER),
        (scene.ether, scene.terms, OTHER),
        (replace(scene.ether, index=1), scene.terms, PROVIDER),
        (replace(scene.ether, amount=AMOUNT + 1), scene.terms, PROVIDER),
        (replace(scene.ether, token=scene.token.address_bytes), scene.terms, PROVIDER),
        (replace(scene.ether, owner=OWNERS[1]), scene.terms, PROVIDER),
        (replace(scene.ether, owner=bytes(20)), scene.terms, PROVIDER),
    ]
    for withdrawal, terms, sender in changed:
        due = 0 if any(withdrawal.token) else withdrawal.amount - terms.fee
        with pytest.raises(Reverted) as caught:
            scene.exit(withdrawal, terms, signature, sender=sender, value=due)
        assert caught.value.error == "BadSignature", (withdrawal, terms)
    scene.exit(scene.ether)


def test_a_signature_for_another_bridge_or_chain_is_refused(scene: Scene) -> None:
    for domain in (bridge_domain(2, scene.world.bridge.address_bytes), bridge_domain(1, b"\x11" * 20)):
        signature = scene.terms.sign(domain, scene.ether, KEY)
        refusal("BadSignature", lambda signature=signature: scene.exit(scene.ether, None, signature))
    assert scene.world.call("DOMAIN_SEPARATOR") == scene.domain.separator


def test_after_the_expiry_nothing_is_paid_and_in_its_last_second_it_is(scene: Scene) -> None:
    scene.world.evm.set_time(scene.terms.expiry + 1)
    refused = refusal("Expired", lambda: scene.exit(scene.ether))
    assert refused == (scene.terms.expiry + 1, scene.terms.expiry)
    scene.world.evm.set_time(scene.terms.expiry)
    scene.exit(scene.ether)


def test_the_fee_is_the_whole_withdrawal_at_most(scene: Scene) -> None:
    refused = refusal("FeeTooHigh", lambda: scene.exit(scene.ether, replace(scene.terms, fee=AMOUNT + 1)))
    assert refused == (AMOUNT + 1, AMOUNT)
    scene.exit(scene.ether, replace(scene.terms, fee=AMOUNT))


def test_a_provider_pays_in_the_history_that_it_has_seen_or_not_at_all(scene: Scene) -> None:
    other = b"\x01" * 28
    refused = refusal("WrongHistory", lambda: scene.exit(scene.ether, replace(scene.terms, accumulator=other)))
    assert refused == (other, scene.terms.accumulator)
    assert refusal("UnknownAccumulator", lambda: scene.exit(scene.ether, replace(scene.terms, batch=1))) == (1,)


@pytest.mark.parametrize(("asset", "value"), [("ether", AMOUNT), ("ether", AMOUNT - FEE - 1), ("tokens", 1)])
def test_exactly_what_is_due_comes_with_the_call(scene: Scene, asset: str, value: int) -> None:
    due = AMOUNT - FEE if asset == "ether" else 0
    assert refusal("WrongValue", lambda: scene.exit(getattr(scene, asset), value=value)) == (value, due)


def test_an_owner_that_takes_no_ether_has_a_credit_and_keeps_no_provider_waiting(scene: Scene) -> None:
    """As one can whose key has delegated its account to code (EIP-7702)."""
    world = scene.world
    world.evm.vm.insert_account_info(checksum(OWNER), pyrevm.AccountInfo(code=REVERTS))
    scene.exit(scene.ether)
    assert world.call("credits", ZERO, checksum(OWNER)) == AMOUNT - FEE
    assert world.call("providerOf", scene.ether.leaf()) == PROVIDER.lower()


def test_the_word_of_an_owner_s_code_is_not_its_key_s(scene: Scene) -> None:
    """On L2 the key alone moves money: what it has delegated its account to must not give it away on L1."""
    world = scene.world
    world.evm.vm.insert_account_info(checksum(OWNER), pyrevm.AccountInfo(code=SIGNS_ANYTHING))
    refusal("BadSignature", lambda: scene.exit(scene.ether, None, scene.terms.sign(scene.domain, scene.ether, KEYS[1])))


@pytest.mark.parametrize("index", [0, 126, 127, 128, 255, 256])
def test_each_withdrawal_has_marks_of_its_own(scene: Scene, index: int) -> None:
    """Around the edges of the words in which they lie: 128 to each."""
    world = scene.world
    withdrawals = [Withdrawal(each, OWNER, ETH, 1 + each) for each in range(258)]
    claims = world.confirm(*withdrawals)
    scene.exit(withdrawals[index], replace(scene.terms, fee=0))
    before = world.balance(PROVIDER)
    for each in (index + 1, index):
        world.claim(claims[each])
    assert world.balance(PROVIDER) - before == withdrawals[index].amount
    claimed = [each for each in range(258) if world.call("isClaimed", each)]
    assert claimed == [index, index + 1]
    for each in claimed:
        refusal("AlreadyClaimed", lambda each=each: world.claim(claims[each]))


def test_a_provider_that_believes_in_a_withdrawal_that_is_not_there_loses_its_own_money_alone(scene: Scene) -> None:
    """The thief signs for the victim's place in the outbox: the provider pays, and the victim is paid as well."""
    world, thief = scene.world, checksum(OWNERS[1])
    sham = Withdrawal(0, OWNERS[1], ETH, AMOUNT)
    escrow = world.balance(world.bridge.address)
    before = world.balance(thief), world.balance(checksum(OWNER))
    scene.exit(sham, None, scene.terms.sign(scene.domain, sham, KEYS[1]))
    claims = world.confirm(scene.ether, scene.tokens)
    world.claim(claims[0])
    with pytest.raises(Reverted) as caught:
        world.claim(claims[0], owner=thief)
    assert caught.value.error == "NotWithdrawn"
    assert world.balance(thief) - before[0] == AMOUNT - FEE
    assert world.balance(checksum(OWNER)) - before[1] == AMOUNT
    assert world.balance(world.bridge.address) == escrow - AMOUNT


def test_tokens_that_the_provider_has_not_or_has_not_allowed_are_not_paid(scene: Scene) -> None:
    world = scene.world
    world.evm.call(scene.token, "approve", world.bridge.address, 0, sender=PROVIDER)
    with pytest.raises(Reverted):
        scene.exit(scene.tokens)
    assert world.call("providerOf", scene.tokens.leaf()) == ZERO


@settings(max_examples=25, deadline=None)
@given(
    index=st.integers(0, 2**32 - 1),
    amount=st.integers(0, 2**90),
    fee=st.integers(0, 2**90),
    expiry=st.integers(2**32, 2**256 - 1),
)
def test_python_signs_what_the_contract_checks(index: int, amount: int, fee: int, expiry: int) -> None:
    scene = Scene()
    withdrawal = Withdrawal(index, OWNER, ETH, amount)
    scene.exit(withdrawal, replace(scene.terms, fee=min(fee, amount), expiry=expiry))
    assert scene.world.call("providerOf", withdrawal.leaf()) == PROVIDER.lower()
