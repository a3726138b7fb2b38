"""What a party, or a watchtower for it, must do on L1 now: a pure function of what it holds and what L1 shows.

Nothing depends on what was done before. So a restart, a reorganisation and a transaction that came too late are no
special cases: the next sight says what is left to do. A party that does its duties at every sight, and gets into a
block within ``margin`` seconds, is paid at least what its newest state leaves it, or a newer one that it signed
itself, with every lock that pays it and whose secret it knew in time.

A secret is shown with a lock, or revealed for all (see contracts/channel/IPaymentChannels.sol). To show it is cheap,
but counts in one state only, and others can hinder it: by a newer state, or by resolving other locks of the list
first. To reveal it is safe. So it is revealed where a newer state may come (one that we signed without an answer,
``half_signed``; a tower never knows), and in a closing channel when less than ``margin`` is left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from toolkit.channel import calls
from toolkit.channel.calls import NO_SECRET
from toolkit.channel.position import Position
from toolkit.channel.state import FIRST_STATE, Channel, Lock, Side, SignedState, State, locks_root
from toolkit.crypto import keccak256
from toolkit.errors import BadInput


@dataclass(frozen=True)
class Stand:
    """What a party, or its tower, holds of one channel.

    Attributes:
        channel: its descriptor.
        side: whose stand it is; None for a tower, which may only show what both signed.
        newest: the newest state that the other party signed (a tower: both); `FIRST_STATE` where there is none.
        locks: its pending locks, in order.
        by_a, by_b: the 64-byte signatures over it, as far as held. A party needs the other's, a tower both.
        secrets: all that are known, by hash.
        half_signed: whether the party signed something newer to which the other one has not answered.
        leave: whether the owner wants to leave alone.
        other_locks: the lists of locks of what was half signed, as far as they are not `locks`.

    Raises:
        BadInput: a signature that is needed is missing or none, a secret is none, or the locks are not the state's.
    """

    channel: Channel
    side: Side | None
    newest: State = FIRST_STATE
    locks: tuple[Lock, ...] = ()
    by_a: bytes | None = None
    by_b: bytes | None = None
    secrets: Mapping[bytes, bytes] = field(default_factory=dict)
    half_signed: bool = False
    leave: bool = False
    other_locks: tuple[tuple[Lock, ...], ...] = ()

    def __post_init__(self) -> None:
        if self.newest.nonce > 0 and (
            (self.by_a is None and self.side is not Side.A) or (self.by_b is None and self.side is not Side.B)
        ):
            raise BadInput(f"a signature of state {self.newest.nonce} of channel 0x{self.channel.id.hex()} is missing")
        for data, size in ((self.by_a, 64), (self.by_b, 64), *((secret, 32) for secret in self.secrets.values())):
            if data is not None and len(data) != size:
                raise BadInput(f"signatures are 64 bytes and secrets 32, not {len(data)}: 0x{data.hex()}")
        if locks_root(self.locks) != self.newest.locks:
            raise BadInput(
                f"{len(self.locks)} locks are not those of state {self.newest.nonce}, whose root is"
                f" 0x{self.newest.locks.hex()}"
            )

    @property
    def by_other(self) -> SignedState:
        """The newest state with the other party's signature."""
        signature = self.by_b if self.side is Side.A else self.by_a
        return SignedState(self.newest, signature or bytes(64))

    @property
    def all_locks(self) -> tuple[Lock, ...]:
        """The locks of every state that may still be shown, each once."""
        return tuple(dict.fromkeys(lock for locks in (self.locks, *self.other_locks) for lock in locks))


@dataclass(frozen=True)
class Sight:
    """What L1 shows at one block.

    Attributes:
        now: the timestamp (Unix time) that a transaction sent now gets at least.
        positions: by channel id.
        pending: of the channels that are closing with locks: the root of those that are pending, and the list that an
            event told of, None where that is the list of the state shown.
        shown: the secrets that were ever shown on L1, by hash.
        revealed: when a secret was revealed (Unix time), by hash, as far as asked; 0 for not yet.
        block: its number.
    """

    now: int
    positions: Mapping[bytes, Position]
    pending: Mapping[bytes, tuple[bytes, tuple[Lock, ...] | None]] = field(default_factory=dict)
    shown: Mapping[bytes, bytes] = field(default_factory=dict)
    revealed: Mapping[bytes, int] = field(default_factory=dict)
    block: int = 0


