"""The Bridge: what goes in is announced exactly, what comes out was confirmed and comes out once."""

from __future__ import annotations

from typing import Any

import pytest
from eth_abi.abi import encode
from hypothesis import given, settings
from hypothesis import strategies as st
from rollup_core.evm import ETHER, Contract, Evm, pyrevm, refusal

from toolkit.bridge.claims import Claim, withdrawal_claim
from toolkit.compile import artifact, compile_sources
from toolkit.crypto import keccak256
from toolkit.devnet.accounts import checksum
from toolkit.devnet.transaction import TX_GAS_CAP
from toolkit.errors import BadInput, Reverted
from toolkit.rollup.inbox import Message
from toolkit.rollup.machine import MAX_BALANCE, Withdrawal, deposit_data
from toolkit.rollup.merkle import empty_roots

SEQUENCER, ALICE, BOB = (checksum(bytes([number]) * 20) for number in (0x5E, 0xA1, 0xB0))
ETH = bytes(20)
ZERO = checksum(ETH)

_SOURCES = {
    "test/BridgeTest.sol": """
// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
import {ERC20} from "solady/tokens/ERC20.sol";
import {IBridge} from "contracts/bridge/IBridge.sol";

contract FakeRollup {
    mapping(bytes32 => bool) public confirmedOutbox;
    address public MACHINE;
    function set(bytes32 root) external { confirmedOutbox[root] = true; }
}

/// A token with vices.
contract OddToken is ERC20 {
    uint256 public fee;
    bool public silent;
    bool public closed;
    uint256 public needs;
    IBridge public bridge;
    uint256 public again;

    constructor() { _mint(msg.sender, type(uint256).max); }
    function name() public pure override returns (string memory) { return "Odd"; }
    function symbol() public pure override returns (string memory) { return "ODD"; }
    function setFee(uint256 value) external { fee = value; }
    function setClosed(bool value) external { closed = value; }
    function setNeeds(uint256 gas) external { needs = gas; }
    function reenter(IBridge target, uint256 amount) external { (bridge, again) = (target, amount); }

    function _afterTokenTransfer(address from, address to, uint256) internal override {
        require(!closed, "closed");
        require(gasleft() >= needs, "more gas");
        if (fee != 0 && from != address(0) && to != address(0)) _burn(to, fee);
        if (again != 0) {
            uint256 amount = again;
            again = 0;
            _approve(address(this), address(bridge), amount);
            bridge.depositERC20(address(this), address(0xbad), amount);
        }
    }
}

/// Takes no ETH until it is opened, nor with too little gas, and claims again whenever it gets some.
contract Receiver {
    bool public open;
    uint256 public needs;
    address public target;
    bytes public data;
    bool public secondWorked;
    function set(bool value) external { open = value; }
    function setNeeds(uint256 gas) external { needs = gas; }
    function again(address to, bytes calldata what) external { (target, data) = (to, what); }
    function act(address to, bytes calldata what) external {
        (bool success, bytes memory output) = to.call(what);
        if (!success) assembly { revert(add(output, 0x20), mload(output)) }
    }
    receive() external payable {
        require(open && gasleft() >= needs, "closed");
        if (target != address(0)) { (secondWorked,) = target.call(data); }
    }
}
"""
}


class World:
    """A Bridge over a real Inbox, and a Rollup that confirms what it is told."""

    def __init__(self) -> None:
        self.evm, odd = Evm(), compile_sources(_SOURCES)
        self.inbox = self.evm.deploy(artifact("Inbox"), SEQUENCER, 3600, 16, 76, 1638, 100)
        self.rollup = self.evm.deploy(odd["FakeRollup"])
        self.bridge: Contract = self.evm.deploy(artifact("Bridge"), self.inbox.address, self.rollup.address, 32)
        self.token = self.evm.deploy(artifact("Token"), "T", "T", 10**30)
        self.odd = self.evm.deploy(odd["OddToken"])
        self.receiver = self.evm.deploy(odd["Receiver"])
        for token in (self.token, self.odd):
            self.evm.call(token, "approve", self.bridge.address, 2**256 - 1)

    def call(self, name: str, *arguments: Any, sender: str | None = None, value: int = 0) -> Any:
        return self.evm.call(self.bridge, name, *arguments, sender=sender, value=value)

    def claim(self, claim: Claim, *, gas: int = TX_GAS_CAP, **changes: Any) -> None:
        words = claim.withdrawal
        values = {
            "root": claim.outbox_root,
            "index": words.index,
            "owner": checksum(words.owner),
            "token": checksum(words.token),
            "amount": words.amount,
            "proof": list(claim.proof),
            **changes,
        }
        self.evm.call(self.bridge, "claim", *values.values(), sender=BOB, gas=gas)

    def confirm(self, *withdrawals: Withdrawal) -> list[Claim]:
        claims = [withdrawal_claim(withdrawals, index) for index in range(len(withdrawals))]
        self.evm.call(self.rollup, "set", claims[0].outbox_root)
        return claims

    def balance(self, address: str) -> int:
        return int(self.evm.vm.get_balance(address))

    def tokens(self, address: str, token: Contract | None = None) -> int:
        return int(self.evm.call(token or self.token, "balanceOf", address))

    def consumes(self, *messages: Message) -> None:
        """The Inbox holds exactly these messages: it accepts them as a batch, and nothing is left."""
        references = b"".join(message.reference() for message in messages)
        for number, listed in ((1, b""), (2, references)):
            self.evm.call(self.inbox, "postBatch", number, bytes(32), b"", listed, sender=SEQUENCER)
        assert self.evm.call(self.inbox, "waitingMessages") == 0


