"""The bridge's transactions on L1. Amounts are in base units (wei for ETH), addresses EIP-55 text."""

from __future__ import annotations

from web3.contract import Contract
from web3.types import TxReceipt

from toolkit.bridge.claims import Claim
from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.chain import Chain


def deposit_eth(chain: Chain, bridge: Contract, account: Account, amount: int, to: str | None = None) -> TxReceipt:
    """Deposit ETH to the L2 account of ``to``, or of the depositor.

    Raises:
        Reverted: BadAmount, BadRecipient (Bridge), or InboxFull (Inbox).
        BadInput: the account does not have as much.
    """
    return chain.send(account, bridge.functions.depositETH(to or account.address), value=amount)


def deposit_erc20(
    chain: Chain, bridge: Contract, account: Account, token: str, amount: int, to: str | None = None
) -> TxReceipt:
    """Deposit a token, of which the bridge was allowed as much, to the L2 account of ``to``, or of the depositor.

    Raises:
        Reverted: BadAmount, BadRecipient, NotAToken or InexactTransfer (Bridge), TransferFromFailed (balance or
            allowance), or InboxFull (Inbox).
    """
    return chain.send(account, bridge.functions.depositERC20(token, to or account.address, amount))


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
