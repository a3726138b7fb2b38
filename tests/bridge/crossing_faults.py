"""Of everything that is right, versions that are not: L1 must refuse each of them, whatever has happened before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from toolkit.bridge.claims import Claim
from toolkit.bridge.escape import Consumption, Final
from toolkit.bridge.terms import FastExit
from toolkit.crypto import Domain, keccak256
from toolkit.rollup.dispute import game as g
from toolkit.rollup.inbox import Message
from toolkit.rollup.machine import State, Withdrawal, deposit_data
from toolkit.rollup.witness import holding_witness

from .crossing_model import ETH
from .crossing_people import CHEAT


def of_list(messages: Sequence[Message], now: int) -> Iterator[list[Message]]:
    """Other messages than a batch must consume."""
    if messages:
        yield [*messages[1:]]
        yield [*messages, messages[0]]
    if [each.hash for each in messages] != [each.hash for each in messages[::-1]]:
        yield [*messages[::-1]]
    yield [*messages, Message(CHEAT, now, b"")]


def of_assertion(claim: g.Claim, parent: g.Claim, last: int) -> Iterator[g.Claim]:
    """Assertions that cannot be made; ``last`` is the newest batch."""
    yield replace(claim, accumulator=_another(claim.accumulator)[:28])
    yield replace(claim, batch=last + 1)
    yield replace(claim, batch=parent.batch, accumulator=parent.accumulator)
    yield replace(claim, parent=_another(claim.parent))


def of_claim(claim: Claim, other_token: bytes) -> Iterator[Claim]:
    """Claims of what nobody withdrew, or with a wrong proof."""
    withdrawal, proof = claim.withdrawal, claim.proof
    yield replace(claim, withdrawal=replace(withdrawal, owner=CHEAT))
    yield replace(claim, withdrawal=replace(withdrawal, token=other_token))
    yield replace(claim, withdrawal=replace(withdrawal, amount=withdrawal.amount + 1))
    yield replace(claim, withdrawal=replace(withdrawal, index=withdrawal.index ^ 1))
    yield replace(claim, withdrawal=replace(withdrawal, index=withdrawal.index + (1 << len(proof))))
    yield replace(claim, outbox_root=_another(claim.outbox_root))
    yield replace(claim, proof=(*proof, _another(withdrawal.leaf())))
    if proof:
        yield replace(claim, proof=(*proof[:-1], _another(proof[-1])))


Exit = tuple[bytes, Withdrawal, FastExit, bytes, int]
"""The arguments of `Crossing.exit_fast`."""


def of_exit(right: Exit, domain: Domain, keys: dict[bytes, bytes], now: int) -> Iterator[Exit]:
    """Fast exits that the owner has not agreed to, or not so, or that the provider did not mean."""
    sender, withdrawal, terms, signature, value = right

    def signed(terms: FastExit, of: Withdrawal = withdrawal) -> bytes:
        return terms.sign(domain, of, keys[withdrawal.owner])

    yield sender, withdrawal, terms, terms.sign(domain, withdrawal, keys[CHEAT]), value
    yield CHEAT, withdrawal, terms, signature, value
    expired = replace(terms, expiry=now - 1)
    yield sender, withdrawal, expired, signed(expired), value
    elsewhere = replace(terms, accumulator=_another(terms.accumulator)[:28])
    yield sender, withdrawal, elsewhere, signed(elsewhere), value
    greedy = replace(terms, fee=withdrawal.amount + 1)
    yield sender, withdrawal, greedy, signed(greedy), 0
    yield sender, withdrawal, terms, signature, value + 1
    if value:
        yield sender, withdrawal, terms, signature, value - 1
    if terms.fee < withdrawal.amount:
        less = value - 1 if withdrawal.token == ETH else value
        yield sender, withdrawal, replace(terms, fee=terms.fee + 1), signature, less
    yield sender, replace(withdrawal, owner=CHEAT), terms, signature, value
    yield sender, replace(withdrawal, index=withdrawal.index + 1), terms, signature, value


def of_escape(state: State, account: int) -> Iterator[bytes]:
    """Witnesses that are not of the state, or not of what is in it."""
    state.fees += 1
    yield holding_witness(state, account)
    state.fees -= 1
    forged = state.copy()
    held = forged.accounts[account]
    forged.accounts[account] = held._replace(owner=CHEAT)
    yield holding_witness(forged, account)
    forged.accounts[account] = held._replace(balance=held.balance + 1)
    yield holding_witness(forged, account)


def of_final(final: Final) -> Iterator[Final]:
    """Assertions that nobody made."""
    yield replace(final, batch=final.batch + 1)
    yield replace(final, parent=_another(final.parent))
    yield replace(final, inner_hash=_another(final.inner_hash))


def of_recovery(found: Consumption, preimage: bytes, bridge: bytes) -> Iterator[tuple[Consumption, bytes]]:
    """Messages that no batch has consumed, or not there."""
    yield found, preimage[:-1] + bytes([preimage[-1] ^ 1])
    yield found, CHEAT + preimage[20:]
    leaves, after = found.posted.message_leaves, found.place + 1
    if after == len(leaves) or leaves[after] != leaves[found.place]:  # else it is a twin, which may be next to it
        yield replace(found, place=after), preimage
    yield replace(found, hint=found.hint ^ 1), preimage
    yield replace(found, before=_another(found.before)[:28]), preimage
    forged = Message(bridge, found.posted.timestamp, deposit_data(ETH, CHEAT, 10**6))
    posted = replace(found.posted, messages=[forged])
    yield replace(found, posted=posted, place=0, proof=(), hint=forged.account), forged.preimage


def _another(value: bytes) -> bytes:
    return keccak256(value)
