"""A deposit as somebody asks for it: checked before, explained where L1 refuses it, approved if it must be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolkit.bridge.passage import Deed, Passage
from toolkit.bridge.standing import Stage, Standing
from toolkit.bridge.view import View
from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.l1 import bytes_of
from toolkit.errors import BadInput, L2KitError, Reverted, RpcError
from toolkit.rollup.client import ETH
from toolkit.rollup.machine import MAX_BALANCE

if TYPE_CHECKING:
    from web3.contract import Contract
    from web3.types import TxReceipt

    from toolkit.devnet.chain import Chain

_WORD = 32


def deposit(
    passage: Passage, view: View, account: Account, token: bytes, amount: int, to: bytes, *, permit: bool = False
) -> Deed:
    """Deposit ``amount`` base units for ``to``; returns the deposit, of which the teller was told, as of all before it.

    Args:
        permit: approve a token by a signature (EIP-2612) instead of by a transaction of its own.

    Raises:
        BadInput: the account does not own as much, or the rollup takes no deposits, or not this one.
    """
    from toolkit.bridge.client import deposit_erc20, deposit_erc20_with_permit, deposit_eth

    words, chain, bridge = view.words, passage.local.chain, passage.local.contract("bridge")
    what, receiver = words.amount(token, amount), checksum(to)
    if view.replica.frozen is not None:
        raise BadInput("the rollup is frozen and takes nothing any more: a deposit would only come back")
    if amount > MAX_BALANCE:
        raise BadInput(f"{what} is more than an account can hold, {words.amount(token, MAX_BALANCE)}")
    said = f"{account.name} deposited {what}" + ("" if to == account.address_bytes else f" for {words.who(to)}")

    def told(what: str, receipt: TxReceipt) -> Deed:
        deed = Deed.of(what, receipt)
        passage.teller.deed(deed)
        return deed

    try:
        if token == ETH:
            if permit:
                raise BadInput("ETH needs no permit: --permit is for tokens")
            _check(view, account, token, amount, chain.balance(account.address))
            return told(said, deposit_eth(chain, bridge, account, amount, receiver))
        coin = chain.contract("Token", checksum(token))
        _check(view, account, token, amount, chain.call(coin.functions.balanceOf(account.address)))
        if permit:
            _check_permits(chain, coin, account, words.unit(token).symbol)
            return told(said, deposit_erc20_with_permit(chain, bridge, account, coin, amount, receiver))
        allowed = chain.call(coin.functions.allowance(account.address, bridge.address))
        if 0 < allowed < amount:  # some tokens change an allowance only from zero, or to it
            undone = chain.send(account, coin.functions.approve(bridge.address, 0))
            told(f"{account.name} took back what it had let the bridge take", undone)
        if allowed < amount:
            approval = chain.send(account, coin.functions.approve(bridge.address, amount))
            told(f"{account.name} let the bridge take {what}", approval)
        return told(said, deposit_erc20(chain, bridge, account, coin.address, amount, receiver))
    except Reverted as error:
        raise _explained(error, view, to, what) from error


def see_through(passage: Passage, name: str, *, wait: bool) -> Standing:
    """Where the deposit of an L1 transaction (0x-hex) is: now, or with ``wait`` once it is on L2 or refused."""
    if not wait:
        return passage.in_transaction(passage.look(), name)
    return passage.follow(lambda view: passage.in_transaction(view, name), lambda each: each.stage is not Stage.SENT)


def _check(view: View, account: Account, token: bytes, amount: int, owned: int) -> None:
    if owned < amount:
        words = view.words
        raise BadInput(
            f"{account.name} owns {words.amount(token, owned)} on L1, which is less than {words.amount(token, amount)}"
        )


def _check_permits(chain: Chain, token: Contract, account: Account, symbol: str) -> None:
    """Raise BadInput where a token does not know what a permit (EIP-2612) needs."""
    for function in (token.functions.DOMAIN_SEPARATOR(), token.functions.nonces(account.address)):
        request = {"to": token.address, "data": function._encode_transaction_data()}
        try:
            found = chain.rpc.call("eth_call", request, "latest")
        except RpcError:
            found = "0x"
        if len(bytes_of(found)) != _WORD:
            raise BadInput(f"{symbol} has no permits (EIP-2612: {function.fn_name}): deposit it without --permit")


def _explained(error: Reverted, view: View, to: bytes, what: str) -> L2KitError:
    who = view.words.who(to)
    sentences = {
        "BadRecipient": f"nobody could sign on L2 for {who}: it is the zero address, the bridge, or a contract",
        "InexactTransfer": f"the token does not hand over {what} exactly; those that take a fee cannot be deposited",
        "TransferFromFailed": f"the token does not hand over {what}",
    }
    sentence = sentences.get(error.error)
    return error if sentence is None else BadInput(f"{sentence} ({error})")
