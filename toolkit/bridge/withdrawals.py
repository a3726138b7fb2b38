"""A withdrawal as somebody asks for it: by the sequencer, through L1 without it, or paid early by a provider."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import cast

from toolkit.bridge.amounts import Words, span, utc
from toolkit.bridge.passage import POLL_SECONDS, Deed, Look, Passage
from toolkit.bridge.provider_client import ProviderClient, Quote
from toolkit.bridge.standing import Stage, Standing
from toolkit.bridge.view import View
from toolkit.devnet.accounts import Account, checksum
from toolkit.devnet.l1 import hex_of
from toolkit.errors import BadInput, ProtocolError, Reverted, ServiceError
from toolkit.rollup.client import OperationRefused
from toolkit.rollup.codec import WHOLE_BALANCE, is_representable, round_amount_down
from toolkit.rollup.machine import State, account_hint, apply_message, forced_data
from toolkit.rollup.operations import Withdraw

SEEN_SECONDS = 10.0
"""How long the provider may take to look at L1."""
PAID_SECONDS = 30.0
"""How long a payment that the provider tells of may take to be seen on L1."""
MOST_FEE_PERCENT = 5
"""Of a withdrawal's amount, what a fast exit may cost where nobody says more."""
MOST_QUOTE_SECONDS = 24 * 3600
"""How long terms may be good: who could pay on them for long would do so when the fee is no longer earned."""
UNPOSTED_SECONDS = 15.0
"""How long the sequencer may take to post what it has promised, before a withdrawal goes past it."""


def check_amount(words: Words, token: bytes, amount: int, carrier: str = "withdrawal") -> None:
    """Raise BadInput where one operation cannot carry exactly so many base units; the message has the next below."""
    if amount == WHOLE_BALANCE or is_representable(amount):
        return
    below = round_amount_down(amount)
    if below == 0 or amount > WHOLE_BALANCE:
        raise BadInput(f"{words.amount(token, amount)} is more than an account can hold")
    raise BadInput(
        f"{words.amount(token, amount)} has more digits than one {carrier} carries: the next below is "
        f"{words.amount(token, below)} (and 'all' takes a whole balance, whatever its digits)"
    )


def promised(
    passage: Passage, view: View, account: Account, token: bytes, amount: int, before: Callable[[bytes], object]
) -> bytes:
    """Have the sequencer take a withdrawal; returns the operation's hash when it is on its disk.

    Args:
        amount: in base units; ``codec.WHOLE_BALANCE`` is all.
        before: is told the operation's hash before it goes out.

    Raises:
        BadInput: the account does not hold as much, or the amount cannot be carried.
        OperationRefused: the sequencer does not take it.
        ServiceError: it does not answer.
    """
    check_amount(view.words, token, amount)
    _check_lives(view, account)
    client = passage.local.service("sequencer")
    try:
        check_held(view.words, account, token, amount, client.account(account.address_bytes, token).balance)
        return client.withdraw(account, amount, token, before=before).hash
    except ServiceError as error:
        raise ServiceError(f"{error}: 'l2kit withdraw --forced' goes through L1 without it") from error
    except OperationRefused as error:
        raise OperationRefused(f"the sequencer refuses: {error}") from error
    finally:
        client.close()


def forced(passage: Passage, view: View, account: Account, token: bytes, amount: int) -> Deed:
    """Bring a withdrawal to the Inbox on L1, past the sequencer, from what L1 alone says of the account.

    Arguments and errors as of `promised`.
    """
    check_amount(view.words, token, amount)
    _check_lives(view, account)
    view = _wait_for_promises(passage, view, account, token)
    state, words = _to_come(view), view.words
    index = state.index_of(account.address_bytes, token)
    if index is None:
        raise BadInput(f"{account.name} holds no {words.unit(token).symbol} on L2, as far as L1 knows")
    check_held(words, account, token, amount, state.accounts[index].balance)
    operation = Withdraw(index, token, amount, 0, state.accounts[index].nonce)
    record = operation.record(operation.sign(state.genesis.domain, account.key)).encode()
    what = f"all its {words.unit(token).symbol}" if amount == WHOLE_BALANCE else words.amount(token, amount)
    inbox = passage.local.contract("inbox")
    receipt = passage.local.chain.send(account, inbox.functions.send(forced_data(record)))
    return Deed.of(f"{account.name} sent a withdrawal of {what} to the Inbox on L1", receipt)


def posted(passage: Passage, name: str) -> tuple[bytes, int]:
    """The token (20 bytes) and the number of a withdrawal that L1 has. Raises BadInput where it has it not (yet)."""
    subject = passage.only_withdrawal(name).subject
    if subject.withdrawal is None or subject.token is None:
        raise BadInput(f"the withdrawal {name} is not on L1 yet: no provider pays it")
    return subject.token, subject.withdrawal


