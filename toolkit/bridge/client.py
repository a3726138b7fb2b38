"""The bridge's transactions on L1. Amounts are in base units (wei for ETH), addresses EIP-55 text."""

from __future__ import annotations

from eth_abi.abi import encode
from web3.contract import Contract
from web3.types import TxReceipt

from toolkit.bridge.claims import Claim
from toolkit.bridge.escape import Consumption, Final, Recovery
from toolkit.bridge.terms import FastExit
from toolkit.crypto import keccak256, sign
from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.chain import Chain
from toolkit.rollup.machine import Withdrawal
from toolkit.rollup.witness import batch_words

_PERMIT_TYPE_HASH = keccak256(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")
_PERMIT_SECONDS = 3600


def deposit_eth(chain: Chain, bridge: Contract, account: Account, amount: int, to: str | None = None) -> TxReceipt:
    """Deposit ETH to the L2 account of ``to``, or of the depositor.

    Raises:
        Reverted: BadAmount, or BadRecipient (Bridge).
        BadInput: the account does not have as much.
    """
    return chain.send(account, bridge.functions.depositETH(to or account.address), value=amount)


def deposit_erc20(
    chain: Chain, bridge: Contract, account: Account, token: str, amount: int, to: str | None = None
) -> TxReceipt:
    """Deposit a token, of which the bridge was allowed as much, to the L2 account of ``to``, or of the depositor.

    Raises:
        Reverted: BadAmount, BadRecipient, NotAToken or InexactTransfer (Bridge), TransferFromFailed (balance or
            allowance).
    """
    return chain.send(account, bridge.functions.depositERC20(token, to or account.address, amount))


def deposit_erc20_with_permit(
    chain: Chain, bridge: Contract, account: Account, token: Contract, amount: int, to: str | None = None
) -> TxReceipt:
    """Deposit a token that has permits (EIP-2612) without an approval before, otherwise as `deposit_erc20`."""
    deadline = chain.w3.eth.get_block("latest")["timestamp"] + _PERMIT_SECONDS
    nonce = token.functions.nonces(account.address).call()
    separator = token.functions.DOMAIN_SEPARATOR().call()
    struct = encode(
        ["bytes32", "address", "address", "uint256", "uint256", "uint256"],
        [_PERMIT_TYPE_HASH, account.address, bridge.address, amount, nonce, deadline],
    )
    signature = _halves(sign(account.key, keccak256(b"\x19\x01" + separator + keccak256(struct))))
    deposit = bridge.functions.depositERC20WithPermit
    return chain.send(account, deposit(token.address, to or account.address, amount, deadline, signature))


def claim(chain: Chain, bridge: Contract, account: Account, claim: Claim) -> TxReceipt:
    """Claim a withdrawal for its owner; anyone may.

    Raises:
        Reverted: NotConfirmed, NotWithdrawn or AlreadyClaimed (Bridge).
    """
    withdrawal = claim.withdrawal
    return chain.send(
        account,
        bridge.functions.claim(
            claim.outbox_root,
            withdrawal.index,
            checksum(withdrawal.owner),
            checksum(withdrawal.token),
            withdrawal.amount,
            list(claim.proof),
        ),
    )


def claim_credit(chain: Chain, bridge: Contract, account: Account, token: str, to: str) -> TxReceipt:
    """Claim what the bridge owes the account because a payout failed, and pay it to ``to``.

    Raises:
        Reverted: NoCredit, or PayoutFailed where ``to`` does not take it either (Bridge).
    """
    return chain.send(account, bridge.functions.claimCredit(token, to))


def fast_exit(
    chain: Chain, bridge: Contract, provider: Account, withdrawal: Withdrawal, terms: FastExit, signature: bytes
) -> TxReceipt:
    """Pay a withdrawal now, less the fee, and take the claim over. Nothing is checked of the withdrawal itself.

    Args:
        provider: whom the terms name; pays. Of a token it has allowed the bridge as much.
        signature: the owner's over the terms (64 bytes, `FastExit.sign`).

    Raises:
        Reverted: Expired, FeeTooHigh, WrongHistory, AlreadyClaimed, AlreadyTaken (Bridge), BadSignature,
            TransferFromFailed (balance or allowance), or UnknownAccumulator (Inbox).
    """
    words = (withdrawal.index, checksum(withdrawal.owner), checksum(withdrawal.token), withdrawal.amount)
    agreed = (terms.fee, terms.expiry, terms.batch, terms.accumulator)
    value = 0 if any(withdrawal.token) else withdrawal.amount - terms.fee
    return chain.send(provider, bridge.functions.fastExit(words, agreed, _halves(signature)), value=value)


def alarm(chain: Chain, rollup: Contract, account: Account, assertion: bytes) -> TxReceipt:
    """Say that the rollup seems dead; ``assertion`` is the last confirmed one's id.

    Raises:
        Reverted: NotLastConfirmed, or AlreadyAlarmed (Rollup).
    """
    return chain.send(account, rollup.functions.alarm(assertion))


def freeze(chain: Chain, rollup: Contract, account: Account, assertion: bytes) -> TxReceipt:
    """Make the last confirmed assertion the last for ever, an escape delay after the alarm about it.

    Raises:
        Reverted: NotLastConfirmed, NotAlarmed, or FreezeTooEarly (Rollup).
    """
    return chain.send(account, rollup.functions.freeze(assertion))


def escape(chain: Chain, bridge: Contract, account: Account, final: Final, witness: bytes) -> TxReceipt:
    """Pay what an account holds in the frozen state to its owner; anyone may.

    Args:
        witness: `escape_witness`.

    Raises:
        Reverted: NotFrozen, AlreadyEscaped, NothingToPay (Bridge), or WrongWitness (the machine).
    """
    return chain.send(account, bridge.functions.escape(_final(final), witness))


def recover_deposit(
    chain: Chain, bridge: Contract, account: Account, final: Final, recovery: Recovery, consumed: Consumption
) -> TxReceipt:
    """Pay back a deposit that the frozen state does not know; anyone may.

    Raises:
        Reverted: NotFrozen, InFrozenState, WrongHistory, NotConsumed, AlreadyRecovered (Bridge), or UnknownAccumulator
            (Inbox) where it has forgotten the batch.
    """
    posted = (*batch_words(consumed.posted)[:-1], checksum(consumed.posted.poster))
    words = (consumed.batch, consumed.before, posted, consumed.place, consumed.hint)
    recover = bridge.functions.recoverDeposit
    return chain.send(account, recover(_final(final), words, recovery.message.preimage, list(consumed.proof)))


def _final(final: Final) -> tuple[bytes, int, bytes, bytes, bytes]:
    return final.parent, final.batch, final.accumulator, final.outbox_root, final.inner_hash


def _halves(signature: bytes) -> tuple[bytes, bytes]:
    return signature[:32], signature[32:]
