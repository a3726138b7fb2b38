"""A party of one channel: keys, checks and disk, without a network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from toolkit.channel import transition
from toolkit.channel.state import Channel, Deposits, SignedState, Signing
from toolkit.channel.store import Store
from toolkit.channel.transition import Refusal, View
from toolkit.crypto import address_of, sign
from toolkit.errors import ProtocolError

NO_SIGNATURE = bytes(64)


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
    """What came of payments that were received.

    Attributes:
        acknowledgement: our signature over the newest one taken, None where none was.
        refused: nonce and reason of the first that was not taken; nothing after it was looked at.
    """

    acknowledgement: SignedState | None
    refused: tuple[int, Refusal] | None


class ChannelPeer:
    """One party of one channel, durable: whatever it signs or acknowledges is on disk before it is returned.

    Args:
        channel: the channel.
        chain_id: of its L1 (EIP-155).
        contract: the 20-byte address of PaymentChannels.
        key: the party's 32-byte private key.
        store: where the party keeps its channels; what it knows of this one goes on from there.
        deposits: on L1, for a channel that is new to the store.

    Attributes:
        view: what this party knows.
        refused: how often it refused the other party something, by reason.
        connections: how often the other party has connected; only the newest connection counts.

    Raises:
        BadInput: the key belongs to neither party.
    """

    def __init__(
        self, channel: Channel, chain_id: int, contract: bytes, key: bytes, store: Store, deposits: Deposits
    ) -> None:
        self.channel = channel
        self.signing = Signing(chain_id, contract, channel.id)
        self.side = channel.side_of(address_of(key))
        self.refused: Counter[Refusal] = Counter()
        self.connections = 0
        self._key = key
        self._other = channel.party(self.side.other)
        self._store = store
        known = store.load(channel)
        self.view = known or View(self.side, deposits)
        if known is None:
            store.save(channel, self.view)

    @property
    def balance(self) -> int:
        """Units this party can still pay."""
        return self.view.balance

    def pay(self, amounts: Sequence[int]) -> list[SignedState]:
        """Sign payments of ``amounts`` (units); they are ready to be sent.

        Raises:
            Refused: for the first that cannot be made; none is.
        """
        states, refusal = transition.payments(self.view, amounts)
        if refusal is not None:
            raise Refused(refusal, f"payment of {amounts[len(states)]} units with a balance of {self.balance}")
        signed = [self.signing.sign_state(self._key, state) for state in states]
        self._store.add_pending(self.channel, signed)
        self.view = transition.sent(self.view, signed)
        return signed

    def receive(self, payments: Sequence[SignedState]) -> Taken:
        """Take payments in order, up to the first that breaks a rule."""
        view, refused = self.view, None
        for signed in payments:
            view, refusal = transition.received(view, signed, self._by_other(signed))
            if refusal is not None:
                refused = (signed.state.nonce, self.refuse(refusal))
                break
        if view is self.view:
            return Taken(None, refused)
        self._store.save(self.channel, view)
        self.view = view
        return Taken(self.signing.sign_state(self._key, view.agreed), refused)

    def acknowledge(self, signed: SignedState) -> Refusal | None:
        """Take the other party's acknowledgement of our payments; returns why it was refused."""
        view, refusal = transition.acknowledged(self.view, signed, self._by_other(signed))
        return self._caught_up(view, refusal)

    def resume(self) -> SignedState:
        """The state from which this party goes on, signed; the first one goes unsigned."""
        if self.view.agreed.nonce == 0:
            return SignedState(self.view.agreed, NO_SIGNATURE)
        return self.signing.sign_state(self._key, self.view.agreed)

    def resumed(self, theirs: SignedState, they_have_pending: bool) -> Refusal | None:
        """Take the state from which the other party goes on; returns why the two are out of step."""
        by_other = theirs.state.nonce > 0 and self._by_other(theirs)
        view, refusal = transition.resumed(self.view, theirs, they_have_pending, by_other)
        return self._caught_up(view, refusal)

    def newest(self) -> SignedState:
        """The newest state with the other party's signature, to be shown on L1; the first one needs none."""
        return SignedState(self.view.agreed, self.view.proof or NO_SIGNATURE)

    def sign_close(self, net: int, expiry: int) -> bytes:
        """Our signature of a Close, after which no payment is made or taken.

        Args:
            net: must be the agreed state's.
            expiry: last second at which it is good (Unix time).

        Raises:
            Refused: payments are on the way, or the net transfer is another.
        """
        if self.view.pending:
            raise Refused(self.refuse(Refusal.COLLISION), f"closing with {len(self.view.pending)} payments on the way")
        if net != self.view.agreed.net:
            raise Refused(self.refuse(Refusal.OTHER_TERMS), f"closing with a net transfer of {net} units")
        self.freeze()
        return self.signing.sign_close(self._key, net, expiry)

    def check_close(self, net: int, expiry: int, signature: bytes) -> bool:
        """Whether the other party signed that Close."""
        return self.signing.close_signer(net, expiry, signature) == self._other

    def sign_session(self, digest: bytes) -> bytes:
        """Our signature that opens a connection (see `toolkit.channel.wire`)."""
        return sign(self._key, digest)

    def is_other(self, address: bytes | None) -> bool:
        """Whether the 20-byte address is the other party's."""
        return address == self._other

    def freeze(self) -> None:
        """Make and take no payment any more."""
        if not self.view.frozen:
            self.view = transition.frozen(self.view)
            self._store.save(self.channel, self.view)

    def funded(self, deposits: Deposits) -> None:
        """Count with the deposits that L1 shows."""
        if deposits != self.view.deposits:
            self.view = transition.funded(self.view, deposits)
            self._store.save(self.channel, self.view)

    def refuse(self, reason: Refusal) -> Refusal:
        """Count a refusal and return it."""
        self.refused[reason] += 1
        return reason

    def _by_other(self, signed: SignedState) -> bool:
        return self.signing.state_signer(signed) == self._other

    def _caught_up(self, view: View, refusal: Refusal | None) -> Refusal | None:
        if refusal is not None:
            return self.refuse(refusal)
        if view is not self.view:
            self._store.save_acknowledged(self.channel, view)
            self.view = view
        return None
