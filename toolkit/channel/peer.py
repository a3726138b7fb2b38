"""A party of one channel: keys, checks and disk, without a network."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from toolkit.channel import transition
from toolkit.channel.change import Change, Offer, Pay
from toolkit.channel.guard import Stand
from toolkit.channel.state import Channel, Deposits, Lock, Side, SignedState, Signing, State, Withdrawal
from toolkit.channel.store import Store
from toolkit.channel.transition import Refusal, Tip, Update, View
from toolkit.channel.wire import Signed
from toolkit.crypto import address_of, on_all_cores, recover, sign
from toolkit.errors import ProtocolError

NO_SIGNATURE = bytes(64)
MAX_WITHDRAWAL_SECONDS = 2 * 3600
"""For how long a withdrawal that the other party asks for may be good; its units are reserved meanwhile."""


class Refused(ProtocolError):
    """The rules of the channel refuse what was asked.

    Attributes:
        reason: which rule.
    """

    def __init__(self, reason: Refusal, what: str) -> None:
        super().__init__(f"{what}: {reason.name.lower().replace('_', ' ')}")
        self.reason = reason


@dataclass(frozen=True)
class Taken:
    """What came of changes that were received.

    Attributes:
        signature: ours over the agreed state, which acknowledges what was taken; None where nothing was.
        refused: nonce and reason of the first that was not taken; nothing after it was looked at.
        changes: what was taken.
    """

    signature: bytes | None
    refused: tuple[int, Refusal] | None
    changes: tuple[Change, ...] = ()


class ChannelPeer:
    """One party of one channel, durable: whatever it signs or acknowledges is on disk before it is returned.

    Args:
        channel: the channel.
        chain_id: of its L1 (EIP-155).
        contract: the 20-byte address of PaymentChannels.
        key: the party's 32-byte private key.
        store: where the party keeps its channels; what it knows of this one goes on from there.
        deposits: on L1, for a channel that is new to the store.
        now: tells Unix time, by which locks expire; L1's where a node is asked.

    Attributes:
        view: what this party knows.
        refused: how often it refused the other party something, by reason.
        connections: how often the other party has connected; only the newest connection counts.

    Raises:
        BadInput: the key belongs to neither party.
    """

    def __init__(
        self,
        channel: Channel,
        chain_id: int,
        contract: bytes,
        key: bytes,
        store: Store,
        deposits: Deposits,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.channel = channel
        self.signing = Signing(chain_id, contract, channel.id)
        self.side = channel.side_of(address_of(key))
        self.refused: Counter[Refusal] = Counter()
        self.connections = 0
        self._key = key
        self._other = channel.party(self.side.other)
        self._store = store
        self._now = now
        known = store.load(channel)
        self.view = known or View(self.side, deposits)
        if known is None:
            store.save(channel, self.view)

    @property
    def balance(self) -> int:
        """Units this party can still pay."""
        return self.view.balance

    def pay(self, amounts: Sequence[int]) -> list[Update]:
        """Sign payments of ``amounts`` (units); they are ready to be sent. Raises as `change` does."""
        return self.change([Pay(units) for units in amounts])

    def change(self, changes: Sequence[Change]) -> list[Update]:
        """Sign changes; they are ready to be sent.

        Raises:
            Refused: for the first that cannot be made; none is.
        """
        refusal = transition.may_change(self.view)
        tip, deposits, now = self.view.tip, self.view.usable, int(self._now())
        tips: list[Tip] = []
        for change in changes:
            after = refusal or transition.changed(tip, deposits, self.side, change, now)
            if isinstance(after, Refusal):
                raise Refused(after, f"{_shown(change)} with a balance of {self.balance} units")
            tip = after
            tips.append(tip)
        updates = [
            Update(tip, change, sign(self._key, self.signing.state_digest(tip.state)))
            for tip, change in zip(tips, changes, strict=True)
        ]
        self._store.add_pending(self.channel, updates)
        self.view = transition.sent(self.view, updates)
        return updates

    def receive(self, signed: Sequence[Signed]) -> Taken:
        """Take the other party's changes in order, up to the first that breaks a rule."""
        before = tip = self.view.agreed_tip
        deposits, author, now = self.view.usable, self.side.other, int(self._now())
        refusal = transition.may_take(self.view)
        tips: list[Tip] = []
        for nonce, change, _ in signed:
            if refusal is None and nonce != tip.state.nonce + 1:
                refusal = Refusal.NOT_NEXT
            after = refusal or transition.changed(tip, deposits, author, change, now)
            if isinstance(after, Refusal):
                refusal = after
                break
            tip = after
            tips.append(tip)
        count = self._count_signed([(tip.state, each.signature) for tip, each in zip(tips, signed, strict=False)])
        if count < len(tips):
            refusal = Refusal.BAD_SIGNATURE
        refused = None if refusal is None else (signed[count].nonce, self.refuse(refusal))
        if count == 0:
            return Taken(None, refused)
        view = transition.taken(self.view, tips[count - 1], signed[count - 1].signature)
        self._store.save(self.channel, view)
        self.view = view
        assert view.agreed.nonce == before.state.nonce + count
        return Taken(self._sign(view.agreed), refused, tuple(each.change for each in signed[:count]))

    def _count_signed(self, states: Sequence[tuple[State, bytes]]) -> int:
        """How many of the states the other party has signed, up to the first that it has not; on all cores."""
        # One alone first: who forges the first of many does not make us look at the others.
        if not states or not self._by_other(*states[0]):
            return 0
        found = 1
        for part, count in on_all_cores(self._count_in_turn, states[1:]):
            found += count
            if count < len(part):
                break
        return found

    def _count_in_turn(self, states: Sequence[tuple[State, bytes]]) -> int:
        for number, (state, signature) in enumerate(states):
            if not self._by_other(state, signature):
                return number
        return len(states)

    def acknowledge(self, nonce: int, signature: bytes) -> Refusal | None:
        """Take the other party's acknowledgement of our changes; returns why it was refused."""
        state = transition.offered_state(self.view, nonce)
        by_other = state is not None and self._by_other(state, signature)
        return self._caught_up(*transition.acknowledged(self.view, nonce, signature, by_other))

    def resume(self) -> bytes:
        """Our signature over the agreed state, from which we go on; the first one goes unsigned."""
        return self._sign(self.view.agreed) if self.view.agreed.nonce else NO_SIGNATURE

    def resumed(self, theirs: State, signature: bytes, they_have_pending: bool) -> Refusal | None:
        """Take the state from which the other party goes on; returns why the two are out of step."""
        by_other = theirs.nonce > 0 and self._by_other(theirs, signature)
        return self._caught_up(*transition.resumed(self.view, theirs, signature, they_have_pending, by_other))

    def newest(self) -> SignedState:
        """The newest state with the other party's signature, to be shown on L1; the first one needs none."""
        return SignedState(self.view.agreed, self.view.proof or NO_SIGNATURE)

    def stand(self, secrets: Mapping[bytes, bytes], *, leave: bool = False) -> Stand:
        """What this party has to show on L1, with the secrets (by hash) that it knows."""
        view = self.view
        proof = view.proof or None
        by_a, by_b = (None, proof) if self.side is Side.A else (proof, None)
        on_the_way = tuple(_locks(update.tip.locks) for update in view.pending if update.tip.locks != view.locks)
        return Stand(
            self.channel, self.side, view.agreed, _locks(view.locks), by_a, by_b, _of(secrets, view),
            half_signed=bool(view.pending), leave=leave, other_locks=tuple(dict.fromkeys(on_the_way)),
        )  # fmt: skip

    def stand_for_tower(self, secrets: Mapping[bytes, bytes]) -> Stand:
        """The same for a watchtower, which may show only what both have signed."""
        view = self.view
        proof, own = (view.proof, self._sign(view.agreed)) if view.agreed.nonce else (None, None)
        by_a, by_b = (own, proof) if self.side is Side.A else (proof, own)
        return Stand(self.channel, None, view.agreed, _locks(view.locks), by_a, by_b, _of(secrets, view))

    def sign_close(self, net: int, expiry: int) -> bytes:
        """Our signature of a Close, after which no change is made or taken.

        Args:
            net: must be the agreed state's.
            expiry: last second at which it is good (Unix time).

        Raises:
            Refused: changes are on the way, locks are pending, or the net transfer is another.
        """
        refusal = transition.may_close(self.view)
        if refusal is None and net != self.view.agreed.net:
            refusal = Refusal.OTHER_TERMS
        if refusal is not None:
            raise Refused(self.refuse(refusal), f"closing with a net transfer of {net} units")
        self.freeze()
        return self.signing.sign_close(self._key, net, expiry)

    def check_close(self, net: int, expiry: int, signature: bytes) -> bool:
        """Whether the other party signed that Close."""
        return self.signing.close_signer(net, expiry, signature) == self._other

    def agree_to_withdraw(self, withdrawal: Withdrawal) -> bytes:
        """Our signature of a Withdrawal; its units are not counted as ours or theirs from now on.

        Raises:
            Refused: changes are on the way, another withdrawal is, or somebody owns less than that.
        """
        refusal = transition.may_withdraw(self.view, withdrawal)
        if refusal is not None:
            what = f"withdrawing {withdrawal.units_a} units for A and {withdrawal.units_b} for B"
            raise Refused(self.refuse(refusal), what)
        self.view = transition.withdrawing(self.view, withdrawal)
        self._store.save(self.channel, self.view)
        return sign(self._key, self.signing.withdrawal_digest(withdrawal))

    def let_withdraw(self, withdrawal: Withdrawal) -> bytes:
        """The same for the other party, who asks for its own units, and not for long. Raises as `agree_to_withdraw`."""
        ours = withdrawal.units_a if self.side is Side.A else withdrawal.units_b
        if ours or withdrawal.expiry > self._now() + MAX_WITHDRAWAL_SECONDS:
            raise Refused(self.refuse(Refusal.OTHER_TERMS), "withdrawing our units, or for longer than two hours")
        return self.agree_to_withdraw(withdrawal)

    def stay(self) -> None:
        """Forget a withdrawal that we asked for and the other party did not sign: only we could have made it."""
        self.view = transition.staying(self.view)
        self._store.save(self.channel, self.view)

    def check_withdraw(self, withdrawal: Withdrawal, signature: bytes) -> bool:
        """Whether the other party signed that Withdrawal."""
        return recover(self.signing.withdrawal_digest(withdrawal), signature) == self._other

    def sign_session(self, digest: bytes) -> bytes:
        """Our signature that opens a connection (see `toolkit.channel.wire`)."""
        return sign(self._key, digest)

    def is_other(self, address: bytes | None) -> bool:
        """Whether the 20-byte address is the other party's."""
        return address == self._other

    def freeze(self) -> None:
        """Make and take no change any more."""
        if not self.view.frozen:
            self.view = transition.frozen(self.view)
            self._store.save(self.channel, self.view)

    def seen(self, deposits: Deposits, withdrawals: int, now: int) -> None:
        """Count with what L1 shows: the deposits, how many withdrawals there have been, and its time (Unix)."""
        view = transition.seen(self.view, deposits, withdrawals, now)
        if view is not self.view:
            self.view = view
            self._store.save(self.channel, view)

    def refuse(self, reason: Refusal) -> Refusal:
        """Count a refusal and return it."""
        self.refused[reason] += 1
        return reason

    def _sign(self, state: State) -> bytes:
        return sign(self._key, self.signing.state_digest(state))

    def _by_other(self, state: State, signature: bytes) -> bool:
        return recover(self.signing.state_digest(state), signature) == self._other

    def _caught_up(self, view: View, refusal: Refusal | None) -> Refusal | None:
        if refusal is not None:
            return self.refuse(refusal)
        if view is not self.view:
            self._store.save_acknowledged(self.channel, view)
            self.view = view
        return None


def _locks(offers: Sequence[Offer]) -> tuple[Lock, ...]:
    return tuple(offer.lock for offer in offers)


def _of(secrets: Mapping[bytes, bytes], view: View) -> dict[bytes, bytes]:
    """The secrets of the locks in any state that may be shown."""
    hashes = {offer.lock.hash for tip in (view.agreed_tip, *(each.tip for each in view.pending)) for offer in tip.locks}
    return {hash_: secrets[hash_] for hash_ in sorted(hashes & secrets.keys())}


def _shown(change: Change) -> str:
    return f"payment of {change.units} units" if isinstance(change, Pay) else type(change).__name__.lower()