def exit_early(passage: Passage, account: Account, index: int, most: int | None = None) -> Standing:
    """Have the liquidity provider pay a withdrawal now, less a fee; it takes the claim over. Returns where it is then.

    Args:
        account: the withdrawal's owner, who signs.
        most: base units that the fee may be at most; None: `MOST_FEE_PERCENT` of the amount.

    Raises:
        BadInput: it is not the account's, or was paid, or the fee is higher.
        ExitRefused (`toolkit.bridge.provider_client`): the provider does not pay it.
        ServiceError: the provider does not answer, or L1 does not show the payment that it tells of.
        ProtocolError: what it answers is no quote for this withdrawal.
    """
    view = passage.look()
    standing, words, withdrawal = view.of_withdrawal(index), view.words, view.replica.state.withdrawals[index]
    if withdrawal.owner != account.address_bytes:
        raise BadInput(f"withdrawal {index} is {words.who(withdrawal.owner)}'s, who alone can have it paid early")
    if standing.over or standing.stage is Stage.CLAIMABLE:
        raise BadInput(f"withdrawal {index} is {standing.stage.value} already: there is nothing to be paid early")
    client = passage.local.provider()
    try:
        _wait_until_seen(client, view.replica.places.withdrawal(index).block)
        quote = client.quote(withdrawal)
        _check_terms(words, quote, passage.look().now, most)
        provider, paid = words.who(quote.provider), words.amount(withdrawal.token, quote.paid)
        passage.teller.note(
            f"{provider} offers {paid} now, a fee of {words.amount(withdrawal.token, quote.fee)} "
            f"({100 * quote.fee / withdrawal.amount:.2f} %) less; without it {account.name} waits {span(quote.seconds)}"
        )
        named = client.exit(account, quote)
    finally:
        client.close()
    (receipt,) = passage.local.chain.receipts([_wait_until_paid(passage, quote, named)])
    passage.teller.deed(Deed.of(f"{provider} paid {paid} to {account.name} on L1", receipt))
    return passage.look().of_withdrawal(index)


def see_through(
    passage: Passage,
    look: Look,
    account: Account,
    *,
    wait: bool,
    fast: bool = False,
    most: int | None = None,
    before: Callable[[int], object] = lambda _: None,
) -> Standing:
    """Where a withdrawal is that ``look`` finds: now, or with ``wait`` or ``fast`` once its owner is paid.

    Args:
        account: its owner.
        wait: until it can be claimed, and claim it.
        fast: have the provider pay it early instead, for ``most`` base units at most (see `exit_early`).
        before: is told its index before the provider is asked.
    """
    if fast:
        standing = passage.follow(look, lambda each: each.subject.withdrawal is not None)
        if (index := standing.subject.withdrawal) is not None:
            before(index)
            standing = exit_early(passage, account, index, most)
        return standing
    if not wait:
        return look(passage.look())
    standing = passage.follow(look, lambda each: each.stage is Stage.CLAIMABLE)
    return collect(passage, passage.look(), look) if standing.stage is Stage.CLAIMABLE else standing


def goes_on(index: int) -> str:
    """What becomes of a withdrawal that no provider pays early."""
    return f"withdrawal {index} goes on without it: 'l2kit claim {index} --wait'"


def _check_terms(words: Words, quote: Quote, now: int, most: int | None) -> None:
    """Raise where what a provider asks for is not to be signed at ``now`` (L1's time)."""
    withdrawal = quote.withdrawal
    token, fee = withdrawal.token, words.amount(withdrawal.token, quote.fee)
    if most is None and quote.fee * 100 > withdrawal.amount * MOST_FEE_PERCENT:
        raise BadInput(
            f"the fee would be {fee}, more than {MOST_FEE_PERCENT} % of {words.amount(token, withdrawal.amount)}, and "
            "only --max-fee allows that"
        )
    if most is not None and quote.fee > most:
        raise BadInput(f"the fee would be {fee}, more than {words.amount(token, most)}")
    if not now <= quote.expiry <= now + MOST_QUOTE_SECONDS:
        raise ProtocolError(
            f"{words.who(quote.provider)} wants a signature that is good until {quote.expiry}, which is not within a "
            f"day from {now} (L1's time in seconds): nothing was signed"
        )


def _wait_until_paid(passage: Passage, quote: Quote, named: bytes) -> bytes:
    """The L1 transaction (its hash) that paid a withdrawal early, as L1 shows it; the provider names one."""
    leaf, deadline = quote.withdrawal.leaf(), time.monotonic() + PAID_SECONDS
    while (seen := passage.look().replica.bridge.exits.get(leaf)) is None:
        if time.monotonic() > deadline:
            raise ServiceError(
                f"the provider says that {hex_of(named)} has paid withdrawal {quote.withdrawal.index}, but L1 shows no "
                f"such payment within {PAID_SECONDS:g} s; it may still pay until {utc(quote.expiry)}"
            )
        time.sleep(POLL_SECONDS)
    return seen


