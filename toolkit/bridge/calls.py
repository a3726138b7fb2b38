"""The calls that a service makes to the Bridge and to tokens, as bytes: without the weight of web3.

A test holds the names against the artifacts.
"""

from __future__ import annotations

from toolkit.bridge.claims import Claim
from toolkit.bridge.terms import FastExit
from toolkit.devnet.l1 import selector
from toolkit.rollup.machine import Withdrawal

FAST_EXIT = (
    "fastExit((uint256,address,address,uint256),(uint256,uint256,uint256,bytes28),(bytes32,bytes32))"  # all static
)
CLAIM = "claim(bytes32,uint256,address,address,uint256,bytes32[])"
APPROVE = "approve(address,uint256)"
ALLOWANCE = "allowance(address,address)"
BALANCE_OF = "balanceOf(address)"

ERRORS = (
    "NotConfirmed(bytes32)", "NotWithdrawn(bytes32,bytes32)", "AlreadyClaimed(uint256)",
    "AlreadyTaken(uint256,address)", "Expired(uint256,uint256)", "FeeTooHigh(uint256,uint256)",
    "WrongHistory(bytes28,bytes28)", "WrongValue(uint256,uint256)", "BadSignature(address)", "TransferFromFailed()",
    "PayoutOutOfGas(uint256,uint256)",
)  # fmt: skip
"""What the Bridge may answer to a service."""


def encode_fast_exit(withdrawal: Withdrawal, terms: FastExit, signature: bytes) -> bytes:
    """The calldata of ``Bridge.fastExit``; ``signature`` is the owner's over the terms (64 bytes)."""
    agreed = (_word(terms.fee), _word(terms.expiry), _word(terms.batch), terms.accumulator.ljust(32, b"\0"))
    return b"".join((selector(FAST_EXIT), _withdrawal(withdrawal), *agreed, signature))


def encode_claim(claim: Claim) -> bytes:
    """The calldata of ``Bridge.claim``."""
    head = claim.outbox_root + _withdrawal(claim.withdrawal) + _word(6 * 32)
    return b"".join((selector(CLAIM), head, _word(len(claim.proof)), *claim.proof))


def encode_approve(spender: bytes, amount: int) -> bytes:
    """The calldata of ERC20's ``approve``."""
    return selector(APPROVE) + _address(spender) + _word(amount)


def encode_allowance(owner: bytes, spender: bytes) -> bytes:
    """The calldata of ERC20's ``allowance``."""
    return selector(ALLOWANCE) + _address(owner) + _address(spender)


def encode_balance_of(owner: bytes) -> bytes:
    """The calldata of ERC20's ``balanceOf``."""
    return selector(BALANCE_OF) + _address(owner)


def _withdrawal(withdrawal: Withdrawal) -> bytes:
    who = _address(withdrawal.owner) + _address(withdrawal.token)
    return _word(withdrawal.index) + who + _word(withdrawal.amount)


def _address(address: bytes) -> bytes:
    return address.rjust(32, b"\0")


def _word(number: int) -> bytes:
    return number.to_bytes(32, "big")