@dataclass(frozen=True)
class Duty(ABC):
    """One call of the contract that is due.

    Attributes:
        what: its name for people.
        channel: for whose sake.
    """

    what: ClassVar[str]
    channel: Channel

    @property
    def name(self) -> tuple[str, bytes]:
        """Tells it from duties that may be under way at the same time."""
        return self.what, self.channel.id

    @abstractmethod
    def encode(self) -> bytes:
        """The calldata."""


@dataclass(frozen=True)
class CloseAlone(Duty):
    """Begin to close, as a party, with a state that the other one signed; ``locks`` where secrets are shown with it."""

    what: ClassVar[str] = "close alone"
    newest: SignedState
    locks: tuple[Lock, ...] = ()
    secrets: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        if self.locks:
            return calls.close_alone_and_unlock(self.channel, self.newest, self.locks, self.secrets)
        return calls.close_alone(self.channel, self.newest)


@dataclass(frozen=True)
class Challenge(Duty):
    """Show, as a party, a newer state that the other one signed; ``locks`` where secrets are shown with it."""

    what: ClassVar[str] = "challenge"
    newest: SignedState
    locks: tuple[Lock, ...] = ()
    secrets: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        if self.locks:
            return calls.challenge_and_unlock(self.channel, self.newest, self.locks, self.secrets)
        return calls.challenge(self.channel, self.newest)


@dataclass(frozen=True)
class ChallengeSigned(Duty):
    """Show, as anybody, a newer state that both signed."""

    what: ClassVar[str] = "challenge"
    newest: State
    by_a: bytes
    by_b: bytes

    def encode(self) -> bytes:
        return calls.challenge_signed(self.channel, self.newest, self.by_a, self.by_b)


@dataclass(frozen=True)
class Unlock(Duty):
    """Show secrets of locks that are pending in a closing channel."""

    what: ClassVar[str] = "unlock"
    locks: tuple[Lock, ...]
    secrets: tuple[bytes, ...]

    def encode(self) -> bytes:
        return calls.unlock_now(self.channel, self.locks, self.secrets)


@dataclass(frozen=True)
class Reveal(Duty):
    """Show a secret to all channels and states at once."""

    what: ClassVar[str] = "reveal"
    secret: bytes

    @property
    def name(self) -> tuple[str, bytes]:
        return self.what, keccak256(self.secret)

    def encode(self) -> bytes:
        return calls.reveal(self.secret)


@dataclass(frozen=True)
class Settle(Duty):
    """Pay both parties, now that the challenge period is over; ``locks`` where some are pending."""

    what: ClassVar[str] = "settle"
    locks: tuple[Lock, ...] = ()
    secrets: tuple[bytes, ...] = ()

    def encode(self) -> bytes:
        if self.locks:
            return calls.settle_and_unlock(self.channel, self.locks, self.secrets)
        return calls.settle_and_pay(self.channel)


def duties(stand: Stand, sight: Sight, margin: int) -> list[Duty]:
    """What is to be done now; independent of each other, so all may be sent together.

    Args:
        margin: seconds before a lock's expiry at which its secret must go to L1 at the latest. In that time a
            transaction may fail because the other party was faster, the next look at L1 must see it, and another
            transaction get into a block.
    """
    position = sight.positions.get(stand.channel.id)
    if position is None or not position.exists:
        return []
    case = _Case(stand, sight, margin)
    if not position.deadline:
        return case.while_open()
    if sight.now <= position.deadline:
        return case.while_challengeable(position)
    return case.once_final()


_NOTHING_SHOWN: tuple[tuple[Lock, ...], tuple[bytes, ...]] = ((), ())