def _wait_until_seen(client: ProviderClient, block: int) -> None:
    """Wait until the provider has looked at L1 up to a block; it says what it makes of that."""
    deadline = time.monotonic() + SEEN_SECONDS
    while time.monotonic() < deadline:
        seen = client.status().get("l1Block")
        if isinstance(seen, int) and seen >= block:
            break
        time.sleep(POLL_SECONDS)


def claim(passage: Passage, name: str, *, wait: bool) -> Standing:
    """Have a withdrawal paid, and confirmed before if that is all that is missing; returns where it is then.

    Raises:
        BadInput: it cannot be claimed (yet, where ``wait`` is false; or any more).
    """

    def look(view: View) -> Standing:
        return passage.only_withdrawal(name, view)

    view = passage.look()
    if look(view).stage is Stage.DUE:
        passage.confirm(view)
        view = passage.look()
    if wait and not _is_claimable(view, look(view)):
        passage.follow(look, lambda standing: standing.stage is Stage.CLAIMABLE)
        view = passage.look()
    standing = look(view)
    if not _is_claimable(view, standing):
        then = f", and waits for {standing.waits_for}" if standing.waits_for else f": {standing.happened[-1]}"
        raise BadInput(f"the withdrawal {name} cannot be claimed: it is {standing.stage.value}{then}")
    return collect(passage, view, look)


def collect(passage: Passage, view: View, look: Look) -> Standing:
    """Claim what ``look`` finds claimable; returns where it is then, and tells where that is not as one might think."""
    is_ours = passage.claim(view, cast(int, look(view).subject.withdrawal))
    view = passage.look()
    standing = look(view)
    if not is_ours:
        passage.teller.note(f"somebody else was faster: {standing.news}")
    elif owed := view.owed_said(standing):
        passage.teller.note(owed)
    return standing


def claim_credit(passage: Passage, account: Account, token: bytes, to: bytes) -> None:
    """Pay what the bridge owes an account, because a payment to it failed, to ``to`` (20 bytes).

    Raises:
        BadInput: it owes nothing, or ``to`` does not take it either.
    """
    from toolkit.bridge import client

    view, local = passage.look(), passage.local
    words, owed = view.words, view.replica.bridge.credits.get((token, account.address_bytes), 0)
    if not owed:
        raise BadInput(f"the bridge owes {account.name} no {words.unit(token).symbol}: no payment to it has failed")
    said = f"had the {words.amount(token, owed)} that the bridge owed it paid to {words.who(to)}"
    bridge, coin, receiver = local.contract("bridge"), checksum(token), checksum(to)
    try:
        passage.do(said, lambda payer: client.claim_credit(local.chain, bridge, payer, coin, receiver))
    except Reverted as error:
        if error.error != "PayoutFailed":
            raise
        raise BadInput(
            f"{words.who(to)} does not take it, so the bridge still owes it ({error}); name another"
        ) from error


def _is_claimable(view: View, standing: Standing) -> bool:
    """Whether a claim pays, also that of a provider who has paid early."""
    index = standing.subject.withdrawal
    return index is not None and index < view.claimable and index not in view.replica.bridge.claimed


def _check_lives(view: View, account: Account) -> None:
    if view.replica.frozen is not None:
        raise BadInput(f"the rollup is frozen: 'l2kit escape --for {account.name}' pays what its last state holds")


def check_held(words: Words, account: Account, token: bytes, amount: int, held: int) -> None:
    """Raise BadInput where an account that holds ``held`` on L2 does not have ``amount`` (base units)."""
    if not held or (amount != WHOLE_BALANCE and held < amount):
        less = "" if amount == WHOLE_BALANCE else f", which is less than {words.amount(token, amount)}"
        raise BadInput(f"{account.name} holds {words.amount(token, held)} on L2{less}")


def _to_come(view: View) -> State:
    """The state after all that waits in the Inbox: what is signed now comes after that."""
    state, history = view.replica.state.copy(), view.replica.history
    for message in (*history.required, *history.arrived):
        apply_message(state, replace(message, account=account_hint(state, message)))
    return state


def _wait_for_promises(passage: Passage, view: View, account: Account, token: bytes) -> View:
    """Wait until L1 has what the sequencer took of this account; for a while only, since it need not tell the truth.

    An operation carries the account's nonce: one that is signed before another, which is then posted, is good for
    nothing.
    """
    try:
        client = passage.local.service("sequencer")
        try:
            nonce = client.account(account.address_bytes, token).nonce
        finally:
            client.close()
    except ServiceError:
        return view
    deadline = time.monotonic() + UNPOSTED_SECONDS
    while time.monotonic() < deadline:
        state = view.replica.state
        index = state.index_of(account.address_bytes, token)
        if nonce <= (0 if index is None else state.accounts[index].nonce):
            break
        time.sleep(POLL_SECONDS)
        view = passage.look()
    return view