@pytest.fixture
def world() -> World:
    return World()


def test_deposits_are_held_and_announced_in_order(world: World) -> None:
    world.call("depositETH", BOB, sender=ALICE, value=3 * ETHER)
    world.call("depositERC20", world.token.address, ALICE, 5)
    world.call("depositETH", BOB, sender=BOB, value=1)
    assert (world.balance(world.bridge.address), world.tokens(world.bridge.address)) == (3 * ETHER + 1, 5)
    alice, bob, token = (bytes.fromhex(each[2:]) for each in (ALICE, BOB, world.token.address))
    deposits = [(ETH, bob, 3 * ETHER), (token, alice, 5), (ETH, bob, 1)]
    sender, now = world.bridge.address_bytes, world.evm.now
    world.consumes(*(Message(sender, now, deposit_data(*deposit)) for deposit in deposits))


@pytest.mark.parametrize("amount", [1, MAX_BALANCE])
def test_a_deposit_may_be_as_large_as_an_account(world: World, amount: int) -> None:
    world.call("depositERC20", world.odd.address, ALICE, amount)
    assert world.tokens(world.bridge.address, world.odd) == amount


def test_deposits_of_nothing_too_much_or_to_nobody_are_refused_and_nothing_is_kept(world: World) -> None:
    token = world.odd.address
    before = world.balance(ALICE)
    assert refusal("BadAmount", lambda: world.call("depositETH", BOB)) == (0,)
    assert refusal("BadAmount", lambda: world.call("depositERC20", token, BOB, 0)) == (0,)
    assert refusal("BadAmount", lambda: world.call("depositERC20", token, BOB, MAX_BALANCE + 1)) == (MAX_BALANCE + 1,)
    for nobody in (ZERO, world.bridge.address, world.token.address):  # the last has code, and no key
        assert refusal("BadRecipient", lambda to=nobody: world.call("depositETH", to, value=1)) == (nobody.lower(),)
        refusal("BadRecipient", lambda to=nobody: world.call("depositERC20", token, to, 1))
    assert refusal("NotAToken", lambda: world.call("depositERC20", ZERO, BOB, 1)) == (ZERO,)
    with pytest.raises(Reverted):
        world.call("depositERC20", BOB, BOB, 1)  # no contract there
    with pytest.raises(Reverted):
        world.call("depositERC20", world.token.address, BOB, 1, sender=BOB)  # no balance, no allowance
    assert (world.balance(world.bridge.address), world.tokens(world.bridge.address, world.odd)) == (0, 0)
    assert world.balance(ALICE) == before
    world.consumes()


def test_an_account_that_its_key_has_delegated_may_be_deposited_to(world: World) -> None:
    delegated = checksum(b"\x77" * 20)
    code = bytes.fromhex("ef0100") + world.receiver.address_bytes  # EIP-7702
    world.evm.vm.insert_account_info(delegated, pyrevm.AccountInfo(code=code))
    world.call("depositETH", delegated, value=1)
    assert world.balance(world.bridge.address) == 1


def test_a_token_that_takes_a_fee_is_refused(world: World) -> None:
    world.evm.call(world.odd, "setFee", 1)
    refused = refusal("InexactTransfer", lambda: world.call("depositERC20", world.odd.address, BOB, 100))
    assert refused == (world.odd.address.lower(), 99, 100)
    world.consumes()


