"""Deposits of a token by an EIP-2612 permit instead of an approval."""

from __future__ import annotations

import pytest
from eth_abi.abi import encode
from rollup_core.evm import refusal
from rollup_core.worlds import KEYS, OWNERS

from toolkit.compile import compile_sources
from toolkit.crypto import keccak256, sign
from toolkit.devnet.accounts import checksum
from toolkit.errors import Reverted
from toolkit.rollup.inbox import Message
from toolkit.rollup.machine import deposit_data

from .test_bridge import ALICE, BOB, ZERO, World

OWNER, KEY = checksum(OWNERS[0]), KEYS[0]
LATER = 2**40
_TYPE_HASH = keccak256(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")

_PLAIN = """
// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;
/// As little of a token as a deposit needs; everybody has allowed everything.
contract Plain {
    mapping(address => uint256) public balanceOf;
    constructor() { balanceOf[msg.sender] = 1000; }
    function transferFrom(address from, address to, uint256 amount) external returns (bool) {
        balanceOf[from] -= amount;
        balanceOf[to] += amount;
        return true;
    }
}
"""


@pytest.fixture
def world() -> World:
    world = World()
    world.evm.call(world.token, "transfer", OWNER, 1_000)
    return world


def permit(
    world: World, amount: int, *, key: bytes = KEY, nonce: int = 0, deadline: int = LATER, spender: str | None = None
) -> tuple[bytes, bytes]:
    struct = encode(
        ["bytes32", "address", "address", "uint256", "uint256", "uint256"],
        [_TYPE_HASH, OWNER, spender or world.bridge.address, amount, nonce, deadline],
    )
    separator = world.evm.call(world.token, "DOMAIN_SEPARATOR")
    signature = sign(key, keccak256(b"\x19\x01" + separator + keccak256(struct)))
    return signature[:32], signature[32:]


def deposit(
    world: World,
    amount: int,
    signature: tuple[bytes, bytes],
    *,
    sender: str = OWNER,
    token: str | None = None,
    to: str = BOB,
    deadline: int = LATER,
) -> None:
    arguments = (token or world.token.address, to, amount, deadline, signature)
    world.call("depositERC20WithPermit", *arguments, sender=sender)


def test_a_permit_deposits_in_one_call(world: World) -> None:
    deposit(world, 100, permit(world, 100))
    assert world.tokens(world.bridge.address) == 100
    data = deposit_data(world.token.address_bytes, bytes.fromhex(BOB[2:]), 100)
    world.consumes(Message(world.bridge.address_bytes, world.evm.now, data))


def test_somebody_else_may_have_used_the_permit_first(world: World) -> None:
    r, vs = permit(world, 100)
    packed = int.from_bytes(vs, "big")
    v, s = 27 + (packed >> 255), (packed & (2**255 - 1)).to_bytes(32, "big")
    world.evm.call(world.token, "permit", OWNER, world.bridge.address, 100, LATER, v, r, s, sender=ALICE)
    deposit(world, 100, (r, vs))
    assert world.tokens(world.bridge.address) == 100


def test_an_allowance_needs_no_permit(world: World) -> None:
    world.evm.call(world.token, "approve", world.bridge.address, 100, sender=OWNER)
    deposit(world, 100, (bytes(32), bytes(32)))
    assert world.tokens(world.bridge.address) == 100


def test_a_permit_that_is_none_deposits_nothing(world: World) -> None:
    wrong = [
        (99, permit(world, 100), LATER),
        (100, permit(world, 99), LATER),
        (100, permit(world, 100, key=KEYS[1]), LATER),
        (100, permit(world, 100, nonce=1), LATER),
        (100, permit(world, 100, spender=ALICE), LATER),
        (100, permit(world, 100, deadline=world.evm.now - 1), world.evm.now - 1),
    ]
    for amount, signature, deadline in wrong:
        with pytest.raises(Reverted):
            deposit(world, amount, signature, deadline=deadline)
    with pytest.raises(Reverted):
        deposit(world, 100, permit(world, 100), sender=ALICE)  # another's permit
    assert world.tokens(world.bridge.address) == 0
    world.consumes()


def test_a_token_without_permits_takes_an_allowance(world: World) -> None:
    plain = world.evm.deploy(compile_sources({"test/Plain.sol": _PLAIN})["Plain"])
    deposit(world, 100, (bytes(32), bytes(32)), sender=world.evm.deployer, token=plain.address)
    assert world.tokens(world.bridge.address, plain) == 100


def test_what_is_refused_without_a_permit_is_refused_with_one(world: World) -> None:
    signature = permit(world, 100)
    for nowhere in (ZERO, ALICE):
        refused = refusal("NotAToken", lambda token=nowhere: deposit(world, 100, signature, token=token))
        assert refused == (nowhere.lower(),)
    for nobody in (ZERO, world.bridge.address, world.token.address):
        refusal("BadRecipient", lambda to=nobody: deposit(world, 100, signature, to=to))
    assert refusal("BadAmount", lambda: deposit(world, 0, permit(world, 0))) == (0,)
    deposit(world, 100, signature)