@dataclass(frozen=True)
class _Case:
    stand: Stand
    sight: Sight
    margin: int

    def while_open(self) -> list[Duty]:
        stand = self.stand
        late = [lock for lock in stand.all_locks if self._pays_us(lock) and self._is_late(lock)]
        if stand.side is None or stand.half_signed:
            # A tower cannot close. Revealed, the secret counts whenever that is done, and with whatever state.
            found, shown = self._reveals(late), _NOTHING_SHOWN
            closes = stand.leave
        else:
            found = self._reveals(lock for lock in late if not self._can_be_shown(lock))
            shown = self._shown(stand.locks)
            closes = stand.leave or any(self._can_be_shown(lock) for lock in late)
        if closes and stand.side is not None:
            found.append(CloseAlone(stand.channel, stand.by_other, *shown))
        return found

    def while_challengeable(self, position: Position) -> list[Duty]:
        stand = self.stand
        is_older = position.nonce < stand.newest.nonce
        locks = stand.locks if is_older else self._pending()
        # Up to the deadline a newer state may take the place of the one shown, and of the secrets shown with it.
        # Whether there are such states nobody tells a tower: whoever gives it states may be the other party.
        may_be_newer = stand.half_signed or stand.side is None
        if may_be_newer:
            locks = tuple(dict.fromkeys((*stand.all_locks, *locks)))
        safer = [lock for lock in locks if self._pays_us(lock) and (may_be_newer or self._is_better_revealed(lock))]
        found = self._reveals(safer)
        if not is_older:
            return found + self._unlocks(besides=safer)
        if stand.side is not None:
            found.append(Challenge(stand.channel, stand.by_other, *self._shown(stand.locks, besides=safer)))
        elif stand.by_a is not None and stand.by_b is not None:
            found.append(ChallengeSigned(stand.channel, stand.newest, stand.by_a, stand.by_b))
        return found

    def once_final(self) -> list[Duty]:
        stand = self.stand
        if stand.side is not None and stand.channel.id not in self.sight.pending:
            return [Settle(stand.channel)]
        pending = self._pending()
        if not pending and stand.channel.id in self.sight.pending:
            # A state that a tower was never given: what counts in any list is all that it can do for its locks.
            return self._reveals(lock for lock in stand.all_locks if self._pays_us(lock))
        safer = [lock for lock in pending if self._pays_us(lock) and self._is_better_revealed(lock)]
        if stand.side is not None and pending and not safer and all(map(self._can_be_settled, pending)):
            secrets = tuple(self._secret(lock) or NO_SECRET for lock in pending)
            return [Settle(stand.channel, pending, secrets)]
        return self._reveals(safer) + self._unlocks(besides=safer)

    # Locks

    def _secret(self, lock: Lock) -> bytes | None:
        return self.stand.secrets.get(lock.hash) or self.sight.shown.get(lock.hash)

    def _is_safe(self, lock: Lock) -> bool:
        """Whether its secret was revealed in time, and so counts for ever."""
        return 0 < self.sight.revealed.get(lock.hash, 0) <= lock.expiry

    def _pays_us(self, lock: Lock) -> bool:
        """Whether its secret is worth something to us on L1, now."""
        ours = self.stand.side is None or lock.payer is not self.stand.side
        return ours and self.sight.now <= lock.expiry and not self._is_safe(lock) and self._secret(lock) is not None

    def _is_late(self, lock: Lock) -> bool:
        return lock.expiry <= self.sight.now + self.margin

    def _can_be_shown(self, lock: Lock) -> bool:
        """Whether we know its secret, and it is not the one that stands for none."""
        return self._secret(lock) not in (None, NO_SECRET)

    def _is_better_revealed(self, lock: Lock) -> bool:
        return self._is_late(lock) or not self._can_be_shown(lock)

    def _can_be_settled(self, lock: Lock) -> bool:
        return self.sight.now > lock.expiry or self._is_safe(lock) or self._can_be_shown(lock)

    def _pending(self) -> tuple[Lock, ...]:
        """The pending locks of the state shown, in order; none also where nobody has told us of them."""
        root, told = self.sight.pending.get(self.stand.channel.id, (b"", None))
        for locks in (told, self.stand.locks, *self.stand.other_locks):
            if locks and locks_root(locks) == root:
                return locks
        return ()

    # What follows from them

    def _shown(
        self, locks: tuple[Lock, ...], besides: Sequence[Lock] = ()
    ) -> tuple[tuple[Lock, ...], tuple[bytes, ...]]:
        """The locks, each with its secret where that pays us; nothing at all where none does."""
        worth = [lock for lock in locks if self._pays_us(lock) and lock not in besides]
        secrets = tuple((self._secret(lock) if lock in worth else None) or NO_SECRET for lock in locks)
        return _NOTHING_SHOWN if all(secret == NO_SECRET for secret in secrets) else (locks, secrets)

    def _unlocks(self, besides: Sequence[Lock]) -> list[Duty]:
        locks, secrets = self._shown(self._pending(), besides)
        return [Unlock(self.stand.channel, locks, secrets)] if locks else []

    def _reveals(self, locks: Iterable[Lock]) -> list[Duty]:
        secrets = dict.fromkeys(self._secret(lock) for lock in locks)
        return [Reveal(self.stand.channel, secret) for secret in secrets if secret is not None]