def test_a_token_that_deposits_during_a_deposit_gains_nothing(world: World) -> None:
    world.evm.call(world.odd, "transfer", world.odd.address, 1000)
    world.evm.call(world.odd, "reenter", world.bridge.address, 7)
    refused = refusal("InexactTransfer", lambda: world.call("depositERC20", world.odd.address, BOB, 100))
    assert refused == (world.odd.address.lower(), 107, 100)
    world.consumes()


def test_a_withdrawal_is_paid_to_its_owner_whoever_claims(world: World) -> None:
    world.call("depositETH", BOB, value=10)
    world.call("depositERC20", world.token.address, BOB, 10)
    alice, token = bytes.fromhex(ALICE[2:]), world.token.address_bytes
    eth, erc20 = world.confirm(Withdrawal(0, alice, ETH, 4), Withdrawal(1, alice, token, 6))
    before = world.balance(ALICE)
    world.claim(eth)
    world.claim(erc20)
    assert (world.balance(ALICE) - before, world.tokens(ALICE)) == (4, 6)
    assert (world.balance(world.bridge.address), world.tokens(world.bridge.address)) == (6, 4)
    assert world.call("isClaimed", 0) and world.call("isClaimed", 1) and not world.call("isClaimed", 2)


def test_a_withdrawal_is_paid_once_whatever_outbox_shows_it(world: World) -> None:
    world.call("depositETH", BOB, value=10)
    alice = bytes.fromhex(ALICE[2:])
    first = Withdrawal(0, alice, ETH, 4)
    (old,) = world.confirm(first)
    new, _ = world.confirm(first, Withdrawal(1, alice, ETH, 1))
    world.claim(old)
    assert refusal("AlreadyClaimed", lambda: world.claim(old)) == (0,)
    refusal("AlreadyClaimed", lambda: world.claim(new))
    full = list(new.proof) + list(empty_roots(32)[len(new.proof) : 32])
    refusal("AlreadyClaimed", lambda: world.claim(new, proof=full))


def test_an_old_outbox_stays_good(world: World) -> None:
    world.call("depositETH", BOB, value=10)
    first = Withdrawal(0, bytes.fromhex(ALICE[2:]), ETH, 4)
    (old,) = world.confirm(first)
    world.confirm(first, Withdrawal(1, bytes.fromhex(ALICE[2:]), ETH, 1))
    world.claim(old)
    assert world.call("isClaimed", 0)


def test_an_unconfirmed_outbox_pays_nothing(world: World) -> None:
    world.call("depositETH", BOB, value=10)
    claim = withdrawal_claim([Withdrawal(0, bytes.fromhex(BOB[2:]), ETH, 4)], 0)
    assert refusal("NotConfirmed", lambda: world.claim(claim)) == (claim.outbox_root,)


def test_a_claim_changed_in_any_part_is_refused(world: World) -> None:
    world.call("depositETH", BOB, value=10)
    alice = bytes.fromhex(ALICE[2:])
    claim = world.confirm(*(Withdrawal(index, alice, ETH, 1) for index in range(3)))[1]
    changes: list[dict[str, Any]] = [
        {"index": 0},
        {"index": 2},
        {"index": 1 + 2**32},
        {"owner": BOB},
        {"token": world.token.address},
        {"amount": 2},
        {"proof": []},
        {"proof": list(claim.proof[:-1])},
        {"proof": list(reversed(claim.proof))},
        {"proof": [*claim.proof, bytes(32)]},
        {"proof": [*claim.proof, *empty_roots(64)[len(claim.proof) : 33]]},
    ]
    for change in changes:
        with pytest.raises(Reverted) as caught:
            world.claim(claim, **change)
        assert caught.value.error in ("NotWithdrawn", "BadProof"), change
    world.claim(claim)


def test_a_node_of_the_tree_is_no_withdrawal(world: World) -> None:
    """A node's preimage is 64 bytes, a leaf's 128: the node above two leaves is no leaf of a shorter proof."""
    alice = bytes.fromhex(ALICE[2:])
    claim = world.confirm(*(Withdrawal(index, alice, ETH, 1) for index in range(4)))[0]
    with pytest.raises(Reverted):
        world.claim(claim, proof=list(claim.proof[1:]))


def test_an_owner_that_takes_no_ether_gets_a_credit(world: World) -> None:
    world.call("depositETH", BOB, value=10)
    receiver = world.receiver
    (claim,) = world.confirm(Withdrawal(0, receiver.address_bytes, ETH, 4))
    world.claim(claim)
    assert world.call("credits", ZERO, receiver.address) == 4
    refusal("AlreadyClaimed", lambda: world.claim(claim))

    def claim_credit(to: str) -> None:
        data = keccak256(b"claimCredit(address,address)")[:4] + encode(["address", "address"], [ZERO, to])
        world.evm.call(receiver, "act", world.bridge.address, data)

    refused = refusal("PayoutFailed", lambda: claim_credit(receiver.address))
    assert refused == (ZERO, receiver.address.lower(), 4)
    before = world.balance(ALICE)
    claim_credit(ALICE)
    assert (world.balance(ALICE) - before, world.call("credits", ZERO, receiver.address)) == (4, 0)
    assert refusal("NoCredit", lambda: claim_credit(ALICE)) == (ZERO, receiver.address.lower())


@pytest.mark.parametrize(("asset", "needs"), [("ETH", 48_000), ("token", 250_000)])
def test_a_claimant_who_sends_too_little_gas_turns_no_payout_into_a_credit(
    world: World, asset: str, needs: int
) -> None:
    """Whatever gas is sent, an owner who would take the payout is paid, or nothing happens."""
    world.call("depositETH", BOB, value=10)
    world.call("depositERC20", world.odd.address, BOB, 10)
    for picky in (world.receiver, world.odd):  # both give up at once if they have less than they need
        world.evm.call(picky, "setNeeds", needs)
    world.evm.call(world.receiver, "set", True)
    owner, token = world.receiver.address, ZERO if asset == "ETH" else world.odd.address
    (claim,) = world.confirm(Withdrawal(0, bytes.fromhex(owner[2:]), bytes.fromhex(token[2:]), 4))
    errors = set()
    for gas in range(60_000, 420_000, 2_000):
        before = world.evm.vm.snapshot()
        try:
            world.claim(claim, gas=gas)
        except Reverted as reverted:
            errors.add(reverted.error)
        else:
            assert world.call("isClaimed", 0)
            assert world.call("credits", token, owner) == 0, gas
            errors.add("none")
        world.evm.vm.revert(before)
    assert {"PayoutOutOfGas", "none"} <= errors


def test_a_token_that_refuses_for_now_becomes_a_credit(world: World) -> None:
    world.call("depositERC20", world.odd.address, BOB, 10)
    alice = bytes.fromhex(ALICE[2:])
    (claim,) = world.confirm(Withdrawal(0, alice, world.odd.address_bytes, 4))
    world.evm.call(world.odd, "setClosed", True)
    world.claim(claim)
    assert world.call("credits", world.odd.address, ALICE) == 4
    world.evm.call(world.odd, "setClosed", False)
    world.call("claimCredit", world.odd.address, BOB, sender=ALICE)
    assert world.tokens(BOB, world.odd) == 4


def test_an_owner_that_claims_again_while_it_is_paid_gets_nothing_more(world: World) -> None:
    world.call("depositETH", BOB, value=10)
    receiver = world.receiver
    (claim,) = world.confirm(Withdrawal(0, receiver.address_bytes, ETH, 4))
    words = (claim.outbox_root, 0, receiver.address, ZERO, 4, list(claim.proof))
    data = keccak256(b"claim(bytes32,uint256,address,address,uint256,bytes32[])")[:4] + encode(
        ["bytes32", "uint256", "address", "address", "uint256", "bytes32[]"], words
    )
    world.evm.call(receiver, "set", True)
    world.evm.call(receiver, "again", world.bridge.address, data)
    world.claim(claim)
    assert world.balance(receiver.address) == 4
    assert not world.evm.call(receiver, "secondWorked")


@settings(max_examples=25, deadline=None)
@given(count=st.integers(1, 40), data=st.data())
def test_every_withdrawal_of_an_outbox_can_be_claimed(count: int, data: st.DataObject) -> None:
    world = World()
    world.call("depositETH", BOB, value=ETHER)
    owners = [keccak256(bytes([index]))[:20] for index in range(count)]
    claims = world.confirm(*(Withdrawal(index, owners[index], ETH, index + 1) for index in range(count)))
    chosen = data.draw(st.lists(st.integers(0, count - 1), unique=True, max_size=4))
    for index in chosen:
        world.claim(claims[index])
        assert world.balance(checksum(owners[index])) == index + 1
    assert world.balance(world.bridge.address) == ETHER - sum(index + 1 for index in chosen)


def test_a_withdrawal_that_is_not_there_has_no_proof() -> None:
    with pytest.raises(BadInput, match="withdrawal 1"):
        withdrawal_claim([Withdrawal(0, ETH, ETH, 1)], 1)
